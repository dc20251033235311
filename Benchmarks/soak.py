"""Whether the agent grows: an hour of what a host's day holds (logs at a steady rate, files rotated, aggregator away now and then), then a backlog of
1 GB of log while the aggregator is away. Memory, open files and threads are looked at every few seconds; ends with 1 when one of them grew."""
import os
import statistics
import subprocess
import sys
import threading
import time

import mixes

SECONDS = int(os.environ.get("SOAK_SECONDS", 3600))
BACKLOG_BYTES = int(os.environ.get("SOAK_BACKLOG_BYTES", 1_000_000_000))
LINES_PER_SECOND = 200
FILES = 5
# Of the medians of the second and the last sixth of the time: malloc(3) and SQLite's caches settle in the first.
GROWTH_MAX_MB = 1.0


class Watch:
    """Samples a process until it is stopped: seconds, RSS and anonymous memory in MB, open files, threads."""

    def __init__(self, bench, pid, every):
        self.rows, self.bench, self.pid, self.every = [], bench, pid, every
        self.stopped = threading.Event()
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(self.every):
            memory = self.bench.memory(self.pid)
            self.rows.append((time.monotonic() - self.began, memory["VmRSS"], memory["RssAnon"],
                              len(os.listdir(f"/proc/{self.pid}/fd")), len(os.listdir(f"/proc/{self.pid}/task"))))

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self.rows


class Writer:
    """A daemon on the host: lines of the mix into some files, LINES_PER_SECOND together, opened anew when logrotate asks."""

    def __init__(self, house):
        self.house, self.written = house, 0
        self.stopped, self.reopen = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        lines = mixes.log_lines()
        open_all = lambda: [open(f"{self.house.folder}/app{n}.log", "a") for n in range(FILES)]
        files, step = open_all(), 0.1
        while not self.stopped.wait(step):
            if self.reopen.is_set():
                for file in files:
                    file.close()
                files = open_all()
                self.reopen.clear()
            for _ in range(int(LINES_PER_SECOND * step)):
                files[self.written % FILES].write(next(lines))
                self.written += 1
            for file in files:
                file.flush()
        for file in files:
            file.close()

    def rotate(self):
        with open(f"{self.house.folder}/rotate.conf", "w") as file:
            file.write(f"{self.house.folder}/app*.log {{\n  su root root\n  rotate 3\n  create 0644\n  compress\n  delaycompress\n}}\n")
        subprocess.run(["/usr/sbin/logrotate", "--force", "--state", f"{self.house.folder}/rotate.state", f"{self.house.folder}/rotate.conf"], check=True)
        self.reopen.set()

    def stop(self):
        self.stopped.set()
        self.thread.join()


def progress(text):
    if sys.stdout.isatty():
        print(f"\r\033[K  {text}", end="", flush=True)


def until_stored(house, lines, limit):
    deadline = time.monotonic() + limit
    while True:
        stored = sum(house.stored(f"app{n}") for n in range(FILES))
        if stored >= lines or time.monotonic() > deadline:
            return stored
        progress(f"{stored:,} of {lines:,} lines stored")
        time.sleep(0.5)


def grown(rows, column):
    """From the second sixth of the time to the last one, by their medians."""
    part = max(1, len(rows) // 6)
    before, after = rows[part:2 * part] or rows, rows[-part:]
    return statistics.median(r[column] for r in before), statistics.median(r[column] for r in after)


def hour(bench):
    minutes = SECONDS / 60
    print(f"\nsoak: {minutes:.0f} minutes, {LINES_PER_SECOND} lines/s into {FILES} files that logrotate rotates, the aggregator away for a tenth of the time")
    house = bench.House(agent_yaml="collect: {interval: 10s}\ntail: [{paths: [FOLDER/app*.log], start: beginning}]\n"
                        f"rule_files: [{os.path.abspath('packaging/agent/host.yaml')}]\n")
    aggregator = house.start_aggregator()
    writer = Writer(house)
    agent = house.start("tocsin-agent")
    watch, began, round_seconds = Watch(bench, agent.pid, max(1, SECONDS / 360)), time.monotonic(), max(20, SECONDS / 12)
    rotations = outages = 0
    while (now := time.monotonic() - began) < SECONDS:
        place = now % round_seconds
        if now // round_seconds >= outages and place > 0.5 * round_seconds and now + 0.2 * round_seconds < SECONDS:
            house.stop(aggregator)
            time.sleep(0.1 * round_seconds)
            aggregator = house.start_aggregator()
            outages += 1
        if now // (round_seconds / 2) >= rotations + 1:
            writer.rotate()
            rotations += 1
        last = watch.rows[-1] if watch.rows else (0, 0, 0, 0, 0)
        progress(f"{now / 60:.0f} of {minutes:.0f} minutes: RSS {last[1]:.1f} MB, anonymous {last[2]:.1f} MB, {last[3]} files, {last[4]} threads")
        time.sleep(1)
    writer.stop()
    stored = until_stored(house, writer.written, 120)
    rows = watch.stop()
    house.close()
    progress("")
    print(f"  {writer.written:,} lines written, {stored:,} stored; {rotations} rotations of each file, {outages} outages")
    failed = stored != writer.written
    for name, column, most in (("RSS", 1, GROWTH_MAX_MB), ("anonymous memory", 2, GROWTH_MAX_MB), ("open files", 3, 4), ("threads", 4, 2)):
        before, after = grown(rows, column)
        has_grown = after - before > most
        failed = failed or has_grown
        print(f"  {name}: {before:.1f} -> {after:.1f}, at most {max(r[column] for r in rows):.1f}{'  GROWN' if has_grown else ''}")
    return failed


def backlog(bench):
    print(f"\nbacklog: {BACKLOG_BYTES / 1e6:,.0f} MB of log while the aggregator is away, then delivered")
    house = bench.House(agent_yaml="collect: {interval: 10s}\ntail: [{paths: [FOLDER/app*.log], start: beginning}]\n",
                        limits="limits: {agents: {events_per_second: 10000000, burst: 100000000}}\n")
    lines = mixes.write_log_bytes([f"{house.folder}/app{n}.log" for n in range(FILES)], BACKLOG_BYTES)
    agent = house.start("tocsin-agent")
    watch = Watch(bench, agent.pid, 0.2)
    began, last = time.monotonic(), -1
    # Until the spool no longer grows: without an aggregator everything is read into it.
    while (now := house.disk_bytes("agent")) != last or time.monotonic() - began < 15:
        last = now
        progress(f"{now / 1e6:,.0f} MB spooled")
        time.sleep(3)
    filled, spooled = len(watch.rows), last
    house.start_aggregator()
    began = time.monotonic()
    stored = until_stored(house, lines, 1800)
    seconds = time.monotonic() - began
    rows = watch.stop()
    house.close()
    progress("")
    print(f"  {lines:,} lines, {spooled / 1e6:,.0f} MB in the spool; {stored:,} stored, delivered in {seconds:.0f} s")
    print(f"  peak RSS {max(r[1] for r in rows[:filled]):.1f} MB while it was read, {max(r[1] for r in rows[filled:]):.1f} MB while it was delivered")
    half, end = statistics.median(r[1] for r in rows[filled // 4:filled // 2]), statistics.median(r[1] for r in rows[filled * 3 // 4:filled])
    has_grown = end - half > 4 * GROWTH_MAX_MB
    print(f"  RSS while it was read: {half:.1f} MB in its second quarter, {end:.1f} MB in its last{'  GROWN' if has_grown else ''}")
    return stored != lines or has_grown


def soak(bench):
    if True in [hour(bench), backlog(bench)]:
        sys.exit("soak: the agent grew, or lines are missing")
