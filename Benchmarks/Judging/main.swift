// 500 rules over 1 000 series: what judging one collection costs.
//
//     ENABLE_BENCHMARKS=1 swift build -c release --product judging-bench && .build/release/judging-bench

import Expressions
import Glibc
import Judging
import Logging
import Operating
import Rules
import Telemetry

/// Takes everything and keeps nothing.
struct Nowhere: Sink { func accept(_ element: Intake) async throws(SinkError) {} }

/// A clock that goes when it is told to.
final class Steps: TimeSource, @unchecked Sendable {
    var elapsed = Duration.zero
    func now() -> Timestamp { Timestamp(nanoseconds: 1_700_000_000_000_000_000).advanced(by: elapsed) }
    func monotonic() -> Duration { elapsed }
    func sleep(for duration: Duration) async throws {}
}

let (seriesCount, rulesCount, collections) = (1000, 500, 120)

/// What rule files of hosts hold, in the same shares: rates and increases over five minutes, comparisons, ratios, aggregations, log patterns.
func expression(_ index: Int) -> String {
    let (metric, device) = (index % 100, index % 10)
    return switch index % 10 {
    case 0, 1, 2: "rate(node_m\(metric)_total{device=\"d\(device)\"}[5m]) > 1e9"
    case 3: "increase(node_m\(metric)_total{device=~\"d[0-4]\"}[5m]) > 1e9"
    case 4, 5: "node_m\(metric)_total{device=\"d\(device)\"} > 1e12"
    case 6: "node_m\(metric)_total / on(device) node_m\((metric + 1) % 100)_total > 1e9"
    case 7: "sum by (host) (rate(node_m\(metric)_total[5m])) > 1e9"
    case 8: "avg_over_time(node_m\(metric)_total{device=\"d\(device)\"}[5m]) > 1e12 and node_m\(metric)_total{device=\"d\(device)\"} > 1e12"
    default: "increase(log_pattern_matches_total{pattern=\"p\(device)\"}[5m]) > 1e6"
    }
}

let rules = try (0..<rulesCount).map { index in
    Rule.alerting(AlertingRule(name: "R\(index)", expression: try Expression(parsing: expression(index)), holdDuration: .seconds(60)))
}
let time = Steps()
let judge = Judge(
    JudgeConfig(patterns: try (0..<10).map { try LogPattern(name: "p\($0)", match: "never \($0)") }, groups: [RuleGroup(name: "g", rules: rules)]),
    next: Nowhere(),
    identity: HostIdentity(agent: UUID(high: 1, low: 2), host: "web-1"),
    time: time,
    metrics: MetricsRegistry(),
    logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
)

func processorSeconds() -> Double {
    var usage = rusage()
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

var took: [Double] = []
for round in 0..<collections {
    time.elapsed += .seconds(10)
    let now = time.now()
    let samples = (0..<seriesCount).map { index in
        Sample("node_m\(index / 10)_total", [Label("device", "d\(index % 10)")], at: now, Double(round * index + 1))
    }
    let before = processorSeconds()
    try await judge.accept(Intake(samples: samples))
    took.append((processorSeconds() - before) * 1000)
}
// The first five minutes fill the ranges.
let steady = took.dropFirst(40).sorted()
func text(_ milliseconds: Double) -> String { "\((milliseconds * 100).rounded() / 100) ms" }
print(
    "\(rulesCount) rules over \(seriesCount) series, CPU a collection: median \(text(steady[steady.count / 2])), slowest \(text(steady[steady.count - 1]))"
)
for problem in await judge.problems() { print(problem) }
