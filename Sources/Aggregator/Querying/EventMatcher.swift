import Blocks
import Sealing
import Telemetry

/// The filters of a query, made once; ``select(in:)`` fits them to a block, so that a row costs some comparisons of numbers.
struct EventMatcher: Sendable {
    let source: String?
    let type: String?
    /// By raw value.
    let severities: [Bool]
    let host: String?
    let correlationID: String?
    let tags: [String]
    let words: WordSearch?

    init(_ query: EventQuery) throws(QueryError) {
        (source, type, host, correlationID, tags) = (query.source, query.type, query.host, query.correlationID, query.tags)
        severities = Severity.allCases.map { severity in
            (query.severities.isEmpty || query.severities.contains(severity)) && severity >= query.minSeverity ?? .debug
        }
        if let text = query.words, !text.isEmpty { words = try WordSearch(text) } else { words = nil }
    }

    /// Whether the counts of a digest can say that all rows match.
    var hasDigestFiltersOnly: Bool { correlationID == nil && tags.isEmpty && words == nil }

    /// What the filters of sealed blocks know, of all that must be there.
    var hashes: [UInt64] {
        var hashes = words?.hashes ?? []
        if let correlationID { hashes.append(Words.hash(ofCorrelationID: Array(correlationID.utf8).span)) }
        return hashes
    }

    /// The rows of a block that match, those at `[start, end)` only, in the block's order; repeats are passed over.
    func rows(of block: CachedBlock, from start: Timestamp, to end: Timestamp) -> [Int] {
        let events = block.events
        // Byte for byte: equal Strings may be different texts.
        let sources = source.map { source in events.sources.flags { $0.utf8.elementsEqual(source.utf8) } }
        let types = type.map { _ in events.types.flags(where: isWanted(type:)) }
        let hosts = host.map { host in events.hosts.flags { $0.utf8.elementsEqual(host.utf8) } }
        let correlations = correlationID.map { id in events.correlations.flags { $0.utf8.elementsEqual(id.utf8) } }
        for flags in [sources, types, hosts, correlations] { if let flags, !flags.contains(true) { return [] } }
        // Tags of the agent are tags of each of its events.
        let wanted = tags.filter { !block.tags.contains($0) }
        let lists = wanted.isEmpty ? nil : events.tags.flags { list in wanted.allSatisfy(list.contains) }
        if let lists, !lists.contains(true) { return [] }
        if let words, !words.mayOccur(in: events.bytes) { return [] }
        let (from, to) = (start.nanoseconds, end.nanoseconds)
        var rows = [Int]()
        for row in 0..<events.count {
            let time = events.timestamps[row]
            guard time >= from, time < to else { continue }
            if let sources, !sources[Int(events.sources.code(at: row))] { continue }
            if let types, !types[Int(events.types.code(at: row))] { continue }
            if let hosts, !hosts[Int(events.hosts.code(at: row))] { continue }
            if let correlations, !correlations[Int(events.correlations.code(at: row))] { continue }
            if let lists, !lists[Int(events.tags.code(at: row))] { continue }
            if !severities[Int(events.severity(at: row).rawValue)] { continue }
            if block.repeatedRows.contains(UInt32(row)) { continue }
            if let words, !words.matches(message: events.messages.range(at: row), data: events.data.range(at: row), in: events.bytes) { continue }
            rows.append(row)
        }
        return rows
    }

    func isWanted(type other: String) -> Bool {
        guard let type else { return true }
        guard type.hasSuffix(".*") else { return other.utf8.elementsEqual(type.utf8) }
        return other.utf8.starts(with: type.utf8.dropLast()) && other.utf8.count >= type.utf8.count
    }
}
