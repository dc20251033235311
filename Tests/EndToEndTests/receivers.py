#!/usr/bin/env python3
"""A webhook receiver and an SMTP server that write what they get, one JSON object a line, with the time of arrival.

usage: receivers.py WEBHOOK_PORT SMTP_PORT FILE [FAILURES]
The first FAILURES webhooks are answered 500, so that retries can be seen. Prints `ready` when both listen.
"""
import email
import email.policy
import http.server
import json
import sys
import threading
import time

from aiosmtpd.controller import Controller

webhook_port, smtp_port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
failures = int(sys.argv[4]) if len(sys.argv) > 4 else 0
lock = threading.Lock()


def note(record):
    record["arrived"] = time.time()
    with lock, open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global failures
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            status = 500 if failures > 0 else 200
            failures -= 1
        note({
            "kind": "webhook", "answered": status, "headers": {k.lower(): v for k, v in self.headers.items()}, "raw": raw.decode(),
            "body": json.loads(raw),
        })
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Mail:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        note({
            "kind": "mail", "to": envelope.rcpt_tos, "from": envelope.mail_from, "subject": message["Subject"], "id": message["Message-ID"],
            "types": [part.get_content_type() for part in message.walk()], "text": message.get_body(("plain",)).get_content(),
        })
        return "250 taken"


controller = Controller(Mail(), hostname="127.0.0.1", port=smtp_port)
controller.start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", webhook_port), Webhook)
print("ready", flush=True)
server.serve_forever()
