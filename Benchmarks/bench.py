#!/usr/bin/env python3
"""Figures from the real binaries: what an agent costs, how fast a log reaches the store; store.py measures the log itself.

Every figure is a median of several runs with its minimum and maximum. CPU is the whole process's, by its own clock
(nanoseconds). Beside each run stands a baseline measured in the same minute (gzip -1 of the same bytes on one core), because shared
machines change their speed.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import mixes

BINARIES = os.environ.get("TOCSIN_BINARIES", ".build/release")
IDLE_SECONDS = int(os.environ.get("BENCH_IDLE_SECONDS", 300))
LINES = int(os.environ.get("BENCH_LINES", 1_000_000))
LATENCY_LINES = int(os.environ.get("BENCH_LATENCY_LINES", 50))
RUNS = int(os.environ.get("BENCH_RUNS", 3))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    """Of the whole process, threads that ended included: its own clock, clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid):
    """RSS, PSS, anonymous and private dirty memory in MB, and the peak of RSS."""
    found = {}
    for path in (f"/proc/{pid}/status", f"/proc/{pid}/smaps_rollup"):
        with open(path) as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name in ("VmRSS", "VmHWM", "RssAnon", "Pss", "Private_Dirty"):
                    found[name] = int(rest.split()[0]) / 1024
    return found


class House:
    """One aggregator and, when asked, one agent, in a folder of their own."""

    def __init__(self, agent_yaml="", limits=""):
        self.folder = tempfile.mkdtemp(prefix="tocsin-bench-", dir=os.environ.get("BENCH_DIR", os.getcwd() + "/.build"))
        self.port = free_port()
        for name in ("aggregator", "agent"):
            os.mkdir(f"{self.folder}/{name}")
        self.write("aggregator.yaml", f'listen: {{address: "127.0.0.1:{self.port}"}}\nstorage: {{path: {self.folder}/aggregator}}\n{limits}')
        self.write("agent.yaml", f"aggregator: http://127.0.0.1:{self.port}\nhost: bench\nspool: {{path: {self.folder}/agent, max_size: 2GiB}}\n"
                   f"control: {{socket: {self.folder}/agent.sock}}\n{agent_yaml}")
        self.processes = []

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(text.replace("FOLDER", self.folder))

    def start(self, program):
        output = open(f"{self.folder}/{program}.out", "w")
        process = subprocess.Popen([f"{BINARIES}/{program}", "--config", f"{self.folder}/{program.removeprefix('tocsin-')}.yaml"], stdout=output, stderr=output)
        self.processes.append(process)
        return process

    def start_aggregator(self):
        process = self.start("tocsin-aggregator")
        for _ in range(500):
            try:
                if self.get("/health"):
                    return process
            except OSError:
                time.sleep(0.02)
        sys.exit(f"the aggregator did not start: {open(self.folder + '/tocsin-aggregator.out').read()[-2000:]}")

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())

    def stored(self, source):
        return self.get("/api/v1/events/stats?start=2000-01-01T00:00:00Z&end=2200-01-01T00:00:00Z")["by_source"].get(source, 0)

    def disk_bytes(self, part):
        return sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(f"{self.folder}/{part}") for name in names)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        self.processes.remove(process)

    def close(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            process.wait(20)
        shutil.rmtree(self.folder)


def baseline(path):
    """Seconds of one core for gzip -1 over a file, and its MB/s."""
    size = os.path.getsize(path)
    start = time.monotonic()
    subprocess.run(["gzip", "-1", "-c", path], stdout=subprocess.DEVNULL, check=True)
    return size / 1e6 / (time.monotonic() - start)


def show(name, values, unit):
    values = sorted(values)
    line = f"{name}: {statistics.median(values):,.3g} {unit}" if values[0] < 100 else f"{name}: {statistics.median(values):,.0f} {unit}"
    print(f"  {line} ({values[0]:,.4g} to {values[-1]:,.4g}, {len(values)} runs)", flush=True)


def tail():
    print(f"\ntail: {LINES:,} lines of the log mix, from the agent's start to the last line stored at the aggregator (start-up included)")
    rates, cpus, peaks, per_line, on_disk, bases = [], [], [], [], [], []
    source = os.path.join(tempfile.gettempdir(), f"tocsin-bench-{os.getpid()}.log")
    mixes.write_log(source, LINES)
    for _ in range(RUNS):
        house = House(agent_yaml="collect: {interval: 10s}\ntail: [{paths: [FOLDER/app.log], source: app, start: beginning}]\n",
                      limits="limits: {agents: {events_per_second: 10000000, burst: 100000000}}\n")
        shutil.copy(source, f"{house.folder}/app.log")
        bases.append(baseline(source))
        aggregator = house.start_aggregator()
        start = time.monotonic()
        agent = house.start("tocsin-agent")
        while house.stored("app") < LINES:
            time.sleep(0.05)
            if time.monotonic() - start > 900:
                sys.exit(f"only {house.stored('app')} lines after 15 minutes")
        seconds = time.monotonic() - start
        rates.append(LINES / seconds)
        cpus.append(cpu_seconds(agent.pid) * 1e6 / LINES)
        per_line.append(cpu_seconds(aggregator.pid) * 1e6 / LINES)
        peaks.append(memory(agent.pid)["VmHWM"])
        on_disk.append(house.disk_bytes("aggregator") / LINES)
        house.close()
    os.unlink(source)
    show("lines/s to stored", rates, "lines/s")
    show("agent CPU", cpus, "µs a line")
    show("aggregator CPU", per_line, "µs a line")
    show("agent peak RSS", peaks, "MB")
    show("at rest", on_disk, "bytes a line")
    show("baseline, gzip -1 of the same log on one core", bases, "MB/s")


def latency():
    """From the line that matches a pattern to the alert that the aggregator shows as firing, asking included."""
    print(f"\nlatency: a line of a file to its firing alert at the aggregator; {LATENCY_LINES} lines, each with a pattern and a rule of its own; collections each 60 s")
    numbers = range(LATENCY_LINES)
    patterns = "".join(f"  - {{name: p{n}, match: 'ALARM-{n}\\.'}}\n" for n in numbers)
    house = House(agent_yaml="collect: {interval: 60s}\ntail: [{paths: [FOLDER/app.log], source: app, start: beginning}]\n"
                  f"patterns:\n{patterns}rule_files: [FOLDER/rules.yaml]\n")
    house.write("app.log", "")
    house.write("rules.yaml", "groups:\n  - name: bench\n    rules:\n" + "".join(
        f"      - {{alert: Alarm{n}, expr: 'log_pattern_matches_total{{pattern=\"p{n}\"}} > 0'}}\n" for n in numbers))
    house.start_aggregator()
    house.start("tocsin-agent")
    while not house.get("/api/v1/query?query=count(log_pattern_matches_total)")["data"]["result"]:
        time.sleep(0.1)
    took = []
    for n in numbers:
        began = time.monotonic()
        with open(f"{house.folder}/app.log", "a") as file:
            file.write(f"what is looked for: ALARM-{n}.\n")
        while not any(a["alertname"] == f"Alarm{n}" and a["state"] == "firing" for a in house.get("/api/v1/alerts")["alerts"]):
            time.sleep(0.002)
            if time.monotonic() - began > 30:
                sys.exit(f"alert {n} does not fire")
        took.append((time.monotonic() - began) * 1000)
    house.close()
    took.sort()
    print(f"  line to firing alert: median {statistics.median(took):.0f} ms, 95 of 100 within {took[len(took) * 95 // 100]:.0f} ms "
          f"({took[0]:.0f} to {took[-1]:.0f}; promised: 200)", flush=True)


def judging():
    """500 rules over 1 000 series, in a process of its own."""
    build = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--disable-sandbox", "--product", "judging-bench"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "ENABLE_BENCHMARKS": "1"})
    for _ in range(RUNS):
        subprocess.run([f"{BINARIES}/judging-bench"], check=True)


if __name__ == "__main__":
    import burst
    import idle
    import paging
    import soak
    import store

    parts = {"tail": tail, "latency": latency, "judging": judging}
    parts |= {part.__name__: (lambda part=part: part(sys.modules["__main__"])) for part in (idle.idle, paging.paging, burst.burst, store.ingest, store.single, store.native, store.samples, store.streams, store.queries)}
    # An hour, and no figure for docs/performance.md: only when it is asked for.
    wanted = sys.argv[1:] or list(parts)
    parts["soak"] = lambda: soak.soak(sys.modules["__main__"])
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    print(f"{os.cpu_count()} cores, {model}, Linux {os.uname().release}")
    for name in wanted:
        parts[name]()
