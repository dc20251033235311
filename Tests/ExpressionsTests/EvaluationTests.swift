import Expressions
import Telemetry
import Testing

struct EvaluationTests {
    /// Values at 0 s, 60 s, …
    static let source = MemorySource(
        step: 60,
        [
            "c{i=\"a\"}": [0, 60, 120, 180, 240, 300], "c{i=\"b\"}": [0, 60, 120, 10, 70, 130], "g{i=\"a\"}": [1, 2, 3, 4, 5, 6],
            "ended": [1, 1, Staleness.marker, nil, nil, nil], "back": [1, Staleness.marker, 3, 4, 5, 6],
        ]
    )

    @Test func `a rate is extrapolated to its window and adds what a reset took`() throws {
        #expect(try values("rate(c{i=\"a\"}[5m])", at: 300, Self.source) == ["{i=\"a\"}": 1])
        // 0 → 120, reset, 10 → 130: 250 in five minutes.
        #expect(try values("increase(c{i=\"b\"}[5m])", at: 300, Self.source) == ["{i=\"b\"}": 250])
        // From 90 s to 330 s: points at 120 s (120) to 300 s (300); half a minute to either end is less than 1.1 distances.
        #expect(try values("increase(c{i=\"a\"}[4m])", at: 330, Self.source) == ["{i=\"a\"}": 240])
        // The first point lies 0.2 of its value above zero: a counter does not begin below it.
        let young = MemorySource(step: 60, ["y": [nil, nil, 10, 60]])
        #expect(try values("increase(y[5m])", at: 180, young)["{}"] == 50 * (60 + 12) / 60)
    }

    @Test func `one point has no rate`() throws {
        #expect(try values("rate(g[30s])", at: 300, Self.source).isEmpty)
    }

    @Test func `a value is as old as the lookback at most`() throws {
        #expect(try values("g", at: 600, Self.source) == ["g{i=\"a\"}": 6])
        #expect(try values("g", at: 601, Self.source).isEmpty)
    }

    @Test func `a staleness marker ends a series at once and is no point of a range`() throws {
        #expect(try values("ended", at: 119, Self.source) == ["ended": 1])
        #expect(try values("ended", at: 120, Self.source).isEmpty)
        #expect(try values("count_over_time(ended[10m])", at: 300, Self.source) == ["{}": 2])
        #expect(try values("absent(ended)", at: 300, Self.source) == ["{}": 1])
        #expect(try values("sum_over_time(back[5m])", at: 300, Self.source) == ["{}": 19])
        let range = try Expression(parsing: "back").evaluateRange(
            from: Timestamp(milliseconds: 0),
            to: Timestamp(milliseconds: 300_000),
            step: .seconds(60),
            over: Self.source
        )
        #expect(range.first?.points.map(\.value) == [1, 3, 4, 5, 6])
    }

    @Test func `what matches several series where one is needed says which and what to add`() throws {
        let error = #expect(throws: EvaluationError.self) { try values("g + on() c", at: 300, Self.source) }
        #expect(error?.label.description == "matching")
        #expect("\(error!)".contains("c{i=\"a\"} and c{i=\"b\"}"))
    }

    @Test func `limits on samples, series and steps end an evaluation with their name`() throws {
        var options = EvaluationOptions()
        options.limits = EvaluationLimits(samplesMax: 10, seriesMax: 1, stepsMax: 5)
        func message(_ text: String) -> String {
            do {
                _ = try Expression(parsing: text).evaluate(at: Timestamp(milliseconds: 300_000), over: Self.source, options: options)
                return ""
            } catch { return "\(error)" }
        }
        #expect(message("c").contains("seriesMax"))
        #expect(message("sum_over_time(g[5m]) + sum_over_time(g[5m])").contains("samplesMax"))
        #expect(message("max_over_time(g[5m:1s])").contains("stepsMax"))
        #expect(throws: EvaluationError.self) {
            try Expression(parsing: "g").evaluateRange(
                from: Timestamp(milliseconds: 0),
                to: Timestamp(milliseconds: 300_000),
                step: .seconds(1),
                over: Self.source,
                options: options
            )
        }
    }

    @Test func `an evaluation that nobody waits for stops`() {
        var options = EvaluationOptions()
        options.shouldStop = { true }
        #expect(throws: EvaluationError.stopped) {
            try Expression(parsing: "g").evaluate(at: Timestamp(milliseconds: 300_000), over: Self.source, options: options)
        }
    }

    @Test(arguments: [Timestamp.distantPast, .distantFuture]) func `the ends of time do not trap`(_ time: Timestamp) throws {
        for text in ["g", "rate(c[5m] offset 1y)", "g offset -50y", "max_over_time(g[5m:1m])", "c @ 9e9", "time()"] {
            _ = try Expression(parsing: text).evaluate(at: time, over: Self.source)
        }
    }

    @Test func `the deepest expressions that are read are evaluated too`() throws {
        func nested(_ open: String, _ close: String, _ count: Int) -> String {
            String(repeating: open, count: count) + "g" + String(repeating: close, count: count)
        }
        let texts = [
            nested("abs(", ")", 95), nested("(-", ")", 60), nested("sum(1 + ", ")", 60), nested("max_over_time(", "[1m:1m])", 60),
            "g" + String(repeating: " + g", count: 190), "g" + String(repeating: " ^ g", count: 190), "g" + String(repeating: " or g", count: 190),
        ]
        for text in texts { #expect(try values(text, at: 300, Self.source).count == 1, "\(text)") }
    }

    @Test func `selectors tell how far back they look`() throws {
        let expression = try Expression(parsing: "rate(a[10m] offset 1h) > b and max_over_time(rate(c[5m])[30m:1m])")
        #expect(expression.selectors().map(\.metricName) == ["a", "b", "c"])
        #expect(expression.selectors().map(\.reach) == [.seconds(4200), .seconds(300), .seconds(2100)])
        #expect(expression.selectors().map(\.isRange) == [true, false, true])
    }

    @Test func `numbers in labels never have an exponent`() {
        #expect([1e21, 1.5e-7, -1_234_567].map(FloatText.plain) == ["1000000000000000000000", "0.00000015", "-1234567"])
    }

    @Test(arguments: [
        (0.1, "0.1"), (1, "1"), (123_456, "123456"), (1_234_567, "1.234567e+06"), (1e21, "1e+21"), (1e-4, "0.0001"), (1e-5, "1e-05"),
        (-2.5, "-2.5"), (123_456_789, "1.23456789e+08"), (.infinity, "+Inf"), (.nan, "NaN"), (0, "0"),
    ])
    func `numbers are written as Go writes them`(_ value: Double, _ text: String) {
        #expect(FloatText.general(value) == text)
    }
}
