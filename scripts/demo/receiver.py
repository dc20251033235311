#!/usr/bin/env python3
"""The demo's receiver: takes webhooks and mail on loopback and writes a line for each into a file.

usage: receiver.py WEBHOOK_PORT SMTP_PORT FILE
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
lock = threading.Lock()


def note(line):
    with lock, open(path, "a", encoding="utf-8") as file:
        file.write(time.strftime("%H:%M:%S ") + line + "\n")


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        alerts = ", ".join(f"{a['labels'].get('alertname')} on {a['labels'].get('host', '?')}: {a['status']}" for a in body["alerts"])
        note(f"webhook  {body['status']:8}  {alerts}")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Mail:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        note(f"mail     to {', '.join(envelope.rcpt_tos)}: {message['Subject']}")
        return "250 taken"


controller = Controller(Mail(), hostname="127.0.0.1", port=smtp_port)
controller.start()
http.server.ThreadingHTTPServer(("127.0.0.1", webhook_port), Webhook).serve_forever()
