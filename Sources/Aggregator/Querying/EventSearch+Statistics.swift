import Blocks
import Sealing
package import Telemetry

extension EventSearch {
    /// Totals. Sealed blocks that lie in the range whole are counted by their directories, the others by some of their columns.
    package func statistics(from start: Timestamp, to end: Timestamp) async throws(QueryError) -> EventStatistics {
        guard start < end else { return EventStatistics(start: start, end: end) }
        let limit = limits.eventTime
        return try await run { (search) throws(QueryError) in
            var counter = EventCounter(search.cache.numbers, start: start, end: end)
            for unit in search.catalog.units(overlapping: start, end, newestFirst: true) {
                if search.isTimeUp() { throw .limit("counting took longer than \(limit): narrow start and end") }
                switch unit {
                case .arrival(let arrival): if let block = try? CachedBlock(arrival) { counter.add(block) }
                case .sealed(let block):
                    try search.reading(block) { () throws(SealedError) in
                        if block.from >= start, block.to < end {
                            counter.add(try search.cache.summary(block))
                        } else {
                            try counter.add(search.cache.events(block))
                        }
                    }
                }
            }
            return counter.statistics()
        }
    }
}

/// Adds up: what sealed blocks say by number, what is counted row by row by text.
struct EventCounter {
    private let numbers: ValueNumbers
    private var totals: EventStatistics
    private var severities = [Int](repeating: 0, count: Severity.allCases.count)
    private var sources: [Int] = []
    private var types: [Int] = []
    private var hosts: [Int] = []

    init(_ numbers: ValueNumbers, start: Timestamp, end: Timestamp) {
        self.numbers = numbers
        totals = EventStatistics(start: start, end: end)
    }

    mutating func add(_ summary: SealedSummary) {
        totals.total += summary.count
        for index in severities.indices { severities[index] += summary.severities[index] }
        EventCounter.add(summary.sources, to: &sources)
        EventCounter.add(summary.types, to: &types)
        EventCounter.add(summary.hosts, to: &hosts)
    }

    private static func add(_ counts: SealedSummary.Counts, to totals: inout [Int]) {
        if let last = counts.last, totals.count <= Int(last.number) { totals += [Int](repeating: 0, count: Int(last.number) + 64 - totals.count) }
        for count in counts { totals[Int(count.number)] += Int(count.rows) }
    }

    /// A block of which some rows lie outside.
    mutating func add(_ events: SealedEvents) throws(SealedError) {
        let (start, end) = (totals.start.nanoseconds, totals.end.nanoseconds)
        let times = try events.timestamps()
        let rows = times.indices.filter { times[$0] >= start && times[$0] < end }
        guard !rows.isEmpty else { return }
        totals.total += rows.count
        let column = try events.severities()
        for row in rows { severities[Int(column[row])] += 1 }
        func count(_ coded: SealedEvents.CodedColumn, _ values: SealedEvents.Values, into totals: inout [String: Int]) throws(SealedError) {
            let codes = try events.codes(coded)
            var counts = [Int](repeating: 0, count: values.texts.count)
            for row in rows { counts[Int(codes[row])] += 1 }
            for (text, count) in zip(values.texts, counts) where count > 0 { totals[text, default: 0] += count }
        }
        try count(.sources, events.sources, into: &totals.bySource)
        try count(.types, events.types, into: &totals.byType)
        try count(.hosts, events.hosts, into: &totals.byHost)
    }

    mutating func add(_ block: CachedBlock) {
        let events = block.events
        for row in 0..<events.count {
            let time = Timestamp(nanoseconds: events.timestamps[row])
            guard time >= totals.start, time < totals.end, !block.repeatedRows.contains(UInt32(row)) else { continue }
            totals.total += 1
            totals.bySource[events.sources[row], default: 0] += 1
            totals.byType[events.types[row], default: 0] += 1
            totals.byHost[events.hosts[row], default: 0] += 1
            severities[Int(events.severity(at: row).rawValue)] += 1
        }
    }

    consuming func statistics() -> EventStatistics {
        var statistics = totals
        let numbers = numbers
        func merge(_ totals: [Int], into counts: inout [String: Int]) {
            let used = totals.indices.filter { totals[$0] > 0 }
            for (text, number) in zip(numbers.texts(of: used), used) { counts[text, default: 0] += totals[number] }
        }
        merge(sources, into: &statistics.bySource)
        merge(types, into: &statistics.byType)
        merge(hosts, into: &statistics.byHost)
        // Events that name no host are in the total only.
        statistics.byHost[""] = nil
        for severity in Severity.allCases where severities[Int(severity.rawValue)] > 0 {
            statistics.bySeverity[severity] = severities[Int(severity.rawValue)]
        }
        return statistics
    }
}
