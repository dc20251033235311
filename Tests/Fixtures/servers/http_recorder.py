#!/usr/bin/python3
"""A real HTTP(S) server for tests. Prints "listening PORT" when it is ready, records every request as one JSON line.

--port N        0 (the default): any free port
--record FILE   one line a request: {"path", "method", "headers", "body", "client", "at"}
--cert, --key   serve TLS
--ca FILE       only for clients whose certificate this authority signed
--tls VERSION   this one only: TLSv1_2, TLSv1_3
--claims-http2  says that it speaks HTTP/2, which it does not

Paths: /echo answers the request as JSON; /status/N answers N; /status/N/retry/S adds Retry-After; /flaky/N[/…] answers 503 to the first N
requests of that path, then 200; /token gives OAuth tokens to the client "id" with the secret "s p&c", which /token/body reads from the body and else from a header;
/token/ends/S says that they end in S seconds; /guarded takes the last token; /slow/S waits S seconds; /big/N sends N bytes; /redirect goes to /echo, /redirect?to=URL there; /drop closes without an answer; /cut closes in the middle of its body;
anything else answers 200.
"""
import argparse
import base64
import http.server
import json
import ssl
import threading
import time
import urllib.parse

lock = threading.Lock()
seen = {}
tokens = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        record = {
            "path": self.path,
            "method": self.command,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("utf-8", "replace"),
            "client": self.client_address[1],
            "at": time.time(),
        }
        with lock:
            seen[self.path] = seen.get(self.path, 0) + 1
            count = seen[self.path]
            if arguments.record:
                with open(arguments.record, "a") as file:
                    file.write(json.dumps(record) + "\n")
            print("recorded", sum(seen.values()), flush=True)
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] == "echo":
            self.answer(200, json.dumps(record).encode(), Content_Type="application/json")
        elif parts[0] == "status":
            headers = {"Retry_After": parts[3]} if len(parts) > 3 else {}
            self.answer(int(parts[1]), b"as you asked", **headers)
        elif parts[0] == "token":
            form = urllib.parse.parse_qs(body.decode())
            if "body" in parts:
                known = form.get("client_id") == ["id"] and form.get("client_secret") == ["s p&c"]
            else:
                words = "id:" + urllib.parse.quote("s p&c", safe="")
                known = record["headers"].get("authorization") == "Basic " + base64.b64encode(words.encode()).decode()
            if not known or form.get("grant_type") != ["client_credentials"]:
                self.answer(401, b'{"error": "invalid_client", "error_description": "s p&c"}')
                return
            with lock:
                tokens.append(f"token-{len(tokens) + 1}")
                given = {"access_token": tokens[-1], "token_type": "bearer"}
            if "ends" in parts:
                given["expires_in"] = int(parts[-1])
            self.answer(200, json.dumps(given).encode(), Content_Type="application/json")
        elif parts[0] == "revoke":
            with lock:
                tokens.append("nobody's")
            self.answer(200, b"ok")
        elif parts[0] == "guarded":
            with lock:
                good = tokens and record["headers"].get("authorization") == "Bearer " + tokens[-1]
            self.answer(200 if good else 401, b"ok" if good else b"no")
        elif parts[0] == "flaky":
            self.answer(503 if count <= int(parts[1]) else 200, b"flaky")
        elif parts[0] == "slow":
            time.sleep(float(parts[1]))
            self.answer(200, b"slow")
        elif parts[0] == "big":
            self.answer(200, b"x" * int(parts[1]))
        elif parts[0] == "redirect":
            target = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("to", ["/echo"])[0]
            self.answer(302, b"", Location=target)
        elif parts[0] == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
            self.close_connection = True
        elif parts[0] == "drop":
            self.close_connection = True
        else:
            self.answer(200, b"ok")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--record")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--ca")
parser.add_argument("--tls")
parser.add_argument("--claims-http2", action="store_true")
arguments = parser.parse_args()


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server(("127.0.0.1", arguments.port), Handler)
if arguments.cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.cert, arguments.key)
    if arguments.ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(arguments.ca)
    if arguments.claims_http2:
        context.set_alpn_protocols(["h2", "http/1.1"])
    if arguments.tls:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[arguments.tls]
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("listening", server.server_address[1], flush=True)
server.serve_forever()
