import Judging
import Rules
import Telemetry
import TestSupport
import Testing

/// A line counts when it was written, not when it was read.
struct LateLinesTests {
    private static func bench(window: String = "5m") throws -> Bench {
        let rule = try Bench.alert("OOM", "increase(log_pattern_matches_total{pattern=\"oom\"}[\(window)]) > 0")
        return try Bench([rule], patterns: [("oom", "Out of memory")])
    }

    @Test(arguments: [Duration.seconds(301), .seconds(3600), .seconds(7 * 86_400), .seconds(9 * 365 * 86_400)])
    func `a backlog that is older than a rule's range fires nothing and is counted`(age: Duration) async throws {
        let bench = try Self.bench()
        for _ in 0..<40 { try await bench.collect(["node_load1": 1]) }
        try await bench.lines(Array(repeating: "Out of memory", count: 500), age: age)
        for _ in 0..<40 { try await bench.collect(["node_load1": 1]) }
        #expect(bench.states == [])
        #expect(bench.store.taken.last?.samples.last?.value == 500)
    }

    @Test func `a late line of today fires the rules whose range reaches back to it, and no other`() async throws {
        let (short, long) = (try Self.bench(window: "1m"), try Self.bench(window: "10m"))
        for bench in [short, long] {
            for _ in 0..<70 { try await bench.collect(["node_load1": 1]) }
            try await bench.lines(["Out of memory"], age: .seconds(300))
        }
        #expect(short.states == [])
        #expect(long.states == ["OOM firing"])
        // It leaves the range when its own time does.
        for _ in 0..<29 { try await long.collect(["node_load1": 1]) }
        #expect(!long.states.contains("OOM resolved"))
        for _ in 0..<3 { try await long.collect(["node_load1": 1]) }
        #expect(long.states.last == "OOM resolved")
    }

    @Test func `a line of now fires in the middle of an old backlog`() async throws {
        let bench = try Self.bench()
        for _ in 0..<40 { try await bench.collect(["node_load1": 1]) }
        try await bench.lines(Array(repeating: "Out of memory", count: 100), age: .seconds(86_400))
        #expect(bench.states == [])
        try await bench.lines(["Out of memory"])
        #expect(bench.states == ["OOM firing"])
        let value = try #require(bench.store.alerts.last?.value)
        #expect(value >= 1 && value < 1.1)
        try await bench.lines(Array(repeating: "Out of memory", count: 100), age: .seconds(86_400))
        try await bench.collect(["node_load1": 1])
        #expect(bench.store.taken.last?.samples.last?.value == 201)
    }

    @Test func `late lines that the next room refuses are raised once, when they come again`() async throws {
        let bench = try Self.bench()
        for _ in 0..<40 { try await bench.collect(["node_load1": 1]) }
        bench.store.refuse(true)
        for _ in 0..<3 { await #expect(throws: SinkError.self) { try await bench.lines(["Out of memory"], age: .seconds(60)) } }
        bench.store.refuse(false)
        try await bench.collect(["node_load1": 1])
        #expect(bench.states == [])
        try await bench.lines(["Out of memory"], age: .seconds(60))
        #expect(bench.states == ["OOM firing"])
        let value = try #require(bench.store.alerts.last?.value)
        #expect(value >= 1 && value < 1.1)
    }
}
