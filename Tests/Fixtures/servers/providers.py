#!/usr/bin/python3
"""Stands in for seven providers: it takes what their documentation says they take, refuses the rest as they would, and answers in their words.
Prints "listening PORT" when it is ready, records every request as one JSON line.

/services/T0/B0/x          Slack        api.slack.com/messaging/webhooks
/api/webhooks/1/x          Discord      discord.com/developers/docs/resources/webhook#execute-webhook
/workflows/x               Teams        a workflow's webhook, adaptive cards
/botTOKEN/sendMessage      Telegram     core.telegram.org/bots/api#sendmessage
/                          ntfy         docs.ntfy.sh/publish/#publish-as-json
/v2/enqueue                PagerDuty    developer.pagerduty.com, Events API v2
/v2/alerts[/ALIAS/close]   Opsgenie     docs.opsgenie.com/docs/alert-api
"""
import argparse
import html.parser
import http.server
import json
import re
import threading
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--record")
arguments = parser.parse_args()
lock = threading.Lock()
recorded = 0


class Refused(Exception):
    def __init__(self, status, body):
        self.status, self.body = status, body


def need(condition, status, body):
    if not condition:
        raise Refused(status, body)


def is_text(value, longest):
    return isinstance(value, str) and 0 < len(value) <= longest


def only(value, allowed, status=400, body="unknown field"):
    need(set(value) <= set(allowed), status, f"{body}: {sorted(set(value) - set(allowed))}")


def slack(headers, body):
    need(is_text(body.get("text"), 40_000) or body.get("attachments"), 400, "no_text")
    only(body, ["text", "attachments", "blocks", "mrkdwn", "thread_ts"], body="invalid_payload")
    for attachment in body.get("attachments", []):
        known = ["color", "fallback", "title", "title_link", "text", "mrkdwn_in", "footer", "ts", "fields", "pretext"]
        only(attachment, known, body="invalid_attachments")
        need(re.fullmatch("#[0-9a-f]{6}|good|warning|danger", attachment["color"]), 400, "invalid_attachments")
        need(isinstance(attachment["ts"], int), 400, "invalid_attachments")
        # What is no link must be escaped: a label must not become one.
        need(not re.search("[<>]", attachment["text"] + body["text"]), 400, "unescaped")
    return 200, "ok"


def discord(headers, body):
    only(body, ["username", "content", "embeds", "allowed_mentions", "avatar_url", "tts"], body='{"code": 50035}')
    need(body.get("content") or body.get("embeds"), 400, '{"message": "Cannot send an empty message", "code": 50006}')
    need(len(body.get("embeds", [])) <= 10, 400, '{"code": 50035}')
    total = 0
    for embed in body["embeds"]:
        need(is_text(embed["title"], 256) and is_text(embed["description"], 4096), 400, '{"code": 50035, "message": "Invalid Form Body"}')
        need(isinstance(embed["color"], int) and 0 <= embed["color"] <= 0xFFFFFF, 400, '{"code": 50035}')
        need(re.match(r"\d{4}-\d\d-\d\dT", embed["timestamp"]), 400, '{"code": 50035}')
        total += len(embed["title"]) + len(embed["description"])
    need(total <= 6000, 400, '{"code": 50035}')
    need(body.get("allowed_mentions") == {"parse": []}, 400, "a label could call everybody")
    return 204, ""


def teams(headers, body):
    need(len(json.dumps(body)) <= 28_000, 413, "too large")
    need(body.get("type") == "message" and len(body["attachments"]) == 1, 400, "Bad payload received by generic incoming webhook.")
    card = body["attachments"][0]
    need(card["contentType"] == "application/vnd.microsoft.card.adaptive" and "contentUrl" in card, 400, "Bad payload")
    content = card["content"]
    need(content["type"] == "AdaptiveCard" and content["version"] in ("1.2", "1.3", "1.4"), 400, "Bad payload")
    need(all(block["type"] == "TextBlock" and block["text"] for block in content["body"]), 400, "Bad payload")
    return 202, ""


class Markup(html.parser.HTMLParser):
    """Telegram's HTML: a few tags, and every other < & escaped."""
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.open, self.isGood = "", [], True

    def handle_starttag(self, tag, attributes):
        self.isGood = self.isGood and tag in ("b", "strong", "i", "em", "u", "s", "a", "code", "pre")
        self.open.append(tag)

    def handle_endtag(self, tag):
        self.isGood = self.isGood and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def telegram(headers, body):
    def refused(words):
        return json.dumps({"ok": False, "error_code": 400, "description": "Bad Request: " + words})
    need(body.get("chat_id"), 400, refused("chat_id is empty"))
    need(is_text(body.get("text"), 100_000), 400, refused("message text is empty"))
    only(body, ["chat_id", "text", "parse_mode", "link_preview_options", "disable_notification", "message_thread_id"])
    markup = Markup()
    markup.feed(body["text"])
    need(body["parse_mode"] == "HTML" and markup.isGood and not markup.open, 400, refused("can't parse entities"))
    need(len(markup.text) <= 4096, 400, refused("message is too long"))
    return 200, json.dumps({"ok": True, "result": {"message_id": 7, "chat": {"id": body["chat_id"]}, "text": markup.text}})


def ntfy(headers, body):
    def refused(words):
        return json.dumps({"code": 40001, "http": 400, "error": words})
    only(body, ["topic", "title", "message", "priority", "tags", "click", "markdown", "actions"])
    need(re.fullmatch("[-_A-Za-z0-9]{1,64}", body.get("topic", "")), 400, refused("topic invalid"))
    need(body["priority"] in range(1, 6), 400, refused("priority invalid"))
    need(len(body["message"].encode()) <= 4096, 400, refused("message too long"))
    need(all(isinstance(tag, str) for tag in body["tags"]), 400, refused("tags invalid"))
    return 200, json.dumps({"id": "abc", "event": "message", "topic": body["topic"]})


def pagerduty(headers, body):
    def refused(*words):
        return json.dumps({"status": "invalid event", "message": "Event object is invalid", "errors": words})
    need(len(body.get("routing_key", "")) == 32, 400, refused("Length of 'routing_key' is incorrect (should be 32 characters)"))
    need(body.get("event_action") in ("trigger", "acknowledge", "resolve"), 400, refused("'event_action' is invalid"))
    need(is_text(body.get("dedup_key"), 255), 400, refused("'dedup_key' is invalid"))
    payload = body.get("payload", {})
    if body["event_action"] == "trigger":
        need(is_text(payload.get("summary"), 1024), 400, refused("'payload.summary' is missing or blank"))
        need(is_text(payload.get("source"), 1024), 400, refused("'payload.source' is missing or blank"))
    need(payload.get("severity", "info") in ("critical", "error", "warning", "info"), 400, refused("'payload.severity' is invalid"))
    need(isinstance(payload.get("custom_details", {}), dict), 400, refused("'payload.custom_details' is invalid"))
    need(len(json.dumps(body)) <= 512 * 1024, 413, "too large")
    return 202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]})


def opsgenie(headers, body, rest, query):
    need(headers.get("authorization", "").startswith("GenieKey "), 401, json.dumps({"message": "Key format is not valid!"}))
    if rest:
        need(len(rest) == 2 and rest[1] == "close" and query.get("identifierType") == ["alias"], 404, "not found")
        only(body, ["user", "source", "note"])
    else:
        need(is_text(body.get("message"), 130), 422, json.dumps({"message": "Request body is not processable."}))
        need(is_text(body.get("alias"), 512) and len(body.get("description", "")) <= 15_000, 422, "not processable")
        details = body.get("details", {})
        need(all(isinstance(value, str) for value in details.values()) and len(json.dumps(details)) <= 8_000, 422, "not processable")
        need(body.get("priority") in ("P1", "P2", "P3", "P4", "P5"), 422, "not processable")
        need(len(body.get("tags", [])) <= 20 and all(len(tag) <= 50 for tag in body.get("tags", [])), 422, "not processable")
    return 202, json.dumps({"result": "Request will be processed", "took": 0.1, "requestId": "43a29c5c"})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        global recorded
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        place = urllib.parse.urlsplit(self.path)
        parts, query = place.path.strip("/").split("/"), urllib.parse.parse_qs(place.query)
        try:
            need(headers.get("content-type", "").startswith("application/json"), 415, "content type")
            body = json.loads(raw)
            if parts[0] == "services":
                status, answer = slack(headers, body)
            elif parts[:2] == ["api", "webhooks"]:
                status, answer = discord(headers, body)
            elif parts[0] == "workflows":
                status, answer = teams(headers, body)
            elif parts[0].startswith("bot"):
                need(parts == ["botT0KEN", "sendMessage"], 401, '{"ok":false,"error_code":401,"description":"Unauthorized"}')
                status, answer = telegram(headers, body)
            elif parts == [""]:
                status, answer = ntfy(headers, body)
            elif parts == ["v2", "enqueue"]:
                status, answer = pagerduty(headers, body)
            elif parts[:2] == ["v2", "alerts"]:
                status, answer = opsgenie(headers, body, parts[2:], query)
            else:
                status, answer = 404, "not found"
        except Refused as problem:
            status, answer = problem.status, problem.body
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            status, answer = 400, f"{type(problem).__name__}: {problem}"
        with lock:
            recorded += 1
            with open(arguments.record, "a") as file:
                file.write(json.dumps({"path": self.path, "status": status, "headers": headers, "body": raw.decode()}) + "\n")
            print("recorded", recorded, flush=True)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer.encode())))
        self.end_headers()
        self.wfile.write(answer.encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
server.daemon_threads = True
print("listening", server.server_address[1], flush=True)
server.serve_forever()
