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
        let id = Array(id.utf8)
        for (number, page) in pages.enumerated() {
            guard let payload = try payload(.correlations, page: number) else { continue }
            let texts = try correlationTexts(payload, page: number)
            guard let place = texts.place(of: id) else { continue }
            // It stands in no row of the pages before.
            let wanted = UInt32(page.ids.lowerBound + place + 1)
            var rows = [Int]()
            for (number, page) in pages.enumerated().dropFirst(number) {
                let bytes = try needed(.correlationCodes, page: number).compressible
                let codes = try decoding { () throws(BlockError) in
                    try CorrelationColumn.decodeCodes(bytes, count: page.rows.count, after: page.ids.lowerBound)
                }
                for (index, code) in codes.enumerated() where code == wanted { rows.append(page.rows.lowerBound + index) }
            }
            return rows
        }
        return []
    }

    /// Whole events with their ids and their agents' tags, in the order of `rows` (ascending).
    ///
    /// - Parameters:
    ///   - times: of these rows, in nanoseconds, where the caller has them already.
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
        let times = if let times { times } else { try timestamps(at: rows) }
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
                    timestamp: Timestamp(nanoseconds: times[index]),
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
    /// Correlation ids of some rows (ascending), by row.
    private func correlations(of rows: [Int]) throws(SealedError) -> [Int: String] {
        guard frames.contains(where: { $0.column == SealedEventFormat.Column.correlations.rawValue }) else { return [:] }
        var places = [(row: Int, place: Int)]()
        try visit(.correlationCodes, at: rows) { page, wanted, bytes throws(BlockError) in
            let wanted = wanted ?? []
            let codes = try CorrelationColumn.decodeCodes(bytes, count: (wanted.last ?? -1) + 1, after: page.ids.lowerBound)
            for row in wanted where codes[row] > 0 { places.append((page.rows.lowerBound + row, Int(codes[row]) - 1)) }
        }
        var texts = [Int: CorrelationTexts]()
        var ids = [Int: String]()
        for (row, place) in places {
            guard let number = pages.lastIndex(where: { $0.ids.lowerBound <= place }) else { continue }
            if texts[number] == nil { texts[number] = try correlationTexts(needed(.correlations, page: number), page: number) }
            let index = place - pages[number].ids.lowerBound
            guard let known = texts[number], index < known.count else { throw .damaged("correlation id \(place) is missing") }
            ids[row] = try decoding { () throws(BlockError) in try known.text(index) }
        }
        return ids
    }

    private func correlationTexts(_ payload: Payload, page: Int) throws(SealedError) -> CorrelationTexts {
        let texts = try decoding { () throws(BlockError) in try CorrelationTexts(payload) }
        // Else ids of later pages would be others.
        guard header.version == 1 || texts.count == pages[page].ids.count else {
            throw .damaged("\(texts.count) correlation ids on page \(page) where \(pages[page].ids.count) belong")
        }
        return texts
    }
}
