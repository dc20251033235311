import Configuring
import Expressions
import Rehearsing
import Rules
import Telemetry
import Testing

@Suite struct BacktestTests {
    private let groups = RuleFile.parse(
        """
        groups:
          - name: load
            rules:
              - alert: Busy
                expr: avg_over_time(load[2m]) > 5
                for: 1m
        """,
        path: "rules.yml",
        problems: ConfigProblems()
    ).groups

    /// Load is 9 in these minutes, 1 in all others.
    private func load(_ busy: [ClosedRange<Int>], _ window: Backtest.Window) -> [SeriesSamples] {
        let points = (-10...600).compactMap { minute -> Point? in
            let moment = Timestamp(milliseconds: Int64(minute) * 60_000)
            guard moment >= window.from, moment <= window.to else { return nil }
            return Point(moment, busy.contains { $0.contains(minute) } ? 9 : 1)
        }
        return [SeriesSamples(series: ["__name__": "load", "host": "web-1"], points: points)]
    }

    private func play(_ busy: [ClosedRange<Int>], minutes: Int64, piece: Duration) throws -> RuleRecord {
        let end = Timestamp(milliseconds: minutes * 60_000)
        var backtest = Backtest(groups, from: Timestamp(nanoseconds: 0), to: end, interval: .seconds(60), piece: piece)
        while let window = backtest.window { backtest.play(load(busy, window)) }
        #expect(backtest.failures == [])
        return try #require(backtest.records.first)
    }

    @Test func `an alert that fires twice within the hour has flapped, and means two pages`() throws {
        let record = try play([20...40, 60...70], minutes: 200, piece: .seconds(7200))
        #expect((record.alerts, record.fired, record.pages, record.flaps, record.stillFiring) == (1, 2, 2, 1, 0))
        // Three points lie in a window of two minutes: two of 9 are above 5 on average.
        #expect(record.firingTime == .seconds((20 + 10) * 60))
        #expect(record.longest == .seconds(20 * 60))
    }

    @Test func `a peak shorter than its for is in vain`() throws {
        let record = try play([20...20], minutes: 60, piece: .seconds(7200))
        #expect((record.fired, record.pages) == (0, 0))
    }

    @Test func `what goes on firing is told again, and counts to the end`() throws {
        let record = try play([10...600], minutes: 600, piece: .seconds(7200))
        #expect((record.fired, record.pages, record.stillFiring) == (1, 3, 1))
        #expect(record.longest == .seconds((600 - 12) * 60))
    }

    @Test(arguments: [60, 600, 3599, 86_400])
    func `pieces of any size give the same`(_ seconds: Int64) throws {
        let (whole, pieces) = (
            try play([20...40, 60...70, 180...300], minutes: 400, piece: .seconds(864_000)),
            try play([20...40, 60...70, 180...300], minutes: 400, piece: .seconds(seconds))
        )
        #expect((whole.fired, whole.pages, whole.flaps, whole.firingTime) == (pieces.fired, pieces.pages, pieces.flaps, pieces.firingTime))
    }

    @Test func `what is older than the longest look back is forgotten`() throws {
        var history = History()
        for minute in Int64(0)..<100 { history.append(Point(Timestamp(milliseconds: minute * 60_000), 1), to: ["__name__": "x"]) }
        history.append(Point(Timestamp(nanoseconds: 0), 1), to: ["__name__": "gone"])
        history.forget(before: Timestamp(milliseconds: 90 * 60_000))
        #expect((history.pointCount, history.seriesCount) == (10, 1))
        let found = try history.select([LabelMatcher("__name__", equals: "gone")], from: .distantPast, to: .distantFuture)
        #expect(found == [])
    }
}
