import Expressions
import Judging
import Operating
import Rules
import Telemetry
import TestSupport
import Testing

struct JudgeTests {
    static let host: Labels = ["host": "web-1", "instance": "web-1", "job": "tocsin"]

    @Test func `samples get the labels of the host, and events its name`() async throws {
        let bench = try Bench()
        try await bench.collect(["node_load1": 1])
        try await bench.lines(["x"])
        #expect(bench.store.taken[0].samples.map(\.series) == [Self.host.setting("__name__", to: "node_load1")])
        #expect(bench.store.taken[1].events.map(\.host) == ["web-1"])
    }

    @Test func `a rule fires with the collection that breaches it and is resolved with the one that does not`() async throws {
        let bench = try Bench([try Bench.alert("Load", "node_load1 > 4")])
        try await bench.collect(["node_load1": 3])
        try await bench.collect(["node_load1": 5])
        #expect(bench.store.taken[1].alerts.map(\.state) == [.firing])
        #expect(bench.store.taken[1].alerts[0].labels == Self.host.setting("alertname", to: "Load"))
        #expect(bench.store.taken[1].alerts[0].value == 5)
        #expect(bench.store.taken[1].judgement?.alerts.count == 1)
        try await bench.collect(["node_load1": 2])
        #expect(bench.store.taken[2].alerts.map(\.state) == [.resolved])
        #expect(bench.store.taken[2].judgement?.alerts == [])
    }

    @Test func `a firing alert is sent again every minute`() async throws {
        let bench = try Bench([try Bench.alert("Load", "node_load1 > 4")])
        for _ in 0..<13 { try await bench.collect(["node_load1": 5]) }
        #expect(bench.store.taken.map(\.alerts.count) == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1])
        #expect(Set(bench.store.alerts.map(\.startsAt)).count == 1)
        #expect(Set(bench.store.alerts.map(\.updatedAt)).count == 3)
    }

    @Test func `pattern counters are there at 0 from the start and rules that read them are judged at once`() async throws {
        let rule = try Bench.alert("OOM", "increase(log_pattern_matches_total{pattern=\"oom\"}[5m]) > 0")
        let bench = try Bench([rule, try Bench.alert("Other", "absent(node_load1)")], patterns: [("oom", "Out of memory"), ("ssh", "sshd.*fail")])
        try await bench.collect(["node_load1": 1])
        let counters = bench.store.taken[0].samples.filter { $0.series.name == "log_pattern_matches_total" }
        #expect(counters.map(\.value) == [0, 0])
        #expect(counters.map { $0.series["pattern"] } == ["oom", "ssh"])
        try await bench.lines(["all is well"])
        #expect(bench.store.alerts.isEmpty)
        try await bench.lines(["kernel: Out of memory: Killed process 1", "x", "Out of memory again"])
        #expect(bench.states == ["OOM firing"])
        #expect(bench.store.taken[2].judgement?.patternMatches == ["oom": 2, "ssh": 0])
        #expect(bench.store.taken[2].samples.map(\.value) == [2])
    }

    @Test func `a match before the first collection fires too, and is told from 0`() async throws {
        let rule = try Bench.alert("OOM", "increase(log_pattern_matches_total{pattern=\"oom\"}[5m]) > 0")
        let bench = try Bench(
            [rule, try Bench.alert("Mixed", "absent(node_load1) or log_pattern_matches_total")],
            patterns: [("oom", "Out of memory")]
        )
        try await bench.lines(["Out of memory"])
        #expect(bench.states == ["OOM firing"])
        #expect(bench.store.taken[0].samples.map(\.value) == [0, 1])
    }

    @Test func `what the next room refuses did not happen, and happens once when it comes again`() async throws {
        let rule = try Bench.alert("OOM", "increase(log_pattern_matches_total{pattern=\"oom\"}[5m]) > 0")
        let bench = try Bench([rule, try Bench.alert("Load", "node_load1 > 4")], patterns: [("oom", "Out of memory")])
        try await bench.collect(["node_load1": 1])
        bench.store.refuse(true)
        await #expect(throws: SinkError.self) { try await bench.lines(["Out of memory"]) }
        await #expect(throws: SinkError.self) { try await bench.collect(["node_load1": 5]) }
        bench.store.refuse(false)
        #expect(await bench.judge.alerts().isEmpty)
        try await bench.collect(["node_load1": 5])
        #expect(bench.states == ["Load firing"])
        try await bench.lines(["Out of memory"])
        #expect(bench.states == ["Load firing", "OOM firing"])
        #expect(bench.store.taken.last?.judgement?.patternMatches == ["oom": 1])
        let increase = bench.store.alerts.last?.value ?? 0
        #expect(increase >= 1 && increase < 1.5)
    }

    @Test func `for and counters survive a restart`() async throws {
        let rules = [try Bench.alert("Load", "node_load1 > 4", for: 60)]
        let first = try Bench(rules, patterns: [("oom", "Out of memory")])
        try await first.collect(["node_load1": 5])
        try await first.lines(["Out of memory"])
        let stored = first.store.taken.compactMap(\.judgement).last
        #expect(stored?.alerts.map(\.state) == [.pending])

        let checkpoint = Checkpoint(alerts: stored?.alerts ?? [], patternMatches: stored?.patternMatches ?? [:])
        let second = try Bench(rules, patterns: [("oom", "Out of memory")], checkpoint: checkpoint)
        second.time.advance(by: .seconds(20))
        try await second.collect(["node_load1": 5])
        #expect(second.store.alerts.isEmpty)
        for _ in 0..<5 { try await second.collect(["node_load1": 5]) }
        #expect(second.states == ["Load firing"])
        #expect(second.store.taken[0].samples.last?.value == 1)
    }

    @Test func `a firing alert over a range is not resolved because a restart emptied the memory`() async throws {
        let rules = [try Bench.alert("Hot", "avg_over_time(temperature[10m]) > 50"), try Bench.alert("Grows", "increase(errors_total[10m]) > 5")]
        let first = try Bench(rules)
        for index in 0..<10 { try await first.collect(["temperature": 60, "errors_total": Double(index * 10)]) }
        let stored = first.store.taken.compactMap(\.judgement).last?.alerts ?? []
        #expect(stored.map(\.state) == [.firing, .firing])

        let second = try Bench(rules, checkpoint: Checkpoint(alerts: stored))
        for _ in 0..<59 { try await second.collect(["temperature": 60, "errors_total": 90]) }
        #expect(!second.states.contains { $0.hasSuffix("resolved") })
        for _ in 0..<2 { try await second.collect(["temperature": 60, "errors_total": 90]) }
        #expect(second.states.filter { $0.hasSuffix("resolved") } == ["Grows resolved"])
    }

    @Test func `an alert whose rule is gone is resolved`() async throws {
        let old = Alert(
            labels: ["alertname": "Gone", "host": "web-1"],
            state: .firing,
            activeAt: Timestamp(milliseconds: 0),
            startsAt: Timestamp(milliseconds: 0),
            value: 1,
            updatedAt: Timestamp(milliseconds: 0)
        )
        let bench = try Bench([try Bench.alert("Load", "node_load1 > 4")], checkpoint: Checkpoint(alerts: [old]))
        try await bench.collect(["node_load1": 1])
        #expect(bench.states == ["Gone resolved"])
        try await bench.collect(["node_load1": 1])
        #expect(bench.states == ["Gone resolved"])
    }

    @Test func `a clock set an hour ahead neither fires what waits nor empties ranges`() async throws {
        let bench = try Bench([try Bench.alert("Load", "node_load1 > 4", for: 60), try Bench.alert("Grows", "rate(errors_total[1m]) > 0")])
        for index in 0..<4 { try await bench.collect(["node_load1": 5, "errors_total": Double(index)]) }
        #expect(bench.states == ["Grows firing"])
        bench.time.setWallClock(to: bench.time.now().advanced(by: .seconds(3600)))
        try await bench.collect(["node_load1": 5, "errors_total": 4])
        #expect(Set(bench.states) == ["Grows firing"])
        for index in 5..<8 { try await bench.collect(["node_load1": 5, "errors_total": Double(index)]) }
        #expect(Set(bench.states) == ["Grows firing", "Load firing"])
    }

    @Test func `a clock set back goes on being judged`() async throws {
        let bench = try Bench([try Bench.alert("Grows", "rate(errors_total[1m]) > 0")])
        for index in 0..<4 { try await bench.collect(["errors_total": Double(index)]) }
        bench.time.setWallClock(to: bench.time.now().advanced(by: .seconds(-7200)))
        for index in 4..<20 { try await bench.collect(["errors_total": Double(index)]) }
        #expect(Set(bench.states) == ["Grows firing"])
        for _ in 0..<8 { try await bench.collect(["errors_total": 19]) }
        #expect(bench.states.last == "Grows resolved")
    }

    @Test func `a rule that fails keeps its alerts, shows its error, and the collection goes on`() async throws {
        let bench = try Bench([try Bench.alert("Ratio", "a / on() {__name__=~\"b.*\"} > 1"), try Bench.alert("Load", "node_load1 > 4")])
        try await bench.collect(["a": 4, "b1": 2, "node_load1": 1])
        #expect(bench.states == ["Ratio firing"])
        try await bench.collect(["a": 4, "b1": 2, "b2": 2, "node_load1": 5])
        #expect(bench.states == ["Ratio firing", "Load firing"])
        let status = await bench.judge.status()
        #expect(status.map(\.firing) == [1, 1])
        #expect(status[0].lastError?.contains("several series") ?? false)
        #expect(status[1].lastError == nil)
        #expect(await bench.judge.problems().count == 1)
        #expect(bench.metrics.prometheusText().contains("tocsin_judging_evaluation_failures_total 1"))
    }

    @Test func `a group's interval is kept on its own grid`() async throws {
        let bench = try Bench([try Bench.alert("Load", "node_load1 > 4")], interval: .seconds(25))
        for value in [1.0, 5, 5, 5, 5] { try await bench.collect(["node_load1": value]) }
        #expect(bench.store.taken.map(\.alerts.count) == [0, 0, 0, 1, 0])
    }

    @Test func `recorded series are stored, carry the host's labels, and feed the rules behind them`() async throws {
        let recording = Rule.recording(
            RecordingRule(name: "load:double", expression: try Expression(parsing: "node_load1 * 2"), labels: ["team": "x"])
        )
        let bench = try Bench([recording, try Bench.alert("Double", "load:double > 8")])
        try await bench.collect(["node_load1": 5])
        #expect(bench.store.taken[0].samples.last?.series == Self.host.merged(over: ["__name__": "load:double", "team": "x"]))
        #expect(bench.store.taken[0].samples.last?.value == 10)
        #expect(bench.states == ["Double firing"])
    }

    @Test func `after a reload alerts of rules that stay go on, those of rules that go are resolved`() async throws {
        let load = try Bench.alert("Load", "node_load1 > 4")
        let bench = try Bench([load, try Bench.alert("Other", "node_load1 > 3")])
        try await bench.collect(["node_load1": 5])
        await bench.judge.reload(try Bench.config([load, try Bench.alert("Third", "node_load5 > 3")], patterns: [("oom", "Out of memory")]))
        try await bench.collect(["node_load1": 5, "node_load5": 5])
        #expect(bench.states.sorted() == ["Load firing", "Load firing", "Other firing", "Other resolved", "Third firing"])
        #expect(Set(bench.store.alerts.filter { $0.name == "Load" }.map(\.startsAt)).count == 1)
        try await bench.lines(["Out of memory"])
        #expect(bench.store.taken.last?.judgement?.patternMatches == ["oom": 1])
    }

    @Test func `memory holds what rules read and no more`() async throws {
        let bench = try Bench([try Bench.alert("Load", "avg_over_time(node_load1[5m]) > 4")])
        for _ in 0..<200 { try await bench.collect(["node_load1": 1, "node_load5": 1, "node_load15": 1]) }
        let text = bench.metrics.prometheusText()
        #expect(text.contains("tocsin_judging_series 1\n"))
        #expect(text.contains("tocsin_judging_points 34\n"))
    }

    @Test func `series and points stay within their limits, and it is told`() async throws {
        var config = try Bench.config([try Bench.alert("Any", "last_over_time({__name__=~\"m.*\"}[1h]) > 1e9")])
        config.limits.seriesMax = 3
        config.limits.pointsMax = 60
        let bench = try Bench()
        await bench.judge.reload(config)
        for _ in 0..<100 { try await bench.collect(["m1": 1, "m2": 1, "m3": 1, "m4": 1]) }
        let text = bench.metrics.prometheusText()
        #expect(text.contains("tocsin_judging_series 3\n"))
        #expect(text.contains("tocsin_judging_points 60\n"))
        #expect(await bench.judge.problems().count == 2)
        #expect(bench.store.taken.allSatisfy { $0.samples.count == 4 })
    }

    @Test func `many rooms may hand over at the same time`() async throws {
        let bench = try Bench([try Bench.alert("Load", "node_load1 > 4")], patterns: [("x", "x")])
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<50 {
                group.addTask { try? await bench.lines(["x \(index)", "y"], after: 1) }
                group.addTask { try? await bench.collect(["node_load1": 5], after: 0) }
            }
        }
        #expect(bench.store.taken.count == 100)
        #expect(bench.store.taken.compactMap { $0.judgement?.patternMatches["x"] }.max() == 50)
        #expect(bench.states.filter { $0 == "Load firing" }.count == 1)
    }
}
