import Blocks
import Sealing
import Telemetry

/// Counts the rows that match, by source, type, host, severity and stretch of time. Sealed blocks of which all rows count are counted by their digests;
/// others have the columns read that are needed. All of it on one thread that may block.
struct EventCount {
    private struct Bucket {
        var severities = [Int](repeating: 0, count: Severity.allCases.count)
    }

    private let query: EventQuery
    private let matcher: EventMatcher
    private let cache: DirectoryCache
    private let limits: QueryLimits
    /// Nanoseconds.
    private let interval: Int64?
    /// Only tags are counted, or only the others.
    private let countsTags: Bool
    /// What is asked for besides the total; the answers of others may be empty.
    private let dimensions: Set<SealedEvents.Dimension>
    private(set) var total = 0
    private let names: Names
    private var digests: DigestMatcher
    private var sources: [Int] = []
    private var types: [Int] = []
    private var hosts: [Int] = []
    private var severities = [Int](repeating: 0, count: Severity.allCases.count)
    private var buckets: [Int64: Bucket] = [:]
    private var tags: [String: Int] = [:]
    private(set) var damaged: [DamagedBlock] = []

    /// - Parameter dimensions: what is asked for besides the total.
    init(
        _ query: EventQuery,
        _ matcher: EventMatcher,
        interval: Int64?,
        countsTags: Bool = false,
        by dimensions: Set<SealedEvents.Dimension> = Set(SealedEvents.Dimension.allCases),
        cache: DirectoryCache,
        limits: QueryLimits
    ) {
        (self.query, self.matcher, self.interval, self.countsTags, self.dimensions) = (query, matcher, interval, countsTags, dimensions)
        (self.cache, self.limits, names) = (cache, limits, cache.names)
        digests = DigestMatcher(matcher, names)
    }

    mutating func run(over catalog: Catalog, isTimeUp: () -> Bool) throws(QueryError) {
        let scope = try SearchScope(catalog, from: query.start, to: query.end, through: query.through, hashes: matcher.hashes)
        for piece in scope.pieces {
            if isTimeUp() { throw .limit("counting took longer than \(limits.eventTime): narrow start and end") }
            switch piece.body {
            case .arrival(let arrival):
                if let block = try? CachedBlock(arrival) { count(block) }
            case .sealed(let block):
                do throws(SealedError) { try count(block) } catch { damaged.append(try error.damage(of: block)) }
            }
            if buckets.count > limits.bucketsMax {
                throw .limit("more than \(limits.bucketsMax) stretches of time: choose a longer interval, or narrow start and end")
            }
            if max(sources.count, types.count, hosts.count, tags.count) > limits.distinctMax, distinct > limits.distinctMax {
                throw .limit("more than \(limits.distinctMax) different values: name more filters, or narrow start and end")
            }
        }
    }

    // MARK: Answers

    private var distinct: Int { max(tags.count, [sources, types, hosts].map { $0.count { $0 > 0 } }.max() ?? 0) }
    var bySource: [String: Int] { named(sources) }
    var byType: [String: Int] { named(types) }
    /// Rows without a host are left out.
    var byHost: [String: Int] { named(hosts).filter { !$0.key.isEmpty } }
    var bySeverity: [Severity: Int] { EventCount.named(severities) }
    var byTag: [String: Int] { tags }

    var byTime: [EventBucket] {
        guard let interval else { return [] }
        return buckets.sorted { $0.key < $1.key }.map { number, bucket in
            EventBucket(
                start: Timestamp(nanoseconds: number.multipliedReportingOverflow(by: interval).overflow ? .min : number * interval),
                total: bucket.severities.reduce(0, +),
                bySeverity: EventCount.named(bucket.severities)
            )
        }
    }

    private func named(_ counts: [Int]) -> [String: Int] {
        var named = [String: Int]()
        for (number, count) in counts.enumerated() where count > 0 { named[names.text(UInt32(number)), default: 0] += count }
        return named
    }

    private static func named(_ counts: [Int]) -> [Severity: Int] {
        var named = [Severity: Int]()
        for severity in Severity.allCases where counts[Int(severity.rawValue)] > 0 { named[severity] = counts[Int(severity.rawValue)] }
        return named
    }

    // MARK: Sealed blocks

    private mutating func count(_ block: SealedBlock) throws(SealedError) {
        let digest = try cache.digest(of: block, digests.names)
        let verdict = digests.verdict(digest)
        guard verdict != .none else { return }
        let isInside = block.from >= query.start && block.to < query.end && block.last <= query.through
        let isWhole = verdict == .all && isInside
        let isOneBucket = interval == nil || bucket(of: block.from.nanoseconds) == bucket(of: block.to.nanoseconds)
        if isWhole, isOneBucket, !countsTags { return add(digest, at: block.from.nanoseconds) }
        let events = try cache.directory(of: block)
        if isInside, isOneBucket, !countsTags, matcher.hasDigestFiltersOnly { return try countColumns(of: events) }
        if isWhole, countsTags, events.runs.allSatisfy({ $0.tags.isEmpty }) {
            for (list, count) in zip(events.tagLists, events.tagCounts) { for tag in Set(list) { tags[tag, default: 0] += count } }
            add(severities: events.severityCounts)
            return
        }
        let times = interval != nil || !isWhole ? try events.timestamps() : []
        var rows = isWhole ? Array(0..<events.count) : try matcher.rows(of: events, times: times, from: query.start, to: query.end)
        if block.last > query.through { rows.removeAll { events.run(of: $0).position > query.through } }
        if let words = matcher.words { rows = try EventCount.rows(rows, of: events, holding: words) }
        guard !rows.isEmpty else { return }
        total += rows.count
        let codes = try events.severities()
        for row in rows { severities[Int(codes[row])] += 1 }
        if countsTags { return try countTags(of: events, rows) }
        if interval != nil { for row in rows { buckets[bucket(of: times[row]), default: Bucket()].severities[Int(codes[row])] += 1 } }
        try EventCount.add(events, .sources, events.sources, rows, names, to: &sources)
        try EventCount.add(events, .types, events.types, rows, names, to: &types)
        try EventCount.add(events, .hosts, events.hosts, rows, names, to: &hosts)
    }

    /// Rows by the columns that are filtered and asked for, without making rows of them.
    private mutating func countColumns(of events: SealedEvents) throws(SealedError) {
        // A stretch of time is told by severity.
        let wanted = interval == nil ? dimensions : dimensions.union([.severities])
        let found = try events.counts(where: matcher.wanted(in: events), by: wanted)
        guard found.total > 0 else { return }
        total += found.total
        func add(_ dimension: SealedEvents.Dimension, _ values: SealedEvents.Values, to counts: inout [Int]) {
            guard let tallies = found.by[dimension] else { return }
            for (text, count) in zip(values.texts, tallies) where count > 0 { counts.add(count, to: Int(names.number(of: text))) }
        }
        add(.sources, events.sources, to: &sources)
        add(.types, events.types, to: &types)
        add(.hosts, events.hosts, to: &hosts)
        guard let tallies = found.by[.severities] else { return }
        for (raw, count) in tallies.enumerated() { severities[raw] += count }
        guard interval != nil else { return }
        let number = bucket(of: events.header.from.nanoseconds)
        for (raw, count) in tallies.enumerated() { buckets[number, default: Bucket()].severities[raw] += count }
    }

    private func bucket(of time: Int64) -> Int64 {
        guard let interval else { return 0 }
        return time >= 0 ? time / interval : (time &+ 1) / interval - 1
    }

    private mutating func add(_ digest: BlockDigest, at time: Int64) {
        EventCount.add(digest.sources, to: &sources)
        EventCount.add(digest.types, to: &types)
        EventCount.add(digest.hosts, to: &hosts)
        add(severities: digest.severities)
        if interval != nil {
            for (raw, count) in digest.severities.enumerated() { buckets[bucket(of: time), default: Bucket()].severities[raw] += count }
        }
    }

    private mutating func add(severities counts: [Int]) {
        for (raw, count) in counts.enumerated() { (severities[raw], total) = (severities[raw] + count, total + count) }
    }

    private static func add(_ tallies: [BlockDigest.Tally], to counts: inout [Int]) {
        for tally in tallies { counts.add(Int(tally.count), to: Int(tally.name)) }
    }

    private static func add(
        _ events: SealedEvents,
        _ column: SealedEvents.CodedColumn,
        _ values: SealedEvents.Values,
        _ rows: [Int],
        _ names: Names,
        to counts: inout [Int]
    ) throws(SealedError) {
        var ofCode = [Int](repeating: 0, count: values.texts.count)
        if ofCode.count > 1 {
            let codes = try events.codes(column)
            for row in rows { ofCode[Int(codes[row])] += 1 }
        } else if !ofCode.isEmpty {
            ofCode[0] = rows.count
        }
        for (code, count) in ofCode.enumerated() where count > 0 { counts.add(count, to: Int(names.number(of: values.texts[code]))) }
    }

    /// Rows whose texts match.
    private static func rows(_ rows: [Int], of events: SealedEvents, holding words: WordSearch) throws(SealedError) -> [Int] {
        var found = [Int]()
        var index = 0
        while index < rows.count {
            let (start, page) = (index, rows[index] / SealedEvents.rowsPerPage)
            while index < rows.count, rows[index] / SealedEvents.rowsPerPage == page { index += 1 }
            let first = page * SealedEvents.rowsPerPage
            let wanted = rows[start..<index].map { $0 - first }
            guard let candidates = try words.candidates(wanted, page: page, of: events) else { continue }
            for row in candidates.rows where words.matches(row, of: candidates) { found.append(first + row) }
        }
        return found
    }

    /// Tags of the agent are tags of each of its events.
    private mutating func countTags(of events: SealedEvents, _ rows: [Int]) throws(SealedError) {
        let codes = events.tagLists.isEmpty ? [] : try events.codes(.tags)
        var index = 0
        for run in events.runs {
            var ofList = [Int](repeating: 0, count: max(1, events.tagLists.count))
            while index < rows.count, rows[index] < run.rows.upperBound {
                ofList[codes.isEmpty ? 0 : Int(codes[rows[index]])] += 1
                index += 1
            }
            for (code, count) in ofList.enumerated() where count > 0 {
                for tag in Set((codes.isEmpty ? [] : events.tagLists[code]) + run.tags) { tags[tag, default: 0] += count }
            }
        }
    }

    // MARK: Arrivals

    private mutating func count(_ block: CachedBlock) {
        let events = block.events
        let rows = matcher.rows(of: block, from: query.start, to: query.end)
        guard !rows.isEmpty else { return }
        total += rows.count
        for row in rows {
            let severity = Int(events.severity(at: row).rawValue)
            severities[severity] += 1
            if interval != nil { buckets[bucket(of: events.timestamps[row]), default: Bucket()].severities[severity] += 1 }
        }
        if countsTags {
            for row in rows { for tag in Set(events.tags[row] + block.tags) { tags[tag, default: 0] += 1 } }
            return
        }
        EventCount.add(events.sources, rows, names, to: &sources)
        EventCount.add(events.types, rows, names, to: &types)
        EventCount.add(events.hosts, rows, names, to: &hosts)
    }

    private static func add(_ column: StringColumn, _ rows: [Int], _ names: Names, to counts: inout [Int]) {
        var ofCode = [Int](repeating: 0, count: column.values.count)
        for row in rows { ofCode[Int(column.code(at: row))] += 1 }
        for (code, count) in ofCode.enumerated() where count > 0 { counts.add(count, to: Int(names.number(of: column.values[code]))) }
    }
}

extension [Int] {
    /// Grows as needed.
    fileprivate mutating func add(_ count: Int, to index: Int) {
        if index >= self.count { append(contentsOf: repeatElement(0, count: index + 1 - self.count)) }
        self[index] += count
    }
}
