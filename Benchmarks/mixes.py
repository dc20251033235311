"""The mixes that figures are quoted for: log lines (half nginx combined, half syslog, about 115 bytes) and events (about 270 bytes of JSON)."""
import datetime
import itertools
import json
import random


def log_lines(seed=11):
    """Without an end."""
    r = random.Random(seed)
    agents = ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "curl/8.5.0", "Go-http-client/1.1", "kube-probe/1.29"]
    paths = ["/api/v1/orders/%d", "/api/v1/users/%d/profile", "/static/app.%d.js", "/api/v2/search?q=item-%d&page=2", "/healthz?%d"]
    daemons = [
        "sshd[%d]: Accepted publickey for deploy from 10.0.%d.%d port %d ssh2", "kernel: [%d.%d] eth0: link up, %d Mbps, lpa 0x%04x",
        "systemd[%d]: session-%d.scope: Consumed %d.%ds CPU time.", "postgres[%d]: checkpoint complete: wrote %d buffers; write=%d.%d s",
    ]
    for i in itertools.count():
        clock = "%02d:%02d:%02d" % (i // 360000 % 24, i // 6000 % 60, i // 100 % 60)
        if r.random() < 0.5:
            yield '10.%d.%d.%d - - [20/Nov/2026:%s +0000] "%s %s HTTP/1.1" %d %d "-" "%s" %.3f\n' % (
                r.randrange(256), r.randrange(256), r.randrange(256), clock, r.choice(["GET", "GET", "GET", "POST", "PUT"]),
                r.choice(paths) % r.randrange(10**6), r.choice([200, 200, 200, 200, 304, 404, 500]), r.randrange(90000), r.choice(agents), r.random() * 2)
        else:
            numbers = tuple(r.randrange(30000) for _ in range(4))
            yield "Nov 20 %s web-%03d %s\n" % (clock, r.randrange(200), r.choice(daemons) % numbers)


def write_log(path, count):
    with open(path, "w", encoding="ascii") as file:
        file.writelines(itertools.islice(log_lines(), count))


def write_log_bytes(paths, least):
    """Lines of the mix, one file after the other, until there are so many bytes. Returns how many lines."""
    lines = written = 0
    for number, path in enumerate(paths):
        with open(path, "w", encoding="ascii") as file:
            for line in log_lines(seed=11 + number):
                file.write(line)
                written += len(line)
                lines += 1
                if written >= least * (number + 1) // len(paths):
                    break
    return lines


def event_bodies(count, per_body=1000, seed=7):
    """NDJSON bodies of `per_body` events each, as bytes."""
    r = random.Random(seed)
    hosts = ["web-%03d" % i for i in range(120)] + ["db-%02d" % i for i in range(40)] + ["edge-%02d" % i for i in range(40)]
    sources = ["svc-" + name for name in "auth cart search pay mail img feed geo push sync".split() for _ in range(4)]
    types = ["log.line"] * 20 + ["request.finished", "job.failed", "deploy.finished", "user.created", "cache.evicted", "queue.drained"]
    texts = ["GET /api/v1/items/%d 200 in %d ms", "worker %d finished batch %d", "user %d login failed, attempt %d", "request latency %d ms exceeded objective %d"]
    severities = ["debug"] * 2 + ["info"] * 12 + ["warning"] * 4 + ["error"] * 2 + ["critical"]
    tags = [["production", "web"], ["production", "db"], ["staging"], ["production"], ["canary", "web"]]
    time = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    correlation = "0" * 16
    for _ in range(count // per_body):
        lines = []
        for _ in range(per_body):
            time += datetime.timedelta(microseconds=r.randrange(2000))
            if r.random() < 0.2:
                correlation = "%016x" % r.getrandbits(64)
            lines.append(json.dumps({
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z", "source": r.choice(sources), "type": r.choice(types),
                "severity": r.choice(severities), "host": r.choice(hosts), "correlation_id": correlation, "tags": r.choice(tags),
                "message": r.choice(texts) % (r.randrange(10**6), r.randrange(3000)), "data": {"status": r.choice([200, 404, 500]), "bytes": r.randrange(65536)},
            }, separators=(",", ":")))
        yield ("\n".join(lines) + "\n").encode()
