#!/usr/bin/python3
"""A real HTTP proxy for tests: CONNECT, and whole addresses. Prints "listening PORT", records each request as one JSON line.

--port N        0 (the default): any free port
--record FILE   one line a request: {"method", "target", "headers"}
--auth U:P      asks for this name and password (407)
"""
import argparse
import base64
import http.server
import json
import select
import socket
import threading
import urllib.parse

lock = threading.Lock()
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--record")
parser.add_argument("--auth")
arguments = parser.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def admitted(self):
        with lock:
            if arguments.record:
                headers = {name.lower(): value for name, value in self.headers.items()}
                with open(arguments.record, "a") as file:
                    file.write(json.dumps({"method": self.command, "target": self.path, "headers": headers}) + "\n")
            print("recorded", flush=True)
        if not arguments.auth:
            return True
        wanted = "Basic " + base64.b64encode(arguments.auth.encode()).decode()
        if self.headers.get("Proxy-Authorization") == wanted:
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_CONNECT(self):
        if not self.admitted():
            return
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host.strip("[]"), int(port))) as other:
            self.send_response(200)
            self.end_headers()
            ends = [self.connection, other]
            while True:
                for end in select.select(ends, [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    (other if end is self.connection else self.connection).sendall(data)

    def do_POST(self):
        if not self.admitted():
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urllib.parse.urlsplit(self.path)
        connection = http.client.HTTPConnection(target.hostname, target.port)
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection.request("POST", target.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server(("127.0.0.1", arguments.port), Handler)
print("listening", server.server_address[1], flush=True)
server.serve_forever()
