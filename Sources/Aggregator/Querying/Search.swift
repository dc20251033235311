import Blocks
import Sealing
import Telemetry

/// One search, over one snapshot of the log. Its calls block.
final class Search {
    let catalog: Catalog
    let cache: SealedCache
    let isTimeUp: () -> Bool
    /// Sealed blocks that could not be decoded: passed over.
    private(set) var damaged: [(block: SealedBlock, detail: String)] = []
    private var units: [SearchUnit] = []

    init(catalog: Catalog, cache: SealedCache, isTimeUp: @escaping () -> Bool) {
        (self.catalog, self.cache, self.isTimeUp) = (catalog, cache, isTimeUp)
    }

    /// The best `count` rows in the query's order, behind its cursor. `stoppedAt`: the time was up, and all rows up to there are in it.
    func collect(_ query: EventQuery, matcher: EventMatcher, count: Int) throws(QueryError) -> (hits: [Ranking.Hit], stoppedAt: EventCursor?) {
        let newestFirst = query.newestFirst
        var (start, end) = (query.start, query.end)
        if let cursor = query.cursor {
            if newestFirst, cursor.timestamp < end { end = Timestamp(nanoseconds: cursor.timestamp.nanoseconds &+ 1) }
            if !newestFirst { start = max(start, cursor.timestamp) }
        }
        guard start < end else { return ([], nil) }
        let hashes = matcher.hashes
        let without = hashes.isEmpty ? [] : try failing { () throws(LogError) in try catalog.blocks(withoutAll: hashes) }
        units = catalog.units(overlapping: start, end, newestFirst: newestFirst, without: without)
        var ranking = Ranking(count: count, newestFirst: newestFirst, cursor: query.cursor)
        for (index, unit) in units.enumerated() where unit.first <= query.through {
            // Units come by their first row in the query's order: once that is worse than the last row wanted, none can be better.
            let edge = newestFirst ? unit.to : unit.from
            if ranking.isComplete(before: edge) { break }
            if isTimeUp(), let stopped = ranking.stop(before: edge) { return stopped }
            switch unit {
            case .arrival(let arrival): collect(arrival, index, matcher, start, end, into: &ranking)
            case .sealed(let block):
                try reading(block) { () throws(SealedError) in
                    guard matcher.mayMatch(try cache.summary(block), cache.numbers) else { return }
                    let events = try cache.events(block)
                    let rows = try matcher.rows(of: events, from: start, to: end) { ranking.mayKeep($0) }
                    guard !rows.isEmpty else { return }
                    let places = try events.places()
                    for (row, timestamp) in rows {
                        let place = places.place(of: row)
                        guard place.position <= query.through else { continue }
                        let key = EventCursor(timestamp: Timestamp(nanoseconds: timestamp), position: place.position, row: place.row)
                        ranking.insert(key, unit: index, row: row)
                    }
                }
            }
        }
        return (ranking.finish(), nil)
    }

    private func collect(
        _ arrival: Arrival,
        _ index: Int,
        _ matcher: EventMatcher,
        _ start: Timestamp,
        _ end: Timestamp,
        into ranking: inout Ranking
    ) {
        // What cannot be decoded is found and recorded when it is sealed.
        guard let block = try? CachedBlock(arrival) else { return }
        for row in matcher.rows(of: block, from: start, to: end) {
            let key = EventCursor(timestamp: Timestamp(nanoseconds: block.events.timestamps[row]), position: block.position, row: UInt32(row))
            ranking.insert(key, unit: index, row: row)
        }
    }

    /// The rows as events, in this order.
    func events(at hits: [Ranking.Hit]) throws(QueryError) -> [Event] {
        var events = [EventCursor: Event](minimumCapacity: hits.count)
        for (index, members) in Dictionary(grouping: hits, by: \.unit) {
            switch units[index] {
            case .arrival(let arrival):
                guard let block = try? CachedBlock(arrival) else { continue }
                for hit in members { events[hit.key] = block.event(at: hit.row) }
            case .sealed(let block):
                let sorted = members.sorted { $0.row < $1.row }
                try reading(block) { () throws(SealedError) in
                    for (hit, event) in zip(sorted, try cache.events(block).events(at: sorted.map(\.row))) { events[hit.key] = event }
                }
            }
        }
        return hits.compactMap { events[$0.key] }
    }

    // MARK: One event

    /// The row that arrived there.
    func event(at position: LogPosition, row: UInt32) throws(QueryError) -> Event? {
        if let arrival = catalog.arrivals.first(where: { $0.position == position }) {
            guard let block = try? CachedBlock(arrival), Int(row) < block.events.count else { return nil }
            return block.event(at: Int(row))
        }
        var found: Event?
        for block in catalog.sealed where block.kind == .events && block.first <= position && block.last >= position && found == nil {
            try reading(block) { () throws(SealedError) in
                let events = try cache.events(block)
                guard let run = events.runs.first(where: { $0.position == position }) else { return }
                let places = try events.places()
                guard let place = run.rows.first(where: { places.place(of: $0).row == row }) else { return }
                found = try events.events(at: [place]).first
            }
        }
        return found
    }

    /// An id that the aggregator gave says its millisecond, and there the row's own id is computed again.
    func event(derivedAs id: UUID) throws(QueryError) -> Event? {
        guard let millisecond = id.millisecond, millisecond < Int64.max / 1_000_000 - 1 else { return nil }
        let (start, end) = (Timestamp(milliseconds: millisecond), Timestamp(milliseconds: millisecond + 1))
        var found: Event?
        for unit in catalog.units(overlapping: start, end, newestFirst: true) where found == nil {
            switch unit {
            case .arrival(let arrival):
                guard let block = try? CachedBlock(arrival) else { continue }
                for row in 0..<block.events.count where Timestamp(nanoseconds: block.events.timestamps[row]).milliseconds == millisecond {
                    if block.events.ids[UInt32(row)] == nil, block.id(of: row) == id { found = block.event(at: row) }
                }
            case .sealed(let block):
                try reading(block) { () throws(SealedError) in
                    let events = try cache.events(block)
                    let times = try events.timestamps()
                    let rows = times.indices.filter { Timestamp(nanoseconds: times[$0]).milliseconds == millisecond }
                    guard !rows.isEmpty else { return }
                    let places = try events.places()
                    if let row = rows.first(where: { places.id(of: $0, at: times[$0]) == id }) { found = try events.events(at: [row]).first }
                }
            }
        }
        return found
    }

    // MARK: Inside

    /// A damaged block is passed over and remembered; a disk that does not answer ends the search.
    func reading(_ block: SealedBlock, _ body: () throws(SealedError) -> Void) throws(QueryError) {
        do { try body() } catch {
            switch error {
            case .damaged(let detail): damaged.append((block, detail))
            case .read(let error): throw .failed(error.description)
            }
        }
    }

    func failing<Result>(_ body: () throws(LogError) -> Result) throws(QueryError) -> Result {
        do { return try body() } catch { throw .failed(error.description) }
    }
}

extension Array {
    func chunks(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
