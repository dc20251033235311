"""What an agent costs that has nothing to tell, and beside it in the same minutes what others cost that measure the same host.

CPU is the process's own clock (clock_getcpuclockid(3)): nanoseconds, threads that ended included. Everyone measures each 10 s: node_exporter is asked between two
of the agent's collections, collectd when it pleases.
"""
import os
import shutil
import statistics
import subprocess
import time
import urllib.request

RULES = 50
COLLECTD = """
Hostname "bench"
Interval 10
PIDFile "FOLDER/collectd.pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db"
LoadPlugin conntrack
LoadPlugin contextswitch
LoadPlugin cpu
LoadPlugin df
LoadPlugin disk
LoadPlugin entropy
LoadPlugin fhcount
LoadPlugin interface
LoadPlugin load
LoadPlugin memory
LoadPlugin processes
LoadPlugin protocols
LoadPlugin swap
LoadPlugin tcpconns
LoadPlugin uptime
LoadPlugin users
LoadPlugin vmem
LoadPlugin csv
<Plugin csv>
    DataDir "FOLDER/collectd"
</Plugin>
<Plugin cpu>
    ReportByCpu true
</Plugin>
<Plugin processes>
    ProcessMatch "all" ".*"
</Plugin>
"""


def rules(shipped):
    """As many made-up rules as make 50 with those that are shipped."""
    with open(shipped) as file:
        known = sum(line.strip().startswith("- alert:") for line in file)
    made = "".join(
        f"      - {{alert: More{n}, expr: 'rate(node_cpu_seconds_total{{mode=\"system\"}}[1m]) > {n + 2}', for: 1m}}\n" for n in range(RULES - known))
    return f"groups:\n  - name: more\n    rules:\n{made}"


class Rival:
    """Somebody else's program that measures this host."""

    def __init__(self, name, command, port=None):
        self.name, self.port = name, port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def collect(self):
        if self.port:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                answer.read()


def rivals(house, bench):
    found = []
    exporter = shutil.which("prometheus-node-exporter")
    if exporter:
        port = bench.free_port()
        found.append(Rival("node_exporter, a scrape", [exporter, f"--web.listen-address=127.0.0.1:{port}"], port))
    # Debian puts it where only root looks.
    collectd = shutil.which("collectd", path=os.environ["PATH"] + ":/usr/sbin")
    if collectd:
        house.write("collectd.conf", COLLECTD)
        found.append(Rival("collectd, 17 plugins and csv, 10 s of them", [collectd, "-f", "-C", f"{house.folder}/collectd.conf"]))
    return found


def tick():
    """Sleeps until the agent's next collection is half an interval away."""
    time.sleep(10 - (time.time() - 5) % 10)


def idle(bench):
    seconds = bench.IDLE_SECONDS
    shipped = os.path.abspath("packaging/agent/host.yaml")
    tails = "".join(f"  - {{paths: [FOLDER/app{i}.log], source: app{i}, start: beginning}}\n" for i in range(5))
    house = bench.House(agent_yaml=f"collect: {{interval: 10s}}\ntail:\n{tails}patterns:\n  - {{name: oom, match: 'Out of memory: Killed process'}}\n"
                        f"rule_files: [{shipped}, FOLDER/more.yaml]\n")
    house.write("more.yaml", rules(shipped))
    for i in range(5):
        house.write(f"app{i}.log", "started\n")
    aggregator = house.start_aggregator()
    agent = house.start("tocsin-agent")
    others = rivals(house, bench)
    processes = sum(name.isdigit() for name in os.listdir("/proc"))
    print(f"\nidle: an agent at 10 s, all collectors, 5 tails, {RULES} rules, {processes} processes on the host, {seconds} s without a line and as long with two in each 10 s; an aggregator beside it")
    watched = {"tocsin-agent, everything it does in 10 s": agent} | {other.name: other.process for other in others}
    tick()
    for _ in range(2):
        tick()
        for other in others:
            other.collect()
    for lines in (False, True):
        rounds = {name: [] for name in watched}
        before = {name: bench.cpu_seconds(process.pid) for name, process in watched.items()}
        for _ in range(max(1, seconds // 10)):
            for _ in range(2 if lines else 0):
                with open(f"{house.folder}/app0.log", "a") as file:
                    file.write(f"GET /healthz 200 {time.time()}\n")
                time.sleep(0.5)
            for other in others:
                other.collect()
            tick()
            for name, process in watched.items():
                now = bench.cpu_seconds(process.pid)
                rounds[name].append((now - before[name]) * 1000)
                before[name] = now
        print(f"  CPU {'with two lines in 10 s' if lines else 'without a line'}:")
        own = statistics.median(rounds[next(iter(watched))])
        for name, values in rounds.items():
            share = "" if name.startswith("tocsin") else f"; the agent's is {own / statistics.median(values):.2f} of it"
            print(f"    {name}: median {statistics.median(values):.2f} ms ({min(values):.2f} to {max(values):.2f}, mean {statistics.mean(values):.2f}, {len(values)} rounds){share}")
    os.sync()
    print("  memory:")
    for name, process in {**watched, "tocsin-aggregator": aggregator}.items():
        m = bench.memory(process.pid)
        print(f"    {name.split(',')[0]}: RSS {m['VmRSS']:.1f} MB, PSS {m['Pss']:.1f} MB, anonymous {m['RssAnon']:.1f} MB, private dirty {m['Private_Dirty']:.1f} MB, "
              f"peak RSS {m['VmHWM']:.1f} MB")
    if not others:
        print("  nobody to compare with: apt-get install prometheus-node-exporter collectd-core")
    for other in others:
        other.process.terminate()
        other.process.wait(20)
    house.close()
