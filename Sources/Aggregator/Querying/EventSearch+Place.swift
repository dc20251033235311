import Blocks
import Sealing
package import Telemetry

/// One event by its id.
extension EventSearch {
    /// Blocks that an id's own millisecond may be looked for in before the log's index of clients' ids is asked.
    private static let blocksTriedFirst = 16

    @concurrent
    package func event(id: UUID) async throws(QueryError) -> Event? {
        // An id that the aggregator gave says its millisecond, and there the row's own id is computed again: that needs no index, which
        // would wait for the commits.
        var isLookedFor = false
        if let millisecond = id.millisecond, millisecond < Int64.max / 1_000_000 - 1 {
            let first = try await derived(id, at: millisecond, blocksMax: Self.blocksTriedFirst)
            if let event = first.event { return event }
            isLookedFor = first.isComplete
        } else {
            isLookedFor = true
        }
        do throws(LogError) {
            if let place = try await log.place(ofClientID: id) { return try await onThreadRow(place) }
        } catch {
            throw .failed(error.description)
        }
        if !isLookedFor, let millisecond = id.millisecond, let event = try await derived(id, at: millisecond, blocksMax: .max).event { return event }
        let forgotten: LogPosition
        do throws(LogError) { forgotten = try await log.idsForgotten() } catch { throw .failed(error.description) }
        return forgotten == 0 ? nil : try await own(id, through: forgotten)
    }

    /// The event with this id of a client's own, in blocks whose ids are not in the log's index any more: newest first, all of them if need be.
    private func own(_ id: UUID, through forgotten: LogPosition) async throws(QueryError) -> Event? {
        try await onThread { catalog, isTimeUp, damaged throws(QueryError) in
            // Where little arrives, arrivals wait to be sealed for longer than ids are remembered.
            for arrival in catalog.arrivals.reversed() where arrival.block.kind == .events && arrival.position <= forgotten {
                guard let block = try? CachedBlock(arrival), let row = block.events.ids.first(where: { $0.value == id })?.key else { continue }
                return block.event(at: Int(row))
            }
            let blocks = catalog.sealed.filter { $0.kind == .events && $0.first <= forgotten }.sorted { $0.last > $1.last }
            for block in blocks {
                if isTimeUp() {
                    throw .limit(
                        "event \(id) is older than storage.retention.ids, and looking for it took longer than \(self.limits.eventTime): "
                            + "ask /api/v1/events by its time, or by a word of it"
                    )
                }
                do throws(SealedError) {
                    let events = try self.cache.directory(of: block)
                    guard let row = try events.ids().first(where: { $0.value == id })?.key else { continue }
                    return try events.events(at: [Int(row)]).first
                } catch {
                    damaged.append(try error.damage(of: block))
                }
            }
            return nil
        }
    }

    private func onThreadRow(_ place: (position: LogPosition, row: UInt32)) async throws(LogError) -> Event? {
        do throws(QueryError) {
            return try await onThread { catalog, _, damaged throws(QueryError) in
                try self.event(at: place.position, row: place.row, in: catalog, &damaged)
            }
        } catch {
            throw .failed(error.description)
        }
    }

    /// The row that arrived at this place, wherever it is now.
    private func event(
        at position: LogPosition,
        row: UInt32,
        in catalog: Catalog,
        _ damaged: inout [DamagedBlock]
    ) throws(QueryError) -> Event? {
        if let arrival = catalog.arrival(at: position) {
            guard let block = try? CachedBlock(arrival), Int(row) < block.events.count else { return nil }
            return block.event(at: Int(row))
        }
        for block in catalog.sealed where block.kind == .events && block.first <= position && block.last >= position {
            do throws(SealedError) {
                let events = try cache.directory(of: block)
                let runs = events.runs.filter { $0.position == position }
                guard !runs.isEmpty else { continue }
                let numbers = try events.arrivalRows()
                for run in runs {
                    if let found = run.rows.first(where: { numbers[$0] == row }) { return try events.events(at: [found]).first }
                }
            } catch {
                damaged.append(try error.damage(of: block))
            }
        }
        return nil
    }

    /// The row whose derived id this is. Not complete: more than `blocksMax` blocks hold rows of that millisecond.
    private func derived(_ id: UUID, at millisecond: Int64, blocksMax: Int) async throws(QueryError) -> (event: Event?, isComplete: Bool) {
        let (start, end) = (Timestamp(milliseconds: millisecond), Timestamp(milliseconds: millisecond + 1))
        return try await onThread { catalog, isTimeUp, damaged throws(QueryError) in
            var scope = try SearchScope(catalog, from: start, to: end)
            guard scope.pieces.count <= blocksMax else { return (nil, false) }
            scope.sort(newestFirst: true)
            for piece in scope.pieces {
                if isTimeUp() { throw .limit("the search for event \(id) took longer than \(self.limits.eventTime): ask /api/v1/events by its time") }
                switch piece.body {
                case .arrival(let arrival):
                    guard let block = try? CachedBlock(arrival) else { continue }
                    for row in 0..<block.events.count where Timestamp(nanoseconds: block.events.timestamps[row]).milliseconds == millisecond {
                        if block.events.ids[UInt32(row)] == nil, block.id(of: row) == id { return (block.event(at: row), true) }
                    }
                case .sealed(let block):
                    do throws(SealedError) {
                        if let event = try self.derived(id, at: start, in: block) { return (event, true) }
                    } catch {
                        damaged.append(try error.damage(of: block))
                    }
                }
            }
            return (nil, true)
        }
    }

    private func derived(_ id: UUID, at start: Timestamp, in block: SealedBlock) throws(SealedError) -> Event? {
        let events = try cache.directory(of: block)
        let (rows, times) = try events.rows(from: start.nanoseconds, to: start.nanoseconds + 1_000_000)
        guard !rows.isEmpty else { return nil }
        let places = try events.places()
        // A client's own id is another search's: the same bytes here would be chance.
        guard let found = rows.indices.first(where: { !places.hasOwnID(rows[$0]) && places.id(of: rows[$0], at: times[$0]) == id }) else {
            return nil
        }
        return try events.events(at: [rows[found]], times: [times[found]], places: places).first
    }
}

extension Catalog {
    /// Arrivals lie by their positions.
    func arrival(at position: LogPosition) -> Arrival? {
        var (low, high) = (0, arrivals.count)
        while low < high {
            let middle = (low + high) / 2
            if arrivals[middle].position < position { low = middle + 1 } else { high = middle }
        }
        guard low < arrivals.count, arrivals[low].position == position, arrivals[low].block.kind == .events else { return nil }
        return arrivals[low]
    }
}
