import Sealing
import Telemetry

/// The same filters over a sealed block: the directory first, then only the columns that a filter needs, and texts page by page.
extension EventMatcher {
    /// What a filter of words is asked for; empty: nothing.
    var hashes: [UInt64] {
        var hashes = words?.hashes ?? []
        if let correlationID { hashes.append(Words.hash(ofCorrelationID: Array(correlationID.utf8).span)) }
        return hashes
    }

    /// False: no row of the block can match.
    func mayMatch(_ summary: SealedSummary, _ numbers: ValueNumbers) -> Bool {
        if let source { guard let number = numbers.number(of: source), SealedSummary.holds(number, summary.sources) else { return false } }
        if let host { guard let number = numbers.number(of: host), SealedSummary.holds(number, summary.hosts) else { return false } }
        return summary.severities.indices.contains { summary.severities[$0] > 0 && severities[$0] }
    }

    /// Rows at `[start, end)` that match and that `isWanted` by their times, with these.
    func rows(
        of events: SealedEvents,
        from start: Timestamp,
        to end: Timestamp,
        isWanted: (Int64) -> Bool
    ) throws(SealedError) -> [(row: Int, timestamp: Int64)] {
        // Byte for byte: equal Strings may be different texts.
        let sourceFlags = source.map { source in events.sources.texts.map { $0.utf8.elementsEqual(source.utf8) } }
        let typeFlags = type.map { _ in events.types.texts.map(isWanted(type:)) }
        let hostFlags = host.map { host in events.hosts.texts.map { $0.utf8.elementsEqual(host.utf8) } }
        for flags in [sourceFlags, typeFlags, hostFlags] { if let flags, !flags.contains(true) { return [] } }
        let (from, to) = (start.nanoseconds, end.nanoseconds)
        let times = try events.timestamps()
        var rows = [Int]()
        for row in times.indices where times[row] >= from && times[row] < to && isWanted(times[row]) { rows.append(row) }
        rows = try keep(rows, sourceFlags, events, .sources)
        rows = try keep(rows, typeFlags, events, .types)
        rows = try keep(rows, hostFlags, events, .hosts)
        if severities.contains(false), !rows.isEmpty {
            let column = try events.severities()
            rows.removeAll { !severities[Int(column[$0])] }
        }
        if let correlationID, !rows.isEmpty {
            let matching = Set(try events.rows(correlatedBy: correlationID))
            rows.removeAll { !matching.contains($0) }
        }
        if !tags.isEmpty, !rows.isEmpty { rows = try keepTagged(rows, events) }
        if let words, !rows.isEmpty { rows = try keepWorded(rows, events, words) }
        return rows.map { ($0, times[$0]) }
    }

    private func keep(_ rows: [Int], _ flags: [Bool]?, _ events: SealedEvents, _ column: SealedEvents.CodedColumn) throws(SealedError) -> [Int] {
        guard let flags, flags.contains(false), !rows.isEmpty else { return rows }
        let codes = try events.codes(column)
        return rows.filter { flags[Int(codes[$0])] }
    }

    /// Tags of the agent are tags of each of its events.
    private func keepTagged(_ rows: [Int], _ events: SealedEvents) throws(SealedError) -> [Int] {
        let codes = events.tagLists.isEmpty ? [] : try events.codes(.tags)
        var kept = [Int]()
        for row in rows {
            let list = codes.isEmpty ? [] : events.tagLists[Int(codes[row])]
            let missing = tags.filter { !list.contains($0) }
            if missing.isEmpty || missing.allSatisfy(events.run(of: row).tags.contains) { kept.append(row) }
        }
        return kept
    }

    private func keepWorded(_ rows: [Int], _ events: SealedEvents, _ words: WordSearch) throws(SealedError) -> [Int] {
        var kept = [Int]()
        var next = 0
        while next < rows.count {
            let page = rows[next] / SealedEvents.rowsPerPage
            let start = page * SealedEvents.rowsPerPage
            var end = next
            while end < rows.count, rows[end] < start + SealedEvents.rowsPerPage { end += 1 }
            let wanted = rows[next..<end].map { $0 - start }
            let messages = try events.texts(.messages, page: page, wanted: wanted)
            let data = try events.texts(.data, page: page, wanted: wanted)
            for row in wanted where words.matches(message: messages.ranges[row], in: messages.bytes, data: data.ranges[row], in: data.bytes) {
                kept.append(start + row)
            }
            next = end
        }
        return kept
    }
}
