import Sealing
import Telemetry

/// What a digest says of a block's rows.
enum DigestVerdict { case none, some, all }

/// A query's filters by the numbers of digests.
struct DigestMatcher {
    private let matcher: EventMatcher
    let names: Names
    private let source: UInt32?
    private let host: UInt32?
    /// By number: whether it is a wanted type.
    private var types: [UInt32: Bool] = [:]

    init(_ matcher: EventMatcher, _ names: Names) {
        (self.matcher, self.names) = (matcher, names)
        source = matcher.source.map { names.number(of: $0) }
        host = matcher.host.map { names.number(of: $0) }
    }

    mutating func verdict(_ digest: BlockDigest) -> DigestVerdict {
        var isAll = matcher.hasDigestFiltersOnly
        if let source {
            guard digest.sources.contains(where: { $0.name == source }) else { return .none }
            if digest.sources.count > 1 { isAll = false }
        }
        if let host {
            guard digest.hosts.contains(where: { $0.name == host }) else { return .none }
            if digest.hosts.count > 1 { isAll = false }
        }
        if matcher.type != nil {
            var found = 0
            for tally in digest.types where isWanted(type: tally.name) { found += 1 }
            guard found > 0 else { return .none }
            if found < digest.types.count { isAll = false }
        }
        var isSeveritySeen = false
        for (raw, count) in digest.severities.enumerated() where count > 0 {
            if matcher.severities[raw] { isSeveritySeen = true } else { isAll = false }
        }
        return isSeveritySeen ? isAll ? .all : .some : .none
    }

    private mutating func isWanted(type name: UInt32) -> Bool {
        if let known = types[name] { return known }
        let isWanted = matcher.isWanted(type: names.text(name))
        types[name] = isWanted
        return isWanted
    }
}

extension EventMatcher {
    /// The rows of a sealed block that match everything but the words, ascending. Columns are read only where a filter needs them.
    /// - Parameter times: of the rows; nil: all lie in the range.
    func rows(of events: SealedEvents, times: [Int64]?, from start: Timestamp, to end: Timestamp) throws(SealedError) -> [Int] {
        var rows: [Int]?
        func narrow(_ isIn: (Int) -> Bool) { rows = rows.map { $0.filter(isIn) } ?? (0..<events.count).filter(isIn) }
        if let correlationID {
            rows = try events.rows(correlatedBy: correlationID)
        }
        if let times, events.header.from < start || events.header.to >= end {
            let (from, to) = (start.nanoseconds, end.nanoseconds)
            narrow { times[$0] >= from && times[$0] < to }
        }
        // Byte for byte: equal Strings may be different texts.
        if let source {
            let flags = events.sources.texts.map { $0.utf8.elementsEqual(source.utf8) }
            guard try narrowed(flags, events, .sources, narrow) else { return [] }
        }
        if let host {
            let flags = events.hosts.texts.map { $0.utf8.elementsEqual(host.utf8) }
            guard try narrowed(flags, events, .hosts, narrow) else { return [] }
        }
        if type != nil {
            guard try narrowed(events.types.texts.map(isWanted(type:)), events, .types, narrow) else { return [] }
        }
        if zip(severities, events.severityCounts).contains(where: { !$0 && $1 > 0 }) {
            let (codes, wanted) = (try events.severities(), severities)
            narrow { wanted[Int(codes[$0])] }
        }
        if !tags.isEmpty { rows = try tagged(rows ?? Array(0..<events.count), of: events) }
        return rows ?? Array(0..<events.count)
    }

    /// Which values of a block the filters let pass, of those that its directory counts.
    func wanted(in events: SealedEvents) -> [SealedEvents.Dimension: [Bool]] {
        var wanted: [SealedEvents.Dimension: [Bool]] = [.severities: severities]
        // Byte for byte: equal Strings may be different texts.
        if let source { wanted[.sources] = events.sources.texts.map { $0.utf8.elementsEqual(source.utf8) } }
        if let host { wanted[.hosts] = events.hosts.texts.map { $0.utf8.elementsEqual(host.utf8) } }
        if type != nil { wanted[.types] = events.types.texts.map(isWanted(type:)) }
        return wanted
    }

    /// False: no row can match.
    private func narrowed(
        _ flags: [Bool],
        _ events: SealedEvents,
        _ column: SealedEvents.CodedColumn,
        _ narrow: ((Int) -> Bool) -> Void
    ) throws(SealedError) -> Bool {
        guard flags.contains(true) else { return false }
        guard flags.contains(false) else { return true }
        let codes = try events.codes(column)
        narrow { flags[Int(codes[$0])] }
        return true
    }

    /// Tags of the agent are tags of each of its events.
    private func tagged(_ rows: [Int], of events: SealedEvents) throws(SealedError) -> [Int] {
        let codes = events.tagLists.isEmpty ? [] : try events.codes(.tags)
        var found = [Int]()
        var run = 0
        var flags: (run: Int, wanted: [Bool], isEmptyWanted: Bool) = (-1, [], false)
        for row in rows {
            while events.runs[run].rows.upperBound <= row { run += 1 }
            if flags.run != run {
                let missing = tags.filter { !events.runs[run].tags.contains($0) }
                flags = (run, events.tagLists.map { list in missing.allSatisfy(list.contains) }, missing.isEmpty)
            }
            if codes.isEmpty ? flags.isEmptyWanted : flags.wanted[Int(codes[row])] { found.append(row) }
        }
        return found
    }
}
