#!/usr/bin/env python3
"""A webhook receiver and a mail server that fail half of the time, each in every way there is, and count what they accepted.

usage: kill_receivers.py WEBHOOK_PORT SMTP_PORT REPORT SEED
Half of what comes is not taken, or taken without a word of it: 500, 503, 429, a connection that closes before anything is read; a connection that
closes after all was read and kept, before the answer or in the middle of it. They look at the key (Idempotency-Key, Message-ID) and keep each once.
When a file REPORT.ask is there, REPORT is written anew: for each channel the keys, and for each alert and state the keys under which it was told.
Prints `ready` when both listen.
"""
import asyncio
import email
import email.policy
import http.server
import json
import os
import random
import re
import sys
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

webhook_port, smtp_port, report_path, seed = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
lock = threading.Lock()
chance = random.Random(seed)
isGood = False


class Book:
    """What one receiver was told."""
    def __init__(self):
        self.keys, self.repeated, self.digests, self.refused = set(), 0, 0, 0
        # "alert state" to the keys under which it was told.
        self.told = {}

    def accept(self, key, alerts, isDigest):
        with lock:
            if key in self.keys:
                self.repeated += 1
                return
            self.keys.add(key)
            self.digests += isDigest
            for alert in alerts:
                self.told.setdefault(alert, []).append(key)

    def report(self):
        return {"keys": len(self.keys), "repeated": self.repeated, "digests": self.digests, "refused": self.refused, "told": self.told}


webhooks, mails = Book(), Book()


def mood():
    """What becomes of one attempt: half of them are well."""
    with lock:
        return "well" if isGood or chance.random() < 0.5 else chance.choice(["500", "503", "429", "closed", "kept", "cut"])


class Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        what = mood()
        if what == "closed":
            webhooks.refused += 1
            self.close_connection = True
            self.connection.close()
            return
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if what in ("500", "503", "429"):
            webhooks.refused += 1
            return self.answer(int(what))
        body = json.loads(raw)
        alerts = [f'{alert["labels"]["number"]} {alert["status"]}' for alert in body["alerts"] if alert["labels"]["alertname"] == "Kill"]
        assert body["truncatedAlerts"] == 0
        webhooks.accept(self.headers["Idempotency-Key"], alerts, "digest" in body)
        if what == "kept":
            self.close_connection = True
            self.connection.close()
        elif what == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b"only this")
            self.close_connection = True
        else:
            self.answer(200)

    def answer(self, status):
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Mail:
    async def handle_DATA(self, server, session, envelope):
        what = mood()
        if what in ("500", "503", "429"):
            mails.refused += 1
            return "451 4.3.0 try again later"
        if what == "closed":
            mails.refused += 1
            server.transport.abort()
            return "451 never heard"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = message.get_body(("plain",)).get_content()
        alerts, state = [], "firing"
        for line in text.splitlines():
            if re.fullmatch(r"\d+ (firing|resolved)", line):
                state = line.split()[1]
            elif line.startswith("  number = "):
                alerts.append(f"{line.split()[2]} {state}")
            elif line.startswith("  - ") and (number := re.search(r"\bnumber=(\d+)", line)):
                alerts.append(f"{number[1]} {state}")
        mails.accept(message["Message-ID"], alerts, "digest of" in message["Subject"])
        if what in ("kept", "cut"):
            server.transport.abort()
        return "250 taken"


class Quiet(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="kill", ident="kill", data_size_limit=None)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # Who was killed closed the connection.
        pass


controller = Quiet(Mail(), hostname="127.0.0.1", port=smtp_port)
controller.start()
server = Server(("127.0.0.1", webhook_port), Webhook)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
while True:
    if os.path.exists(report_path + ".good"):
        isGood = True
    if os.path.exists(report_path + ".ask"):
        os.unlink(report_path + ".ask")
        with lock:
            text = json.dumps({"webhook": webhooks.report(), "mail": mails.report()})
        with open(report_path + ".new", "w") as file:
            file.write(text)
        os.rename(report_path + ".new", report_path)
    time.sleep(0.02)
