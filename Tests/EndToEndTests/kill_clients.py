"""Clients that post events to an aggregator which is killed again and again.

Usage: kill_clients.py URL REPORT STOP. Runs until the file STOP is there, then writes REPORT: {"acknowledged": [message...], "unsure": [message...]}.
Three ways to be sure that a request counts once, and one without: ids of the client's own, an Idempotency-Key, and single events with an id are sent
again until they are answered; requests with none of them are sent once, and without an answer nobody knows.
"""

import http.client
import json
import os
import sys
import threading
import time
import uuid
from urllib.parse import urlsplit

address, report_path, stop_path = sys.argv[1:4]
place = urlsplit(address)
lock = threading.Lock()
acknowledged, unsure = [], []


def post(connection, path, body, headers):
    """The status, or None when there was no answer; the connection to go on with."""
    try:
        if connection is None:
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        response.read()
        return response.status, connection
    except (OSError, http.client.HTTPException):
        if connection is not None:
            connection.close()
        return None, None


def run(client, kind):
    connection, round_number = None, 0
    while not os.path.exists(stop_path):
        round_number += 1
        count = 1 if kind == "single" else 20
        messages = [f"{kind} {client} {round_number} {row}" for row in range(count)]
        events = [{"source": "kill", "type": "test.kill", "severity": "info", "message": message} for message in messages]
        headers = {}
        if kind in ("ids", "single"):
            for event in events:
                event["event_id"] = str(uuid.uuid4())
        if kind == "key":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        path = "/api/v1/events" if kind == "single" else "/api/v1/events/batch"
        body = json.dumps(events[0] if kind == "single" else events)
        while True:
            status, connection = post(connection, path, body, headers)
            if status == 201:
                with lock:
                    acknowledged.extend(messages)
                break
            if status is not None and status not in (429, 503):
                sys.exit(f"{kind}: status {status}")
            if kind == "once" and status is None:
                with lock:
                    unsure.extend(messages)
                time.sleep(0.02)
                break
            time.sleep(0.02)


failures = []


def guarded(*arguments):
    try:
        run(*arguments)
    except BaseException as problem:  # a thread's end must be the program's
        failures.append(str(problem))
        open(stop_path, "w").close()


threads = [threading.Thread(target=guarded, args=(client, kind)) for kind in ("ids", "key", "single", "once") for client in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open(report_path, "w") as report:
    json.dump({"acknowledged": acknowledged, "unsure": unsure}, report)
if failures:
    sys.exit("; ".join(failures))
