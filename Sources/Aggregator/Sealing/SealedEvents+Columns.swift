import Blocks
package import Telemetry

/// Columns lie in pages: who wants some rows reads the pages that they are on.
extension SealedEvents {
    /// Nanoseconds, by row.
    package func timestamps() throws(SealedError) -> [Int64] {
        var times = [Int64]()
        times.reserveCapacity(count)
        try visit(.timestamps) { page, _, bytes throws(BlockError) in
            times += try TimeColumn.decode(bytes, count: page.rows.count, earliest: page.from)
        }
        return times
    }

    /// Nanoseconds of these rows (ascending), in their order.
    func timestamps(at rows: [Int]) throws(SealedError) -> [Int64] {
        var times = [Int64]()
        times.reserveCapacity(rows.count)
        try visit(.timestamps, at: rows) { page, wanted, bytes throws(BlockError) in
            let all = try TimeColumn.decode(bytes, count: page.rows.count, earliest: page.from)
            for row in wanted ?? [] { times.append(all[row]) }
        }
        return times
    }

    /// Rows of a stretch of time, ascending, and their timestamps in nanoseconds. Pages that hold none of it are not read.
    package func rows(from start: Int64, to end: Int64) throws(SealedError) -> (rows: [Int], times: [Int64]) {
        var (rows, times) = ([Int](), [Int64]())
        for (number, page) in pages.enumerated() where page.to >= start && page.from < end {
            let bytes = try needed(.timestamps, page: number).compressible
            let all = try decoding { () throws(BlockError) in try TimeColumn.decode(bytes, count: page.rows.count, earliest: page.from) }
            for (index, time) in all.enumerated() where time >= start && time < end {
                rows.append(page.rows.lowerBound + index)
                times.append(time)
            }
        }
        return (rows, times)
    }

    /// By row: the place in ``sources``, ``types``, ``hosts`` or ``tagLists`` (0 when there are no lists).
    ///
    /// - Parameter rows: only of these (ascending), in their order; nil: of all.
    package func codes(_ column: CodedColumn, at rows: [Int]? = nil) throws(SealedError) -> [UInt16] {
        let (place, distinct): (SealedEventFormat.Column, Int) =
            switch column {
            case .sources: (.sources, sources.texts.count)
            case .types: (.types, types.texts.count)
            case .hosts: (.hosts, hosts.texts.count)
            case .tags: (.tags, tagLists.count)
            }
        guard distinct > 1 else { return [UInt16](repeating: 0, count: rows?.count ?? count) }
        var codes = [UInt16]()
        codes.reserveCapacity(rows?.count ?? count)
        try visit(place, at: rows) { page, wanted, bytes throws(BlockError) in
            codes += try Codes16.decode(bytes, count: page.rows.count, at: wanted, distinct: distinct)
        }
        return codes
    }

    /// Raw values, by row.
    ///
    /// - Parameter rows: only of these (ascending), in their order; nil: of all.
    package func severities(at rows: [Int]? = nil) throws(SealedError) -> [UInt8] {
        var severities = [UInt8]()
        severities.reserveCapacity(rows?.count ?? count)
        try visit(.severities, at: rows) { page, wanted, bytes throws(BlockError) in
            guard bytes.count == page.rows.count else { throw .malformed("severities of \(bytes.count) rows where \(page.rows.count) belong") }
            if let wanted { for row in wanted { severities.append(bytes[row]) } } else { severities += bytes }
        }
        // Without an early end, so that the loop takes many at once.
        guard severities.reduce(0, { $0 > $1 ? $0 : $1 }) <= Severity.critical.rawValue else { throw .damaged("its severities are no severities") }
        return severities
    }

    /// The clients' own ids, by row.
    package func ids() throws(SealedError) -> [UInt32: UUID] {
        guard let payload = try payload(.ids) else { return [:] }
        var ids = [UInt32: UUID]()
        guard payload.compressible.count == (count + 7) / 8 else { throw .damaged("its ids are of other rows") }
        var offset = 0
        for row in 0..<count where payload.compressible[row / 8] & 1 << UInt8(row % 8) != 0 {
            guard offset + 16 <= payload.packed.count else { throw .damaged("an id is missing") }
            ids[UInt32(row)] = UUID(bytes: payload.packed[offset..<offset + 16])
            offset += 16
        }
        return ids
    }

    /// Rows in their arrivals, by row.
    package func arrivalRows() throws(SealedError) -> [UInt32] {
        let steps = try payload(.rows)?.compressible
        return try decoding { () throws(BlockError) in try RunList.decodeRows(steps, runs: runs, count: count) }
    }

    /// Calls `body` with each page of a column that must be there, in order.
    ///
    /// - Parameters:
    ///   - rows: only pages with one of these (ascending), and then with those rows, counted from the page's first; nil: all pages.
    func visit(
        _ column: SealedEventFormat.Column,
        at rows: [Int]? = nil,
        _ body: (ColumnPage, [Int]?, [UInt8]) throws(BlockError) -> Void
    ) throws(SealedError) {
        guard let rows else {
            let payloads = try payloads(column)
            return try decoding { () throws(BlockError) in
                for (page, payload) in zip(pages, payloads) { try body(page, nil, payload.compressible) }
            }
        }
        var next = 0
        for (number, page) in pages.enumerated() where next < rows.count && rows[next] < page.rows.upperBound {
            let start = next
            while next < rows.count, rows[next] < page.rows.upperBound { next += 1 }
            let bytes = try needed(column, page: number).compressible
            try decoding { () throws(BlockError) in try body(page, rows[start..<next].map { $0 - page.rows.lowerBound }, bytes) }
        }
    }
}
