#!/usr/bin/env python3
"""Gives two Alertmanagers the same alerts and silences and compares what both say of them: routes, groups, inhibition, silences, filters.

usage: compare_alertmanager.py URL URL SEED
Prints each difference, then how much was compared; exits 1 when there was a difference. What differs on purpose is not asked: see
docs/alertmanager.md.
"""
import json
import random
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import quote

urls, seed = sys.argv[1:3], int(sys.argv[3])
random.seed(seed)
differences = compared = 0


def ask(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return answer.status, (json.loads(text) if text else None)
    except urllib.error.HTTPError as error:
        return error.code, None


def compare(what, answers):
    global differences, compared
    ours, theirs = answers
    compared += len(ours) if isinstance(ours, list) else 1
    if ours != theirs:
        differences += 1
        if isinstance(ours, list):
            ours, theirs = [x for x in ours if x not in theirs][:3], [x for x in theirs if x not in ours][:3]
        print(f"seed {seed}, {what}:\n  {urls[0]} {ours}\n  {urls[1]} {theirs}")


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


# Few values, so that alerts meet in groups, inhibit each other, and are hit by silences.
alerts = {}
while len(alerts) < 300:
    labels = {"alertname": f"A{random.randint(0, 5)}"}
    for name, values in [("host", ["a", "b", "ab", "c"]), ("team", ["db", "web", "d", "x"]), ("severity", ["critical", "warning", "info"])]:
        if random.random() < 0.8:
            labels[name] = random.choice(values)
    if random.random() < 0.5:
        labels["n"] = str(random.randint(0, 50))
    alerts[json.dumps(labels, sort_keys=True)] = {"labels": labels, "annotations": {"s": "x"}, "startsAt": moment(-random.randint(0, 80_000))}
posted = list(alerts.values())
compare("posting", [ask(url, "/api/v2/alerts", posted)[0] for url in urls])

for number in range(20):
    matchers = []
    for name in random.sample(["host", "team", "severity", "alertname"], random.randint(1, 2)):
        value = random.choice(["a", "db", "critical", "A1", "a|b", "w.*", "A[0-3]", ".+", "", ".*", "(", "x\"y\\z"])
        # A negation alone hides nearly everything: only silences that are ahead have one.
        is_equal = random.random() < 0.6 or not (matchers or number % 4 == 0)
        matchers.append({"name": name, "value": value, "isRegex": random.random() < 0.5, "isEqual": is_equal})
    start = 3600 if number % 4 == 0 else -10
    silence = {"matchers": matchers, "startsAt": moment(start), "endsAt": moment(7200), "createdBy": "x", "comment": f"c{number}"}
    compare(f"making the silence {matchers}", [ask(url, "/api/v2/silences", silence)[0] for url in urls])


def silences(url, query=""):
    return ask(url, "/api/v2/silences" + query)[1]


def listed(url, query):
    comments = {silence["id"]: silence["comment"] for silence in silences(url)}
    return sorted(
        [
            json.dumps(alert["labels"], sort_keys=True), alert["fingerprint"], [r["name"] for r in alert["receivers"]], alert["status"]["state"],
            sorted(comments[id] for id in alert["status"]["silencedBy"]), bool(alert["status"]["inhibitedBy"]), alert["startsAt"][:19],
            alert["annotations"],
        ]
        for alert in ask(url, "/api/v2/alerts" + query)[1]
    )


def grouped(url, query):
    return sorted(
        [group["receiver"]["name"], json.dumps(group["labels"], sort_keys=True), sorted(alert["fingerprint"] for alert in group["alerts"])]
        for group in ask(url, "/api/v2/alerts/groups" + query)[1]
    )


# What was posted travels through the log before it is seen.
deadline = time.time() + 30
while any(len(ask(url, "/api/v2/alerts")[1]) < len(posted) for url in urls) and time.time() < deadline:
    time.sleep(0.05)

filters = ['team="db"', 'host=~"a.*"', 'severity!="info"', 'team=""', 'n!~"1.*"', 'nothing!=""', 'alertname=~"A[1-3]"', 'host="a"', "x y"]
queries = ["", "?silenced=false", "?inhibited=false", "?active=false", "?silenced=false&inhibited=false", "?receiver=r1", "?receiver=r[1-3]"]
queries += ["?receiver=r", "?filter=" + quote('host=~"a|b"') + "&filter=" + quote("severity!=info") + "&active=true&unprocessed=true"]
queries += ["?filter=" + quote(one) for one in filters[:-1]]
for query in queries:
    compare("alerts " + query, [listed(url, query) for url in urls])
    compare("groups " + query, [grouped(url, query) for url in urls])
for one in filters + ["host!=a", "host=~w.*", 'team=".+"', 'alertname=~"A[0-3]"']:
    path = "/api/v2/silences?filter=" + quote(one)
    answers = [ask(url, path) for url in urls]
    compare("silences " + one, [[status] + sorted(s["comment"] for s in found or []) for status, found in answers])
compare(
    "silences",
    [sorted([s["comment"], s["status"]["state"], s["matchers"], s["startsAt"][:19] if s["status"]["state"] == "pending" else "", s["endsAt"][:19]]
            for s in silences(url)) for url in urls],
)
for body in [
    [{"labels": {}}], [{"labels": {"a-b": "c"}}], {}, [], [{"labels": {"a": ""}}], [{"labels": {"a": "b"}, "annotations": {"x y": "z"}}],
    [{"labels": {"a": "b"}, "startsAt": moment(0), "endsAt": moment(-60)}], [{"labels": {"alertname": "Over"}, "endsAt": moment(-60)}],
]:
    compare(f"posting {body}", [ask(url, "/api/v2/alerts", body)[0] for url in urls])
for path in ["alerts?filter=%3Dx", "alerts?receiver=(", "silence/00000000-0000-4000-8000-000000000000", "alerts/groups?filter=a%7E", "receivers"]:
    compare(path, [ask(url, "/api/v2/" + path)[0] for url in urls])
compare("receivers", [ask(url, "/api/v2/receivers")[1] for url in urls])
# Everything again after its end was told: nothing is left but what is over nowhere.
ended = [dict(alert, endsAt=moment(-1)) for alert in posted if "n" in alert["labels"]]
compare("ending", [ask(url, "/api/v2/alerts", ended)[0] for url in urls])
deadline = time.time() + 30
while any(len(ask(url, "/api/v2/alerts")[1]) > len(posted) - len(ended) for url in urls) and time.time() < deadline:
    time.sleep(0.05)
compare("alerts after the end of some", [listed(url, "") for url in urls])
print(f"seed {seed}: {compared} answers compared, {differences} differences")
sys.exit(1 if differences else 0)
