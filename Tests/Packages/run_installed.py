"""Starts the installed programs as their units say (user, groups, capabilities, folders, notify socket), asks them, stops them.

usage: run_installed.py ROOT RESULTS, as root, in mount, pid and network namespaces of its own. systemd itself is not needed: what it does
for a unit of Type=notify is done here from the unit file's own lines.
"""

import fcntl
import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

root, results = sys.argv[1], sys.argv[2]
CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin")
STOP_WITHIN = 5.0


def note(name, ok, detail=""):
    with open(results, "a") as file:
        file.write("%s\t%s\t%s\n" % ("ok" if ok else "MISS", name, str(detail).replace("\n", " ")))
    print("ok  " if ok else "MISS", name, detail, flush=True)
    return ok


def loopback_up():
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = struct.pack("16sh14s", b"lo", 0x1 | 0x40, b"")  # IFF_UP | IFF_RUNNING
    fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS


def unit_lines(name):
    values = {}
    with open("%s/lib/systemd/system/%s.service" % (root, name)) as file:
        for line in file:
            match = re.match(r"^([A-Za-z]+)=(.*)$", line.strip())
            if match:
                values.setdefault(match.group(1), []).append(match.group(2))
    return {key: " ".join(value) for key, value in values.items()}


def ids(user):
    with open(root + "/etc/passwd") as file:
        for line in file:
            fields = line.split(":")
            if fields[0] == user:
                return int(fields[2]), int(fields[3])
    raise SystemExit("there is no user " + user)


class Notifications:
    """The socket that NOTIFY_SOCKET names."""

    def __init__(self, name):
        folder = root + "/run/notify"
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        path = folder + "/" + name
        if os.path.exists(path):
            os.unlink(path)
        self.inside = "/run/notify/" + name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.lines = []

    def wait(self, line, seconds, process=None):
        """Whether `line` comes in time; no longer than until `process` ends."""
        end = time.monotonic() + seconds
        while line not in self.lines and time.monotonic() < end:
            self.socket.settimeout(0.1)
            try:
                self.lines += self.socket.recv(4096).decode().splitlines()
            except TimeoutError:
                if process is not None and process.poll() is not None:
                    break
        return line in self.lines


class Program:
    def __init__(self, name):
        self.name, self.unit = name, unit_lines(name)
        self.notifications = Notifications(name)
        user = self.unit["User"]
        uid, gid = ids(user)
        if "RuntimeDirectory" in self.unit:
            folder = root + "/run/" + self.unit["RuntimeDirectory"]
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, int(self.unit.get("RuntimeDirectoryMode", "0755"), 8))
            os.chown(folder, uid, gid)
        wanted = self.unit.get("AmbientCapabilities", "").lower().replace("cap_", "").split()
        added = "".join(",+" + name for name in wanted)
        command = [CHROOT, root, "setpriv", "--reuid", user, "--regid", self.unit["Group"], "--init-groups", "--no-new-privs"]
        command += ["--bounding-set", "-all" + added, "--inh-caps", "-all" + added, "--ambient-caps", "-all" + added]
        environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": self.notifications.inside, "LANG": "C.UTF-8"}
        self.output = open("%s/tmp/%s.out" % (root, name), "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command + self.unit["ExecStart"].split(), env=environment, stdout=self.output, stderr=self.output
        )
        self.uid = uid

    def wait_until_ready(self):
        return self.notifications.wait("READY=1", 60, self.process)

    def check_ready(self):
        ready = self.wait_until_ready()
        took = time.monotonic() - self.started
        note("%s: READY=1 on the notify socket" % self.name, ready, "after %.1f s" % took if ready else self.tail())
        return ready

    def check_user(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        effective = int(status["CapEff"], 16)
        expected = 0
        numbers = {"CAP_DAC_READ_SEARCH": 2, "CAP_SYS_PTRACE": 19}
        for capability in self.unit.get("AmbientCapabilities", "").split():
            expected |= 1 << numbers[capability]
        uids = set(status["Uid"].split())
        note(
            "%s: runs as %s, with its capabilities alone" % (self.name, self.unit["User"]),
            uids == {str(self.uid)} and effective == expected,
            "uid %s, CapEff %s" % ("/".join(sorted(uids)), status["CapEff"].lstrip("0") or "0"),
        )

    def check_stop(self):
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = "killed after 30 s"
        took = time.monotonic() - begin
        note("%s: SIGTERM stops it within %.0f s" % (self.name, STOP_WITHIN), code == 0 and took <= STOP_WITHIN, "%.2f s, exit %s" % (took, code))
        stopping = self.notifications.wait("STOPPING=1", 0.5)
        note("%s: STOPPING=1 on the notify socket" % self.name, stopping, " ".join(self.notifications.lines))

    def tail(self):
        with open(self.output.name, "rb") as file:
            return file.read().decode(errors="replace")[-400:]


def inside(*command):
    done = subprocess.run([CHROOT, root] + list(command), capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


def get(path):
    with urllib.request.urlopen("http://127.0.0.1:8640" + path, timeout=10) as answer:
        return json.load(answer)


def until(seconds, condition):
    """What `condition` says when it first says something, or its last word."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except Exception as error:  # Not up yet, or an answer of another shape: it is said in the table.
            value, problem = None, repr(error)
        else:
            problem = ""
        if value or time.monotonic() > end:
            return value, problem
        time.sleep(0.2)


def status_when_acknowledged():
    code, out, err = inside("agentctl", "status", "--json")
    status = json.loads(out)
    return (code, status) if status["aggregator"]["last_ack"] else None


def main():
    subprocess.run(["mount", "-t", "proc", "proc", root + "/proc"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    subprocess.run(["mount", "-t", "sysfs", "-o", "ro", "sysfs", root + "/sys"], check=True)
    subprocess.run(["mount", "--bind", "/dev", root + "/dev"], check=True)
    loopback_up()
    with open(root + "/var/log/secret.log", "w") as file:
        file.write("before the agent\n")
    os.chmod(root + "/var/log/secret.log", 0o600)  # root's alone: CAP_DAC_READ_SEARCH reads it

    aggregator = Program("tocsin-aggregator")
    if not aggregator.check_ready():
        return
    aggregator.check_user()
    agent = Program("tocsin-agent")
    if not agent.check_ready():
        return
    agent.check_user()

    answer, problem = until(30, status_when_acknowledged)
    code, status = answer or (None, {})
    note("agentctl status: the aggregator acknowledges", answer is not None, problem or "exit %s, %s" % (code, status.get("status")))
    note("agentctl status: healthy", code == 0 and status.get("status") == "healthy", "exit %s" % code)
    rules = status.get("rules") or []
    note("agentctl status: the default rules are judged", len(rules) >= 15, "%d rules" % len(rules))
    broken = [rule for rule in rules if rule.get("last_error") or rule.get("lastError") or rule.get("error")]
    note("agentctl status: no rule fails", not broken, json.dumps(broken)[:200] if broken else "")

    with open(root + "/var/log/secret.log", "a") as file:
        file.write("package test 4711\n")
    found, problem = until(10, lambda: get("/api/v1/events?q=4711")["events"])
    note("a line of a log that only root reads is found", bool(found) and len(found) == 1, problem or (found or [{}])[0].get("message"))
    for query in ["node_load1", "node_filesystem_avail_bytes", "tocsin_spool_bytes"]:
        series, problem = until(15, lambda: get("/api/v1/query?query=" + query)["data"]["result"])
        note("PromQL: %s" % query, bool(series), problem or "%d series, host %s" % (len(series or []), (series or [{"metric": {}}])[0]["metric"].get("host")))
    hosts, problem = until(5, lambda: get("/api/v1/hosts"))
    note("the aggregator lists the host", bool(hosts), problem or json.dumps(hosts)[:100])
    health, problem = until(5, lambda: get("/health"))
    note("/health", bool(health) and health.get("status") == "healthy", problem or json.dumps(health)[:100])

    for program in [agent, aggregator]:
        program.notifications.lines.clear()
        program.process.send_signal(signal.SIGHUP)
        again = program.notifications.wait("READY=1", 10, program.process)
        note("%s: reload (ExecReload's SIGHUP) ends with READY=1" % program.name, again, program.notifications.lines[0] if again else program.tail())

    identity = status.get("agent_id")
    agent.check_stop()
    aggregator.check_stop()

    # Once more: the state of before is there.
    aggregator = Program("tocsin-aggregator")
    agent = Program("tocsin-agent")
    if aggregator.wait_until_ready() and agent.wait_until_ready():
        answer, problem = until(30, status_when_acknowledged)
        same = answer is not None and answer[1].get("agent_id") == identity
        note("after a restart it is the same agent", same, problem or identity)
        found, problem = until(10, lambda: get("/api/v1/events?q=4711")["events"])
        note("after a restart the line is there, once", bool(found) and len(found) == 1, problem)
    else:
        note("both start again", False, aggregator.tail() + agent.tail())
    agent.process.send_signal(signal.SIGTERM)
    agent.process.wait(30)
    aggregator.process.send_signal(signal.SIGTERM)
    aggregator.process.wait(30)
    for name in ["tocsin-agent.out", "tocsin-aggregator.out"]:
        with open(root + "/tmp/" + name, errors="replace") as file:
            print("---", name)
            print(file.read()[-4000:])
    os.unlink(root + "/var/log/secret.log")
    subprocess.run(["rm", "-rf", root + "/run/notify", root + "/run/tocsin-agent"], check=False)


main()
