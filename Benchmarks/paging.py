"""From what happens on a host to the webhook that arrives at the receiver, all programs real, on one machine."""
import http.server
import json
import os
import random
import statistics
import sys
import threading
import time

PAGES = int(os.environ.get("BENCH_PAGES", 100))


class Receiver:
    """Takes webhooks and keeps when the first one of each alert came."""

    def __init__(self):
        arrived = self.arrived = {}
        news = self.news = threading.Condition()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                now = time.monotonic()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with news:
                    for alert in body["alerts"]:
                        if alert["status"] == "firing":
                            arrived.setdefault(alert["labels"]["alertname"], now)
                    news.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, name, seconds=30):
        with self.news:
            if not self.news.wait_for(lambda: name in self.arrived, seconds):
                sys.exit(f"no webhook tells of {name} within {seconds} s")
            return self.arrived[name]


def paging(bench):
    print(f"\npaging: {PAGES} breaches of a metric and {PAGES} lines of a log, each with a rule of its own, to the webhook at its receiver; "
          "collections each 1 s, group_wait 0 s")
    receiver = Receiver()
    numbers = range(PAGES)
    patterns = "".join(f"  - {{name: p{n}, match: 'ALARM-{n}\\.'}}\n" for n in numbers)
    house = bench.House(
        agent_yaml="collect: {interval: 1s, textfile: FOLDER/text}\ntail: [{paths: [FOLDER/app.log], source: app, start: beginning}]\n"
                   f"patterns:\n{patterns}rule_files: [FOLDER/rules.yaml]\n",
        limits=f"receivers:\n  - {{name: bench, webhook_configs: [{{url: 'http://127.0.0.1:{receiver.port}/'}}]}}\n"
               "route: {receiver: bench, group_by: [alertname], group_wait: 0s, group_interval: 5m}\n")
    os.mkdir(f"{house.folder}/text")

    def expose(breached):
        """As node_exporter's users do: written beside it and renamed."""
        house.write("text/new", "# TYPE bench_value gauge\n" + "".join(f'bench_value{{n="{n}"}} {int(n < breached)}\n' for n in numbers))
        os.rename(f"{house.folder}/text/new", f"{house.folder}/text/bench.prom")

    expose(0)
    house.write("app.log", "")
    house.write("rules.yaml", "groups:\n  - name: bench\n    rules:\n" + "".join(
        f"      - {{alert: Line{n}, expr: 'log_pattern_matches_total{{pattern=\"p{n}\"}} > 0'}}\n"
        f"      - {{alert: Value{n}, expr: 'bench_value{{n=\"{n}\"}} > 0'}}\n" for n in numbers))
    house.start_aggregator()
    house.start("tocsin-agent")
    for query in ("count(log_pattern_matches_total)", "count(bench_value)"):
        while not house.get(f"/api/v1/query?query={query}")["data"]["result"]:
            time.sleep(0.1)
    chance = random.Random(1)
    values, lines = [], []
    for n in numbers:
        # Anywhere between two collections.
        time.sleep(chance.random())
        began = time.monotonic()
        expose(n + 1)
        values.append(receiver.wait(f"Value{n}") - began)
        time.sleep(chance.random())
        began = time.monotonic()
        with open(f"{house.folder}/app.log", "a") as file:
            file.write(f"what is looked for: ALARM-{n}.\n")
        lines.append(receiver.wait(f"Line{n}") - began)
    house.close()
    for what, took, promised in (("breach of a metric", values, "1.2 s"), ("line of a log", lines, "0.3 s")):
        took.sort()
        print(f"  {what} to webhook: median {statistics.median(took):.3f} s, 99 of 100 within {took[-(-len(took) * 99 // 100) - 1]:.3f} s "
              f"({took[0]:.3f} to {took[-1]:.3f}; promised: {promised})", flush=True)
