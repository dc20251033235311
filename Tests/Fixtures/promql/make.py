#!/usr/bin/python3
"""Asks a real Prometheus (Debian: apt-get install prometheus) for the values of many expressions over made-up data, and writes data.txt and
answers.txt, against which ExpressionsTests checks ours. Not part of CI: the files are committed.

    ./make.py            # needs promtool and prometheus on PATH, port 19090 free

data.txt:     S series            then  P milliseconds value  for each of its points
answers.txt:  I seconds expr      then  V labels value ... (or N value: a number, E: refused), "." ends it
              R start end step expr  then  M labels, then  P seconds value
"""
import json, math, os, random, subprocess, tempfile, time, urllib.error, urllib.parse, urllib.request

T0 = 1_700_000_000
random.seed(42)
series = {}


def add(name, points):
    series[name] = points


def counter(name, step, count, rate, reset=0.0, gap=0.0, jitter=0.0):
    value, points, t = random.randint(0, 50), [], T0
    for _ in range(count):
        t += step
        value += random.randint(0, rate)
        if random.random() < reset:
            value = random.randint(0, 3)
        if random.random() < gap:
            continue
        points.append((round((t + (random.random() - 0.5) * jitter) * 1000), value))
    add(name, points)


for instance in "abc":
    for code in ("200", "404", "500"):
        counter('http_requests_total{instance="%s",code="%s",job="api"}' % (instance, code), 15, 240, 30 if code == "200" else 3, 0.01, 0.05, 1)
counter('sparse_total{instance="a"}', 110, 30, 5, 0.1)
counter('errors_total{instance="a",job="api"}', 15, 240, 1, 0.02)
for index, (instance, device) in enumerate([("a", "sda"), ("a", "sdb"), ("b", "sda"), ("c", "sda")]):
    points, value = [], 50.0
    for i in range(240):
        value += random.uniform(-5, 5)
        v = value
        if index == 3 and i in (20, 21, 100):
            v = math.nan
        if index == 2 and i == 60:
            v = math.inf
        if index == 2 and i == 120:
            v = -math.inf
        points.append(((T0 + 15 * (i + 1)) * 1000, v))
    add('temperature{instance="%s",device="%s"}' % (instance, device), points)
for instance, version in (("a", "1.2"), ("b", "1.3"), ("c", "1.3")):
    add('build_info{instance="%s",version="%s"}' % (instance, version), [((T0 + 15 * (i + 1)) * 1000, 1) for i in range(240)])
    add('limit{instance="%s"}' % instance, [((T0 + 15 * (i + 1)) * 1000, 40 + 5 * ord(instance) % 7) for i in range(240)])
add('cores{instance="a"}', [((T0 + 60 * (i + 1)) * 1000, 4) for i in range(60)])
add('gone{instance="a"}', [((T0 + 15 * (i + 1)) * 1000, i) for i in range(60)])
add('constant{instance="a"}', [((T0 + 15 * (i + 1)) * 1000, 7) for i in range(240)])
for le, factor in (("0.1", 1), ("0.5", 3), ("1", 6), ("5", 9), ("+Inf", 10)):
    add('latency_bucket{instance="a",le="%s"}' % le, [((T0 + 15 * (i + 1)) * 1000, factor * i) for i in range(240)])
add('latency_bucket{instance="b",le="0.1"}', [((T0 + 15 * (i + 1)) * 1000, 2 * i) for i in range(240)])
add('latency_bucket{instance="b",le="+Inf"}', [((T0 + 15 * (i + 1)) * 1000, 2 * i) for i in range(240)])

rangers = "rate increase delta irate idelta deriv changes resets avg_over_time min_over_time max_over_time sum_over_time count_over_time last_over_time present_over_time stddev_over_time stdvar_over_time".split()
expressions = []
for function in rangers:
    for selector in ("http_requests_total[5m]", "temperature[3m]", "sparse_total[10m]", "gone[7m]", "errors_total[47s]", "constant[2m]"):
        expressions.append("%s(%s)" % (function, selector))
expressions += """
temperature
http_requests_total{code="200"}
http_requests_total{code!="200",instance=~"a|b"}
http_requests_total{code=~"4.."}
http_requests_total{code!~"4..|5.*"}
{__name__=~"build_.*|limit"}
{__name__="limit",instance!=""}
http_requests_total{absent=""}
gone
gone offset 10m
temperature offset -1m
rate(http_requests_total[5m]) or http_requests_total
http_requests_total or rate(http_requests_total[5m])
-limit or limit
limit or -limit
rate(http_requests_total[5m]) > 0.5
rate(http_requests_total[5m]) > 0.5 or limit
-rate(http_requests_total[5m]) < bool 0
sort(rate(http_requests_total[5m]) > 0)
topk(2, rate(http_requests_total[5m]))
count by (__name__) (rate(http_requests_total[5m]))
sum without (code) (rate(http_requests_total[5m])) > 1
label_replace(rate(http_requests_total[5m]), "was", "$1", "__name__", "(.*)")
label_replace(rate(http_requests_total[5m]), "__name__", "back", "", "")
rate(http_requests_total[5m]) * on (__name__, instance, code, job) rate(http_requests_total[5m])
limit * on (__name__, instance) limit
rate(http_requests_total[5m]) and on (__name__) limit
rate(http_requests_total[5m]) / http_requests_total
rate(http_requests_total[5m]) unless rate(http_requests_total[5m]) > 1
max_over_time((rate(http_requests_total[5m]) > 0)[10m:2m])
abs(-limit) == limit
rate({__name__=~"http_requests_total|build_.*"}[5m])
rate(http_requests_total[5m] offset 5m)
rate(http_requests_total[5m] offset -5m)
temperature @ 1700001800
rate(http_requests_total[5m] @ 1700001800)
temperature @ end()
temperature @ start() offset 1m
rate(errors_total[2m] @ 1700001800 offset 5m)
1 + 2 * 3 ^ 2 ^ 0.5 % 4
-2 ^ 2
2 ^ -1
-temperature
- -temperature
+temperature
-temperature ^ 2
temperature * 2 + 1
2 - temperature
temperature % 7
temperature / 0
temperature ^ 0.5
10 % temperature
temperature > 50
50 < temperature
temperature > bool 50
50 > bool temperature
temperature == bool temperature
temperature != temperature
1 > bool 2
1 == bool 1
temperature > limit
temperature > on(instance) group_left limit
temperature > bool on(instance) group_left() limit
temperature - on(instance) group_left limit
limit < on(instance) group_right temperature
limit - on(instance) group_right() temperature
temperature * on(instance) group_left(version) build_info
build_info * on(instance) group_right(version) temperature
temperature / ignoring(device) group_left limit
limit + limit
limit == limit
limit > bool ignoring(instance) cores
limit + on(instance) cores
limit == on(instance) limit
http_requests_total{code="500"} / ignoring(code) http_requests_total{code="200"}
http_requests_total{code="500"} / on(instance, job) http_requests_total{code="200"}
http_requests_total / on(instance) http_requests_total
sum by(instance) (rate(http_requests_total[5m])) / on(instance) sum(rate(http_requests_total[5m])) by (instance)
temperature and limit
temperature and on(instance) (limit > 41)
temperature or limit
temperature unless on(instance) cores
limit or on(instance) temperature
limit or on() temperature
temperature > 55 or temperature < 45
(temperature > 50) and (temperature < 60) unless gone
limit and ignoring(version) build_info
sum(temperature)
sum by (instance) (temperature)
sum without (device) (temperature)
sum(temperature) by (instance)
avg(temperature)
avg by (device) (temperature)
min(temperature)
max(temperature) without (instance)
count(temperature)
count by (device) (temperature)
group(temperature) by (instance)
stddev(limit)
stdvar by (job) (http_requests_total{code="200"})
stddev(temperature{instance!="c"})
topk(2, temperature)
bottomk(2, temperature)
topk(1, temperature) by (instance)
topk by (device) (1, temperature)
topk(0, temperature)
bottomk(10, limit)
quantile(0.5, temperature)
quantile(0.9, http_requests_total) by (code)
quantile(-1, limit)
quantile(2, limit)
quantile(scalar(cores) / 10, limit)
count_values("v", limit)
count_values by (instance) ("v", build_info)
count_values("instance", limit)
sum by (nothing) (limit)
sum without () (temperature)
sum by () (temperature)
abs(temperature - 50)
ceil(temperature)
floor(temperature)
round(temperature)
round(temperature, 5)
round(temperature, 0.1)
exp(limit / 10)
ln(temperature - 50)
log2(temperature)
log10(temperature)
sqrt(temperature - 50)
sgn(temperature - 50)
clamp(temperature, 45, 55)
clamp(temperature, 55, 45)
clamp_min(temperature, 50)
clamp_max(temperature, 50)
deg(limit)
rad(limit)
sin(limit)
atan(limit)
limit atan2 temperature{device="sda"}
limit atan2 on(instance) cores
pi()
time()
time() - timestamp(temperature)
timestamp(cores)
timestamp(cores offset 1m)
timestamp(cores * 1)
timestamp(temperature @ 1700001800)
vector(1)
vector(time())
scalar(cores)
scalar(limit)
scalar(nothing)
absent(nothing)
absent(nothing{a="b",c=~"d",e!="f"})
absent(nothing{a="b",a="c",d="e"})
absent(temperature)
absent(sum(nothing{a="b"}))
absent_over_time(nothing{x="y"}[5m])
absent_over_time(gone[5m])
absent(gone)
minute()
hour(temperature * 0 + 1700000000)
day_of_month()
day_of_week()
day_of_year()
days_in_month()
month()
year()
minute(vector(1709210000))
day_of_month(vector(1709210000))
days_in_month(vector(1709210000))
day_of_year(vector(1709210000))
day_of_week(vector(-86401))
hour(vector(-1))
year(vector(-1))
predict_linear(temperature[10m], 600)
predict_linear(temperature[10m] offset 5m, 600)
predict_linear(constant[5m], 60)
predict_linear(sparse_total[4m], 60)
quantile_over_time(0.75, temperature[5m])
quantile_over_time(2, temperature[5m])
quantile_over_time(scalar(limit{instance="a"}) / 100, temperature[5m])
label_replace(temperature, "host", "$1-x", "instance", "(.*)")
label_replace(temperature, "host", "${1}x", "instance", "(a|b)")
label_replace(temperature, "device", "", "device", ".*")
label_replace(limit, "instance", "same", "instance", ".*")
label_replace(limit, "x", "$name", "instance", "(?P<name>.)")
label_replace(limit, "x", "a$$b", "instance", ".*")
label_replace(limit, "x", "v", "missing", "")
label_replace(limit, "x", "v", "instance", "z")
label_replace(limit, "__name__", "renamed", "", "")
label_join(temperature, "path", "/", "instance", "device")
label_join(temperature, "path", "", "instance", "nothing")
label_join(limit, "empty", ",")
sort(temperature)
sort_desc(temperature)
sort(limit)
histogram_quantile(0.5, latency_bucket)
histogram_quantile(0.9, rate(latency_bucket[5m]))
histogram_quantile(0.99, latency_bucket)
histogram_quantile(0.05, sum by (le) (latency_bucket))
histogram_quantile(2, latency_bucket)
histogram_quantile(0.5, limit)
avg_over_time(rate(http_requests_total{code="200"}[1m])[10m:1m])
max_over_time(temperature[10m:])
max_over_time(temperature[10m:2m] offset 3m)
sum_over_time((temperature > 50)[5m:30s])
rate(sum by (instance) (http_requests_total)[5m:15s])
count_over_time(time()[5m:1m])
min_over_time(temperature[5m:30s] @ 1700001800)
max_over_time(max_over_time(temperature[2m:30s])[4m:1m])
last_over_time({__name__=~"limit|cores"}[5m])
rate({__name__=~"http_requests_total|errors_total",code=~"|500"}[5m])
rate({__name__=~"limit|constant",instance="a"}[5m])
abs({__name__=~"limit|constant",instance="a"})
({__name__=~"limit|constant"} > 1)
sum({__name__=~"limit|constant|cores"})
increase(http_requests_total{code="200"}[1m]) > 0 and on(instance) limit
sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) * 100
100 - avg by (instance) (rate(http_requests_total{code="200"}[5m])) * 10
0x1F + 1e3 + .5 + 5. + Inf - Inf
NaN == bool NaN
"text"
(("text"))
temperature{instance="a",}
sum(limit,)
foo bar
sum(temperature
rate(temperature)
rate(temperature[5m]) [5m]
temperature[5m] + 1
temperature and 1
1 == 1
{}
{a=~".*"}
{a!="x"}
temperature{a="b"
temperature{a=b}
temperature{__name__="x"}
sum by instance (temperature)
temperature + bool 1
temperature[0s]
temperature[5q]
temperature[5m1h]
temperature offset 5
temperature offset 5m offset 6m
temperature @ 1 @ 2
sum(temperature) offset 5m
nosuch(temperature)
topk(temperature)
abs("x")
label_replace(temperature, "a-b", "", "instance", "")
label_replace(temperature, "a", "", "instance", "(")
temperature{a=~"("}
temperature{a=~"(?=x)"}
temperature > on(instance) group_left(instance) limit
temperature and on(instance) group_left limit
temperature on(instance) + limit
1 + on() 2
-"x"
count_values(1, limit)
"unterminated
'\\d'
temperature[5m:5m:5m]
temperature[5m] offset 5m [5m]
time()[5m]
""".strip("\n").split("\n")

ranges = [e for e in expressions if e not in ("\"text\"", "((\"text\"))")]
instants = [T0 + 1800, T0 + 905.5, T0 + 3601]


def write_data(path, openmetrics):
    with open(path, "w") as data, open(openmetrics, "w") as om:
        families = {}
        for name, points in series.items():
            data.write("S %s\n" % name)
            for t, v in points:
                data.write("P %d %s\n" % (t, repr(float(v))))
            families.setdefault(name.split("{")[0], []).append((name, points))
        for family, members in families.items():
            om.write("# TYPE %s unknown\n" % family)
            for name, points in members:
                for t, v in points:
                    om.write("%s %s %d.%03d\n" % (name, "NaN" if v != v else ("+Inf" if v == math.inf else "-Inf" if v == -math.inf else repr(v)), t // 1000, t % 1000))
        om.write("# EOF\n")


def ask(kind, **parameters):
    url = "http://127.0.0.1:19090/api/v1/%s?%s" % (kind, urllib.parse.urlencode(parameters))
    try:
        return json.load(urllib.request.urlopen(url))["data"]
    except urllib.error.HTTPError as error:
        return None


def labels(metric):
    return metric.get("__name__", "") + "{" + ",".join('%s="%s"' % (k, v) for k, v in sorted(metric.items()) if k != "__name__") + "}"


here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as folder:
    write_data(here + "/data.txt", folder + "/om.txt")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", folder + "/om.txt", folder + "/data"], check=True, stdout=subprocess.DEVNULL)
    with open(folder + "/p.yml", "w") as f:
        f.write("global: {evaluation_interval: 1m}\n")
    server = subprocess.Popen(["prometheus", "--config.file", folder + "/p.yml", "--storage.tsdb.path", folder + "/data", "--storage.tsdb.retention.time", "100y",
                               "--web.listen-address", "127.0.0.1:19090", "--log.level", "error"])
    try:
        for _ in range(100):
            try:
                if urllib.request.urlopen("http://127.0.0.1:19090/-/ready").status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.2)
        refused = 0
        with open(here + "/answers.txt", "w") as out:
            for expression in expressions:
                for instant in instants:
                    out.write("I %s %s\n" % (instant, expression))
                    answer = ask("query", query=expression, time=instant)
                    if answer is None:
                        out.write("E\n")
                        refused += 1
                    elif answer["resultType"] == "vector":
                        for element in answer["result"]:
                            out.write("V %s %s\n" % (labels(element["metric"]), element["value"][1]))
                    elif answer["resultType"] == "scalar":
                        out.write("N %s\n" % answer["result"][1])
                    else:
                        out.write("T %s\n" % answer["resultType"])
                    out.write(".\n")
            for expression in ranges:
                start, end, step = T0 + 300, T0 + 4200, 390
                out.write("R %s %s %s %s\n" % (start, end, step, expression))
                answer = ask("query_range", query=expression, start=start, end=end, step=step)
                if answer is None:
                    out.write("E\n")
                else:
                    for element in answer["result"]:
                        out.write("M %s\n" % labels(element["metric"]))
                        for t, v in element["values"]:
                            out.write("P %s %s\n" % (t, v))
                out.write(".\n")
        print(len(expressions), "expressions,", refused, "refused instants")
    finally:
        server.terminate()
        server.wait()
