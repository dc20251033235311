import Blocks
package import Telemetry

/// Whole rows.
extension SealedEvents {
    /// Where rows stood when they arrived: what a cursor names, and what ids are derived from. Make one for several rows of a block.
    package struct Places: Sendable {
        let events: SealedEvents
        /// Rows in their arrivals; nil: each arrival's from its first on, none left out.
        let rows: [UInt32]?
        let ids: [UInt32: UUID]

        /// The position of the row's arrival and its row there.
        package func place(of row: Int) -> (position: LogPosition, row: UInt32) {
            let run = events.run(of: row)
            return (run.position, self.row(row, in: run))
        }

        private func row(_ row: Int, in run: SealedRun) -> UInt32 { rows?[row] ?? UInt32(row - run.rows.lowerBound) }

        /// Whether the client gave the row's id.
        package func hasOwnID(_ row: Int) -> Bool { !ids.isEmpty && ids[UInt32(row)] != nil }

        /// The client's own id, or the derived one.
        package func id(of row: Int, at timestamp: Int64) -> UUID {
            if !ids.isEmpty, let id = ids[UInt32(row)] { return id }
            let run = events.run(of: row)
            var origin = run.origin
            origin.row = self.row(row, in: run)
            return .derived(at: Timestamp(nanoseconds: timestamp), from: origin)
        }
    }

    package func places() throws(SealedError) -> Places {
        // Of most blocks no rows are left out, and then nothing needs to be counted.
        Places(events: self, rows: try payload(.rows) == nil ? nil : try arrivalRows(), ids: try ids())
    }

    /// Rows with this correlation id, ascending. No id is made a String.
    package func rows(correlatedBy id: String) throws(SealedError) -> [Int] {
        guard let payload = try payload(.correlations) else { return [] }
        let codes = try needed(.correlationCodes).compressible
        return try decoding { () throws(BlockError) in
            guard let code = try CorrelationTexts(payload).place(of: Array(id.utf8)) else { return [] }
            let all = try CorrelationColumn.decodeCodes(codes, count: count)
            return all.indices.filter { all[$0] == UInt32(code + 1) }
        }
    }

    /// Whole events with their ids and their agents' tags, in the order of `rows` (ascending).
    ///
    /// - Parameters:
    ///   - times: ``timestamps()``, where the caller has them already.
    ///   - places: ``places()``, the same.
    package func events(at rows: [Int], times: [Int64]? = nil, places: Places? = nil) throws(SealedError) -> [Event] {
        let places = if let places { places } else { try self.places() }
        return try events(at: rows, times: times) { event, row, run in
            event.id = places.id(of: row, at: event.timestamp.nanoseconds)
            if !run.tags.isEmpty { event.tags += run.tags.filter { !event.tags.contains($0) } }
        }
    }

    /// All rows as they were encoded: only with the clients' own ids, and without the agents' tags.
    func asStored() throws(SealedError) -> [Event] {
        let ids = try ids()
        return try events(at: Array(0..<count)) { event, row, _ in event.id = ids[UInt32(row)] }
    }

    private func events(at rows: [Int], times: [Int64]? = nil, completing complete: (inout Event, Int, SealedRun) -> Void) throws(SealedError)
        -> [Event]
    {
        guard !rows.isEmpty else { return [] }
        let times = if let times { times } else { try timestamps() }
        let severities = try severities(at: rows)
        // For a few rows the codes of the others are not made: one event by its id costs what it is worth.
        let (sourceCodes, typeCodes, hostCodes) = (try codes(.sources, at: rows), try codes(.types, at: rows), try codes(.hosts, at: rows))
        let tagCodes = tagLists.isEmpty ? [] : try codes(.tags, at: rows)
        let correlations = try correlations(of: rows)
        var events = [Event]()
        events.reserveCapacity(rows.count)
        var next = 0
        while next < rows.count {
            let page = rows[next] / Self.rowsPerPage
            let end = rows[next...].firstIndex { $0 / Self.rowsPerPage != page } ?? rows.count
            let wanted = rows[next..<end].map { $0 - page * Self.rowsPerPage }
            let (messages, data) = (try texts(.messages, page: page, wanted: wanted), try texts(.data, page: page, wanted: wanted))
            for index in next..<end {
                let row = rows[index]
                let inPage = row - page * Self.rowsPerPage
                var event = Event(
                    timestamp: Timestamp(nanoseconds: times[row]),
                    source: sources.texts[Int(sourceCodes[index])],
                    type: types.texts[Int(typeCodes[index])],
                    severity: Severity(rawValue: severities[index]) ?? .critical,
                    host: hosts.texts[Int(hostCodes[index])],
                    correlationID: correlations[row],
                    tags: tagLists.isEmpty ? [] : tagLists[Int(tagCodes[index])],
                    message: messages.ranges[inPage].map { String(decoding: messages.bytes[$0], as: UTF8.self) },
                    data: data.ranges[inPage].map { String(decoding: data.bytes[$0], as: UTF8.self) } ?? "{}"
                )
                complete(&event, row, run(of: row))
                events.append(event)
            }
            next = end
        }
        return events
    }

    /// Reads and decodes everything; throws what is damaged.
    package func verify() throws(SealedError) {
        _ = try events(at: Array(0..<count))
    }
}

extension SealedEvents {
    /// Correlation ids of some rows, by row.
    private func correlations(of rows: [Int]) throws(SealedError) -> [Int: String] {
        guard let payload = try payload(.correlations) else { return [:] }
        let bytes = try needed(.correlationCodes).compressible
        return try decoding { () throws(BlockError) in
            let texts = try CorrelationTexts(payload)
            let codes = try CorrelationColumn.decodeCodes(bytes, count: (rows.last ?? -1) + 1)
            var ids = [Int: String]()
            for row in rows where codes[row] > 0 {
                guard Int(codes[row]) <= texts.count else { throw .malformed("correlation id \(codes[row]) of \(texts.count)") }
                ids[row] = try texts.text(Int(codes[row]) - 1)
            }
            return ids
        }
    }
}
