"""10 000 alerts from 1 000 hosts in one burst: when the first notification comes, when all are told, what the aggregator holds meanwhile, and whether one is lost."""
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time

HOSTS = int(os.environ.get("BENCH_BURST_HOSTS", 1_000))
ALERTS = int(os.environ.get("BENCH_BURST_ALERTS", 10))


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps when the first came and which alerts were told, by (alertname, host)."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        self.lock, self.told, self.first, self.last, self.requests, self.truncated = threading.Lock(), set(), None, None, 0, 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        now = time.monotonic()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        body = json.loads(raw)
        with self.server.lock:
            self.server.first = self.server.first or now
            self.server.last = now
            self.server.requests += 1
            self.server.truncated += body["truncatedAlerts"]
            self.server.told.update((alert["labels"]["alertname"], alert["labels"]["host"]) for alert in body["alerts"])

    def log_message(self, *arguments):
        pass


def once(bench, group_by, group_wait):
    receiver = Receiver()
    house = bench.House(limits=f"""host_down: {{after: 1h}}
receivers: [{{name: ops, webhook_configs: [{{url: "http://127.0.0.1:{receiver.server_address[1]}/"}}]}}]
route: {{receiver: ops, group_by: [{group_by}], group_wait: {group_wait}, group_interval: 5s}}
""")
    aggregator = house.start_aggregator()
    wanted = HOSTS * ALERTS
    began = time.monotonic()
    subprocess.run([f"{bench.BINARIES}/tocsin-load", "alerts", "--port", str(house.port), "--hosts", str(HOSTS), "--alerts", str(ALERTS)],
                          stdout=subprocess.PIPE, check=True)
    taken = time.monotonic() - began
    while len(receiver.told) < wanted and time.monotonic() - began < 300:
        time.sleep(0.05)
    result = {
        "first": (receiver.first or float("inf")) - began, "taken": taken, "all": (receiver.last or float("inf")) - began,
        "lost": wanted - len(receiver.told), "requests": receiver.requests, "truncated": receiver.truncated,
        "peak": bench.memory(aggregator.pid)["VmHWM"], "cpu": bench.cpu_seconds(aggregator.pid),
    }
    house.close()
    receiver.shutdown()
    return result


def burst(bench):
    print(f"\nburst: {HOSTS * ALERTS:,} alerts from {HOSTS:,} hosts at once, to one webhook")
    for group_by, group_wait in (("alertname", "0s"), ("host", "0s"), ("alertname, host", "0s"), ("alertname", "1s")):
        results = [once(bench, group_by, group_wait) for _ in range(bench.RUNS)]

        def of(name):
            return [result[name] for result in results]
        print(f"  group_by [{group_by}], group_wait {group_wait}")
        bench.show("  first notification", of("first"), "s (promised: 2)")
        bench.show("  all stored", of("taken"), "s")
        bench.show("  all told", of("all"), "s")
        bench.show("  notifications", of("requests"), "")
        bench.show("  aggregator peak RSS", of("peak"), "MB (promised: 150)")
        bench.show("  aggregator CPU", of("cpu"), "s")
        print(f"    lost: {max(of('lost'))}, cut off in bodies: {max(of('truncated'))}", flush=True)
        if max(of("lost")):
            sys.exit("alerts were lost")
