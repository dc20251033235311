import Blocks
import Sealing
import Telemetry

/// One search: the best rows in the query's order. All of it on one thread that may block.
struct EventScan {
    /// What was found, as far as the search came.
    struct Result: Sendable {
        var hits: [Hit]
        var holders: [Holder]
        /// The time was up, and all rows up to there are in it.
        var stoppedAt: EventCursor?
        var damaged: [DamagedBlock]
    }

    /// A block with hits.
    enum Holder: Sendable {
        case arrival(CachedBlock)
        case sealed(SealedEvents)
    }

    private let query: EventQuery
    private let matcher: EventMatcher
    private let cache: DirectoryCache
    private let isTimeUp: () -> Bool
    private let start: Timestamp
    private let end: Timestamp
    private var digests: DigestMatcher
    private var ranking: Ranking
    private var holders: [Holder] = []
    private var damaged: [DamagedBlock] = []

    /// - Parameter count: how many rows are wanted.
    init(_ query: EventQuery, _ matcher: EventMatcher, count: Int, cache: DirectoryCache, isTimeUp: @escaping () -> Bool) {
        (self.query, self.matcher, self.cache, self.isTimeUp) = (query, matcher, cache, isTimeUp)
        var (start, end) = (query.start, query.end)
        if let cursor = query.cursor {
            if query.newestFirst, cursor.timestamp < end { end = Timestamp(nanoseconds: cursor.timestamp.nanoseconds &+ 1) }
            if !query.newestFirst { start = max(start, cursor.timestamp) }
        }
        (self.start, self.end) = (start, end)
        digests = DigestMatcher(matcher, cache.names)
        ranking = Ranking(count: count, newestFirst: query.newestFirst, cursor: query.cursor)
    }

    mutating func run(over catalog: Catalog) throws(QueryError) -> Result {
        var scope = try SearchScope(catalog, from: start, to: end, through: query.through, hashes: matcher.hashes)
        scope.sort(newestFirst: query.newestFirst)
        for piece in scope.pieces {
            // Blocks come by their first row in the query's order: once that is worse than the last row wanted, none can be better.
            let edge = query.newestFirst ? piece.to : piece.from
            if ranking.isComplete(before: edge) { break }
            if isTimeUp(), let stopped = ranking.stop(before: edge) { return result(stopped.hits, stoppedAt: stopped.place) }
            switch piece.body {
            case .arrival(let arrival):
                // What cannot be decoded was damaged behind the log's own check; the log reports it.
                if let block = try? CachedBlock(arrival) { look(into: block) }
            case .sealed(let block):
                do throws(SealedError) { try look(into: block) } catch { damaged.append(try error.damage(of: block)) }
            }
        }
        return result(ranking.finish(), stoppedAt: nil)
    }

    private func result(_ hits: [Hit], stoppedAt: EventCursor?) -> Result {
        Result(hits: hits, holders: holders, stoppedAt: stoppedAt, damaged: damaged)
    }

    private mutating func look(into block: CachedBlock) {
        let rows = matcher.rows(of: block, from: start, to: end)
        guard !rows.isEmpty else { return }
        let holder = Int32(holders.count)
        holders.append(.arrival(block))
        func insert(_ row: Int) {
            let time = block.events.timestamps[row]
            guard ranking.wants(time) else { return }
            let key = EventCursor(timestamp: Timestamp(nanoseconds: time), position: block.position, row: UInt32(row))
            ranking.insert(Hit(key: key, holder: holder, row: Int32(row)))
        }
        // Times rise mostly: in the query's order most rows behind the best are refused at once.
        if query.newestFirst { for row in rows.reversed() { insert(row) } } else { for row in rows { insert(row) } }
    }

    private mutating func look(into block: SealedBlock) throws(SealedError) {
        if digests.verdict(try cache.digest(of: block, digests.names)) == .none { return }
        let events = try cache.directory(of: block)
        let times = try events.timestamps()
        let ranking = ranking
        let rows = try matcher.rows(of: events, times: times, from: start, to: end).filter { ranking.wants(times[$0]) }
        guard !rows.isEmpty else { return }
        let holder = Int32(holders.count)
        holders.append(.sealed(events))
        let numbers = try events.arrivalRows()
        guard let words = matcher.words else {
            if query.newestFirst {
                for row in rows.reversed() { insert(row, times, numbers, events, holder) }
            } else {
                for row in rows { insert(row, times, numbers, events, holder) }
            }
            return
        }
        for page in pages(of: rows, times) {
            // The first row of the page in the query's order comes behind the last one wanted.
            guard self.ranking.wants(page.best) else { break }
            let first = page.number * SealedEvents.rowsPerPage
            let wanted = rows[page.rows].map { $0 - first }
            guard let candidates = try words.candidates(wanted, page: page.number, of: events) else { continue }
            for row in candidates.rows where self.ranking.wants(times[first + row]) {
                if words.matches(row, of: candidates) {
                    insert(first + row, times, numbers, events, holder)
                }
            }
        }
    }

    /// Pages with rows, those with the first row in the query's order first.
    private func pages(of rows: [Int], _ times: [Int64]) -> [(number: Int, rows: Range<Int>, best: Int64)] {
        var pages = [(number: Int, rows: Range<Int>, best: Int64)]()
        var index = 0
        while index < rows.count {
            let (start, number) = (index, rows[index] / SealedEvents.rowsPerPage)
            var best = times[rows[index]]
            while index < rows.count, rows[index] / SealedEvents.rowsPerPage == number {
                best = query.newestFirst ? max(best, times[rows[index]]) : min(best, times[rows[index]])
                index += 1
            }
            pages.append((number, start..<index, best))
        }
        return pages.sorted { query.newestFirst ? $0.best > $1.best : $0.best < $1.best }
    }

    private mutating func insert(_ row: Int, _ times: [Int64], _ numbers: [UInt32], _ events: SealedEvents, _ holder: Int32) {
        guard ranking.wants(times[row]) else { return }
        let position = events.run(of: row).position
        guard position <= query.through else { return }
        let key = EventCursor(timestamp: Timestamp(nanoseconds: times[row]), position: position, row: numbers[row])
        ranking.insert(Hit(key: key, holder: holder, row: Int32(row)))
    }
}

extension EventScan.Result {
    /// Hits as whole events, in their order, with their keys. Rows of a block that turns out to be damaged are left out.
    mutating func events(_ hits: some Collection<Hit>) throws(QueryError) -> (events: [Event], keys: [EventCursor]) {
        var byHolder = [Int32: [Int]]()
        for (index, hit) in hits.enumerated() { byHolder[hit.holder, default: []].append(index) }
        let all = Array(hits)
        var found = [Event?](repeating: nil, count: all.count)
        for (holder, indices) in byHolder {
            switch holders[Int(holder)] {
            case .arrival(let block):
                for index in indices { found[index] = block.event(at: Int(all[index].row)) }
            case .sealed(let events):
                let sorted = indices.sorted { all[$0].row < all[$1].row }
                do throws(SealedError) {
                    for (index, event) in zip(sorted, try events.events(at: sorted.map { Int(all[$0].row) })) { found[index] = event }
                } catch {
                    damaged.append(try error.damage(of: events.block))
                }
            }
        }
        return (found.compactMap { $0 }, all.indices.filter { found[$0] != nil }.map { all[$0].key })
    }
}
