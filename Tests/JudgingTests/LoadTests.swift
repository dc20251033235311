import Expressions
import Judging
import Operating
import Rules
import Telemetry
import TestSupport
import Testing

struct LoadTests {
    @Test func `500 rules over 1 000 series are judged in each collection, all of them`() async throws {
        let rules = try (0..<500).map { index in
            let text =
                index % 2 == 0
                ? "rate(m\(index % 100)_total{device=\"d\(index % 10)\"}[5m]) > 1e9"
                : "m\(index % 100)_total / on(device) m\((index + 1) % 100)_total > 1e9"
            return try Bench.alert("R\(index)", text)
        }
        let bench = try Bench(rules)
        let clock = ContinuousClock()
        var slowest = Duration.zero
        for round in 0..<40 {
            bench.time.advance(by: .seconds(10))
            let now = bench.time.now()
            let samples = (0..<1000).map { index in
                Sample("m\(index / 10)_total", [Label("device", "d\(index % 10)")], at: now, Double(round * index + 1))
            }
            let started = clock.now
            try await bench.judge.accept(Intake(samples: samples))
            slowest = max(slowest, started.duration(to: clock.now))
        }
        #expect(await bench.judge.problems() == [])
        #expect(bench.metrics.prometheusText().contains("tocsin_judging_evaluations_total 20000\n"))
        // An optimised build is meant to take 5 ms; this one is not optimised, and the machine may be busy.
        #expect(slowest < .seconds(2))
    }
}
