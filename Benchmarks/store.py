"""The log: how fast it takes what comes in, what it weighs, how soon a question over 100 million events is answered.

Load comes from tocsin-load (Benchmarks/Load), whose bodies are made before the clock starts; it runs on the same cores and its CPU is shown.
"""
import datetime
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

import mixes

LOAD = os.environ.get("TOCSIN_LOAD", ".build/release/tocsin-load")
EVENTS = int(os.environ.get("BENCH_EVENTS", 2_000_000))
SINGLES = int(os.environ.get("BENCH_SINGLES", 60_000))
FILL = int(os.environ.get("BENCH_FILL", 100_000_000))
RUNS = int(os.environ.get("BENCH_RUNS", 5))
PROBES = int(os.environ.get("BENCH_PROBES", 200))
LIMITS = "limits: {events_per_second: 100000000, burst: 1000000000, agents: {events_per_second: 100000000, burst: 1000000000}}\n"
MIX_START = 1_793_491_200


def load(port, *arguments):
    done = subprocess.run([LOAD, *arguments, "--port", str(port)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"tocsin-load {' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout)


def settled(house, bench):
    """Bytes of the store once sealing has caught up: its size no longer changes."""
    last, since = None, time.monotonic()
    while True:
        size = house.disk_bytes("aggregator")
        if size != last:
            last, since = size, time.monotonic()
        elif time.monotonic() - since > 3:
            return size
        time.sleep(0.5)


def measure(bench, title, unit, *arguments):
    print(f"\n{title}")
    rates, cpus, own, peaks, bases = [], [], [], [], []
    source = os.path.join(tempfile.gettempdir(), f"tocsin-bench-{os.getpid()}.ndjson")
    with open(source, "wb") as file:
        for body in mixes.event_bodies(200_000):
            file.write(body)
    for run in range(RUNS):
        house = bench.House(limits=LIMITS)
        bases.append(bench.baseline(source))
        aggregator = house.start_aggregator()
        result = load(house.port, *arguments, "--seed", str(run + 1))
        rates.append(result["rows_per_second"])
        own.append(result["load_cpu_seconds"] / result["seconds"])
        settled(house, bench)
        # What is sealed after the last answer belongs to the same events.
        cpus.append(bench.cpu_seconds(aggregator.pid) * 1e6 / result["rows"])
        peaks.append(bench.memory(aggregator.pid)["VmHWM"])
        house.close()
    os.unlink(source)
    bench.show(f"{unit}s a second, durable", rates, f"{unit}s/s")
    bench.show("aggregator CPU, sealing included", cpus, f"µs a {unit}")
    bench.show("aggregator peak RSS", peaks, "MB")
    bench.show("load generator", own, "cores")
    bench.show("baseline, gzip -1 of the events on one core", bases, "MB/s")
    if unit == "event":
        bench.show("ratio: 270 bytes of JSON an event against the baseline", [r * 270 / 1e6 / b for r, b in zip(rates, bases)], "times")


def ingest(bench):
    measure(bench, f"ingest: {EVENTS:,} events as gzip'd NDJSON, 1 000 a body, 8 connections; 201 means fsynced", "event", "events", "--count", str(EVENTS))


def single(bench):
    measure(bench, f"single: {SINGLES:,} events, one a POST, 64 connections, each on disk before its 201", "event", "singles", "--count", str(SINGLES))


def native(bench):
    measure(bench, f"native: {EVENTS:,} events in agents' blocks of 4 000, 8 agents", "event", "native", "--count", str(EVENTS))


def samples(bench):
    measure(bench, "samples: 5.76 million in agents' batches, 8 hosts of 1 000 series at 10 s", "sample", "samples")


def streams(bench):
    """What following the live stream costs those who send."""
    rare = "?source=svc-auth&severity=critical"
    loads = [("single events, 64 connections", ["singles", "--count", str(SINGLES)]), ("NDJSON, 8 connections", ["events", "--count", str(EVENTS)])]
    for title, arguments in loads:
        print(f"\nstreams: {title}, beside clients of the live stream", flush=True)
        for count, query, what in ((0, "", "no client"), (1, "", "1 client of everything"), (100, rare, "100 clients of 0.5 %"), (100, "", "100 clients of everything")):
            rates, cpus, missed = [], [], []
            for run in range(RUNS):
                house = bench.House(limits=LIMITS)
                aggregator = house.start_aggregator()
                url = f"http://127.0.0.1:{house.port}/api/v1/events/stream{query}"
                followers = [subprocess.Popen(["curl", "-sN", "-o", "/dev/null", url]) for _ in range(count)]
                while metric(house.port, "tocsin_stream_clients") != count:
                    time.sleep(0.05)
                before = bench.cpu_seconds(aggregator.pid)
                result = load(house.port, *arguments, "--seed", str(run + 1))
                rates.append(result["rows_per_second"])
                cpus.append((bench.cpu_seconds(aggregator.pid) - before) * 1e6 / result["rows"])
                missed.append(metric(house.port, "tocsin_stream_missed_total") / max(1, count))
                for follower in followers:
                    follower.kill()
                    follower.wait()
                house.close()
            bench.show(what, rates, "events/s")
            bench.show("  aggregator CPU", cpus, "µs an event")
            if count:
                bench.show("  missed by a client", missed, "events")


def metric(port, name):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


class Client:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path):
        start = time.perf_counter()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - start
        if answer.status != 200:
            sys.exit(f"GET {path}: {answer.status} {text[:300]}")
        return seconds, json.loads(text)

    def post(self, event):
        self.connection.request("POST", "/api/v1/events", json.dumps(event), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            sys.exit(f"POST /api/v1/events: {answer.status} {text[:300]}")


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def queries(bench):
    print(f"\nqueries: over {FILL:,} events, while 50 000 more a second arrive; {RUNS} rounds of {PROBES} of each, other parameters each time")
    house = bench.House(limits=LIMITS)
    aggregator = house.start_aggregator()
    result = load(house.port, "fill", "--count", str(FILL))
    print(f"  filled at {result['rows_per_second']:,} events/s (made and compressed on the way, on the same cores)", flush=True)
    span = FILL / 1000
    r = random.Random(5)
    client = Client(house.port)
    needles = []
    for i in range(20):
        needles.append((f"needle-{i}x{r.randrange(10**9)}", MIX_START + r.random() * span))
        client.post({"timestamp": rfc3339(needles[-1][1]), "source": "svc-auth", "type": "job.failed", "severity": "error", "host": "web-001",
                     "message": f"lost {needles[-1][0]} in the hay"})
    size = settled(house, bench)
    print(f"  at rest: {size / FILL:.2f} bytes an event, all included ({size / 1e9:.2f} GB)")
    peak = bench.memory(aggregator.pid)
    print(f"  RSS {peak['VmRSS']:.0f} MB, its peak {peak['VmHWM']:.0f} MB", flush=True)

    opening = []
    for _ in range(RUNS):
        aggregator.send_signal(signal.SIGKILL)
        aggregator.wait()
        start = time.monotonic()
        aggregator = house.start_aggregator()
        opening.append((time.monotonic() - start) * 1000)
    bench.show("open after kill -9, to the first answer", opening, "ms")

    known = []
    client = Client(house.port)
    for _ in range(PROBES):
        moment = MIX_START + r.random() * span
        found = client.get(f"/api/v1/events?limit=1&end={urllib.parse.quote(rfc3339(moment))}")[1]["events"]
        known += found
    load_process = subprocess.Popen(
        [LOAD, "fill", "--rate", "50000", "--count", str(50_000 * 600), "--seed", "99", "--start", str(int(MIX_START + span)), "--port", str(house.port)],
        stdout=subprocess.DEVNULL)
    time.sleep(5)
    sources = ["svc-" + n for n in "auth cart search pay mail img feed geo push sync".split()]
    quote = urllib.parse.quote

    def day():
        start = MIX_START + r.random() * max(1, span - 86_400)
        return f"start={quote(rfc3339(start))}&end={quote(rfc3339(start + 86_400))}"

    def needle_day():
        word, moment = r.choice(needles)
        start = moment - r.random() * 80_000
        return f"/api/v1/events?q={word}&start={quote(rfc3339(start))}&end={quote(rfc3339(start + 86_400))}"

    probes = [
        ("by id", 5, lambda: "/api/v1/events/" + r.choice(known)["event_id"]),
        ("by correlation id", 20, lambda: "/api/v1/events/correlation/" + r.choice(known)["correlation_id"]),
        ("newest 100 of a source and severity", 10, lambda: f"/api/v1/events?source={r.choice(sources)}&severity={r.choice(['info', 'warning', 'error'])}&limit=100"),
        ("rare word in 24 h", 60, needle_day),
        ("rare word over everything", 1000, lambda: "/api/v1/events?q=" + r.choice(needles)[0]),
        ("stats over a day", 100, lambda: "/api/v1/events/stats?" + day()),
    ]
    rounds = {name: [] for name, _, _ in probes}
    for _ in range(RUNS):
        for name, _, path in probes:
            for _ in range(10):
                client.get(path())
            times = []
            for _ in range(PROBES):
                seconds, answer = client.get(path())
                if "rare" in name and not answer["events"]:
                    sys.exit(f"{name}: nothing was found")
                times.append(seconds * 1000)
            times.sort()
            rounds[name].append([times[int(len(times) * share)] for share in (0.5, 0.95, 0.99)])
    for name, bound, _ in probes:
        p50, p95, p99 = zip(*rounds[name])
        print(f"  {name}: p50 {statistics.median(p50):.2f} ms, p95 {statistics.median(p95):.2f} ms ({min(p95):.2f} to {max(p95):.2f}), "
              f"p99 {statistics.median(p99):.2f} ms (medians of {RUNS} rounds; wanted: p95 at most {bound} ms)", flush=True)
    load_process.kill()
    load_process.wait()
    peak = bench.memory(aggregator.pid)
    print(f"  RSS {peak['VmRSS']:.0f} MB, its peak {peak['VmHWM']:.0f} MB (wanted: at most 400)")
    print(f"  statistics say {client.get('/api/v1/events/stats')[1]['total_events']:,} events")
    house.close()
