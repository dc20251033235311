package import Expressions
package import Rules
package import Telemetry

/// Rules over what was stored, piece by piece, so that two weeks of many series need no more memory than the longest look back.
///
///     var backtest = Backtest(groups, from: start, to: end, interval: .seconds(15))
///     while let window = backtest.window { … load backtest.selectors over the window …; backtest.play(loaded) }
///     backtest.records
package struct Backtest {
    /// What has to be there before the next piece is played. Both ends are wanted.
    package struct Window: Sendable, Hashable {
        package let from: Timestamp
        package let to: Timestamp
    }

    package private(set) var records: [RuleRecord]
    package var failures: [Rehearsal.Failure] { rehearsal.failures }
    /// The windows that are left, the next one first; nil: finished.
    package private(set) var window: Window?
    /// The first moment, and the last.
    package let start: Timestamp
    package let end: Timestamp

    private var rehearsal: Rehearsal
    private let interval: Duration
    private let piece: Duration
    private var now: Timestamp
    private let indices: [String: Int]

    /// - Parameters:
    ///   - interval: between evaluations of groups that have none of their own.
    ///   - piece: how much is loaded at once.
    package init(
        _ groups: [RuleGroup],
        from start: Timestamp,
        to end: Timestamp,
        interval: Duration,
        piece: Duration = .seconds(6 * 3600),
        paging: RuleRecord.Paging = RuleRecord.Paging()
    ) {
        (self.start, self.end, self.interval, self.piece, now) = (start, end, interval, piece, start)
        var (records, indices): ([RuleRecord], [String: Int]) = ([], [:])
        for group in groups {
            for case .alerting(let rule) in group.rules where indices["\(group.name)\u{0}\(rule.name)"] == nil {
                indices["\(group.name)\u{0}\(rule.name)"] = records.count
                records.append(RuleRecord(group: group.name, rule: rule.name, paging: paging))
            }
        }
        (self.records, self.indices) = (records, indices)
        rehearsal = Rehearsal(groups)
        // What lies before the start is read by the first evaluations.
        window = start <= end ? Window(from: start.advanced(by: .zero - rehearsal.reach), to: min(end, start.advanced(by: piece))) : nil
    }

    /// Evaluates up to the window's end over what it held before and what was loaded now.
    package mutating func play(_ loaded: [SeriesSamples]) {
        guard let window else { return }
        for series in loaded { for point in series.points { rehearsal.history.append(point, to: series.series) } }
        while now <= window.to {
            let steps = Dictionary(grouping: rehearsal.evaluate(at: now)) { "\($0.group)\u{0}\($0.rule)" }
            for (key, index) in indices { records[index].take(steps[key] ?? [], at: now) }
            now = now.advanced(by: interval)
        }
        rehearsal.history.forget(before: now.advanced(by: .zero - rehearsal.reach))
        if window.to < end {
            self.window = Window(from: Timestamp(nanoseconds: window.to.nanoseconds + 1), to: min(end, window.to.advanced(by: piece)))
        } else {
            self.window = nil
            for index in records.indices { records[index].finish(at: end) }
        }
    }
}
