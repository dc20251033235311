import Blocks
import SQLite
import Sealing
import Telemetry

/// The directory of segments.
extension LogTables {
    func apply(_ change: DirectoryChange) throws(SQLiteError) {
        if let (kind, positions, count) = change.arrivals {
            // Bytes that were damaged stay for whoever wants to look.
            try connection.execute(
                "DELETE FROM arrivals WHERE position BETWEEN ? AND ? AND kind = ? AND position NOT IN (SELECT position FROM set_aside)",
                [.unsigned(positions.lowerBound), .unsigned(positions.upperBound), .integer(Int64(kind.rawValue))]
            )
            // A step that was answered as failed may be on disk all the same: what it sealed is not sealed again.
            let deleted = connection.changes
            var expected = count
            for position in change.arrivalsSetAside {
                let known = try connection.first("SELECT count(*) FROM set_aside WHERE position = ?", [.unsigned(position)]) {
                    (row) throws(SQLiteError) in Int(row.integer(0))
                }
                // Deleted now it would be gone without a word.
                guard known == 1 else { throw refusal("the damage of arrival \(position) could not be recorded yet") }
                expected -= 1
            }
            guard deleted == expected else {
                throw refusal("\(deleted) of the \(expected) arrivals to seal are there: they were sealed before")
            }
        }
        for segment in change.segments {
            try connection.execute(
                "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    .unsigned(segment.id), .integer(Int64(segment.kind.rawValue)), .integer(Int64(segment.resolution.rawValue)),
                    .text(segment.retentionClass), .integer(segment.day), .integer(Int64(segment.bytes)), .integer(segment.receivedAt.nanoseconds),
                    .integer(Int64(segment.level)),
                ]
            )
        }
        for row in change.sealed {
            try connection.execute(
                "INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                [
                    .unsigned(row.number), .unsigned(row.segment), .integer(Int64(row.range.lowerBound)), .integer(Int64(row.range.count)),
                    .integer(Int64(row.kind.rawValue)), .integer(Int64(row.resolution.rawValue)), .integer(Int64(row.count)),
                    .integer(row.from.nanoseconds), .integer(row.to.nanoseconds), .unsigned(row.first), .unsigned(row.last),
                ]
            )
        }
        for number in change.sealedGone {
            try connection.execute("DELETE FROM sealed WHERE number = ?", [.unsigned(number)])
            try connection.execute("DELETE FROM word_filters WHERE number = ?", [.unsigned(number)])
        }
        for segment in change.segmentsGone {
            for table in ["sealed", "word_filters", "word_groups"] {
                try connection.execute("DELETE FROM \(table) WHERE segment = ?", [.unsigned(segment)])
            }
            try connection.execute("DELETE FROM segments WHERE id = ?", [.unsigned(segment)])
        }
        for (number, segment, filter) in change.filters {
            try connection.execute("INSERT INTO word_filters VALUES (?, ?, ?)", [.unsigned(number), .unsigned(segment), .blob(filter.signed)])
        }
        for group in change.groups {
            try connection.execute(
                "INSERT INTO word_groups (segment, start, bits, blocks, length) VALUES (?, ?, ?, ?, ?)",
                [
                    .unsigned(group.segment), .integer(Int64(group.range.lowerBound)), .integer(Int64(group.bitCount)),
                    .blob(group.blocks.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) } }),
                    .integer(Int64(group.range.count)),
                ]
            )
            for number in group.blocks { try connection.execute("DELETE FROM word_filters WHERE number = ?", [.unsigned(number)]) }
        }
        for group in change.groupsGone {
            try connection.execute(
                "DELETE FROM word_groups WHERE segment = ? AND start = ?",
                [.unsigned(group.segment), .integer(Int64(group.range.lowerBound))]
            )
        }
        for id in change.idsGone { try connection.execute("DELETE FROM client_ids WHERE id = ?", [.blob(id.bytes)]) }
        for (kind, purged) in change.purged {
            try connection.execute("DELETE FROM purged_spans WHERE kind = ?", [.integer(Int64(kind.rawValue))])
            for span in purged.spans {
                try connection.execute(
                    "INSERT INTO purged_spans VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        .integer(Int64(kind.rawValue)), .unsigned(span.first), .unsigned(span.last), .integer(span.from.nanoseconds),
                        .integer(span.to.nanoseconds), .integer(Int64(span.rows)),
                    ]
                )
            }
        }
        // Positions and numbers are never given twice, even when nothing is left.
        try connection.execute("UPDATE meta SET value = max(value, ?) WHERE key = 'position'", [.unsigned(end)])
        if let number = change.sealed.map(\.number).max() {
            try connection.execute(
                "INSERT INTO meta VALUES ('number', ?1) ON CONFLICT (key) DO UPDATE SET value = max(value, ?1)",
                [.unsigned(number)]
            )
        }
    }

    private func refusal(_ message: String) -> SQLiteError {
        SQLiteError(code: .sqlite(SQLiteError.constraintCode), message: message, sql: nil, path: connection.path)
    }

    /// Whether a step was committed, of which the answer was an error.
    func holds(_ change: DirectoryChange) throws(SQLiteError) -> Bool {
        func isThere(_ sql: String, _ number: UInt64) throws(SQLiteError) -> Bool {
            try connection.first(sql, [.unsigned(number)]) { (row) throws(SQLiteError) in row.integer(0) } == 1
        }
        // All or nothing of it is there, so one row tells; numbers are never given twice.
        if let row = change.sealed.first { return try isThere("SELECT count(*) FROM sealed WHERE number = ?", row.number) }
        if let number = change.sealedGone.first { return try !isThere("SELECT count(*) FROM sealed WHERE number = ?", number) }
        if let id = change.segmentsGone.first { return try !isThere("SELECT count(*) FROM segments WHERE id = ?", id) }
        return false
    }

    func segments() throws(SQLiteError) -> [SegmentRow] {
        try connection.query("SELECT id, kind, resolution, class, day, bytes, received_ns, level FROM segments ORDER BY id") {
            (row) throws(SQLiteError) -> SegmentRow? in
            guard let kind = BlockKind(rawValue: UInt8(clamping: row.integer(1))),
                let resolution = Resolution(rawValue: UInt8(clamping: row.integer(2)))
            else { return nil }
            return SegmentRow(
                id: row.unsigned(0),
                kind: kind,
                resolution: resolution,
                retentionClass: row.text(3),
                day: row.integer(4),
                bytes: Int(row.integer(5)),
                receivedAt: Timestamp(nanoseconds: row.integer(6)),
                level: Int(clamping: row.integer(7))
            )
        }.compactMap { $0 }
    }

    /// Sealed blocks that were not set aside.
    func sealedRows() throws(SQLiteError) -> [SealedRow] {
        try connection.query(
            "SELECT number, segment, start, length, kind, resolution, rows, from_ns, to_ns, first, last FROM sealed WHERE set_aside IS NULL ORDER BY number"
        ) { (row) throws(SQLiteError) in SealedRow(row) }.compactMap { $0 }
    }

    func sealedRowsAside() throws(SQLiteError) -> [SealedRow] {
        try connection.query(
            "SELECT number, segment, start, length, kind, resolution, rows, from_ns, to_ns, first, last FROM sealed WHERE set_aside IS NOT NULL"
        ) { (row) throws(SQLiteError) in SealedRow(row) }.compactMap { $0 }
    }

    /// Watermarks that the checksums which are kept beside them do not confirm.
    func strangeWatermarks() throws(SQLiteError) -> Int {
        guard config.sequencesKept > 0 else { return 0 }
        return try connection.first(
            """
            SELECT count(*) FROM watermarks w WHERE exact = 1 AND NOT EXISTS
            (SELECT 1 FROM sequences s WHERE s.agent = w.agent AND s.lane = w.lane AND s.sequence = w.sequence)
            """
        ) { (row) throws(SQLiteError) in Int(row.integer(0)) } ?? 0
    }

    func firstArrivals() throws(SQLiteError) -> [BlockKind: LogPosition] {
        let rows = try connection.query(
            "SELECT kind, min(position) FROM arrivals WHERE position NOT IN (SELECT position FROM set_aside) GROUP BY kind"
        ) { (row) throws(SQLiteError) in (BlockKind(rawValue: UInt8(clamping: row.integer(0))), row.unsigned(1)) }
        return rows.reduce(into: [:]) { found, row in if let kind = row.0 { found[kind] = row.1 } }
    }

    func wordFilters() throws(SQLiteError) -> [(number: UInt64, segment: UInt64, filter: WordFilter)] {
        try connection.query("SELECT number, segment, bytes FROM word_filters ORDER BY number") { (row) throws(SQLiteError) in
            WordFilter(signed: row.blob(2)).map { (row.unsigned(0), row.unsigned(1), $0) }
        }.compactMap { $0 }
    }

    func wordGroups() throws(SQLiteError) -> [WordGroupRow] {
        try connection.query("SELECT segment, start, bits, blocks, length FROM word_groups ORDER BY id") {
            (row) throws(SQLiteError) -> WordGroupRow? in
            let bytes = row.blob(3)
            let blocks = stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
                (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
            }
            let (start, bits) = (Int(clamping: row.integer(1)), Int(clamping: row.integer(2)))
            let length =
                row.isNull(4) ? bits.multipliedReportingOverflow(by: WordGroup.rowBytes(blocks.count)).partialValue : Int(clamping: row.integer(4))
            // One that makes no sense costs speed only: its blocks are looked into.
            guard start >= 0, start < 1 << 60, WordGroup.fits(length, of: blocks.count, bitCount: bits) else { return nil }
            return WordGroupRow(segment: row.unsigned(0), range: start..<start + length, bitCount: bits, blocks: blocks)
        }.compactMap { $0 }
    }

    /// The highest number ever given to a sealed block.
    func lastNumber() throws(SQLiteError) -> UInt64 {
        try connection.first("SELECT value FROM meta WHERE key = 'number'") { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0
    }

    func allWatermarks() throws(SQLiteError) -> [UUID: Acknowledgement] {
        var all: [UUID: Acknowledgement] = [:]
        try connection.forEach("SELECT agent, lane, sequence FROM watermarks") { (row) throws(SQLiteError) in
            if let agent = UUID(bytes: row.blob(0)), let lane = Lane(rawValue: UInt8(clamping: row.integer(1))) {
                all[agent, default: Acknowledgement(lanes: [:])].lanes[lane] = row.unsigned(2)
            }
            return true
        }
        return all
    }

    func allPurged() throws(SQLiteError) -> [BlockKind: PurgedSpans] {
        var all: [BlockKind: PurgedSpans] = [:]
        try connection.forEach("SELECT kind, first, last, from_ns, to_ns, rows FROM purged_spans ORDER BY kind, first") {
            (row) throws(SQLiteError) in
            // One that makes no sense would only be told to readers.
            if let kind = BlockKind(rawValue: UInt8(clamping: row.integer(0))), row.unsigned(1) <= row.unsigned(2), row.integer(5) >= 0 {
                all[kind, default: PurgedSpans()].add(
                    PurgedSpans.Span(
                        first: row.unsigned(1),
                        last: row.unsigned(2),
                        from: Timestamp(nanoseconds: row.integer(3)),
                        to: Timestamp(nanoseconds: row.integer(4)),
                        rows: Int(row.integer(5))
                    )
                )
            }
            return true
        }
        return all
    }

    /// Arrivals behind `position`, until their bytes are more than `bytesMax`.
    func loadArrivals(after position: LogPosition, bytesMax: Int) throws(SQLiteError) -> [BlockRow] {
        var rows = [BlockRow]()
        var bytes = 0
        try connection.forEach(
            """
            SELECT \(BlockRow.columns) FROM \(BlockRow.tables) WHERE b.position > ? AND b.position NOT IN (SELECT position FROM set_aside)
            ORDER BY b.position
            """,
            [.unsigned(position)]
        ) { (row) throws(SQLiteError) in
            let decoded = BlockRow.decode(row)
            if case .block(let block) = decoded { bytes += block.bytes.count }
            rows.append(decoded)
            return bytes <= bytesMax
        }
        return rows
    }
}

extension WordFilter {
    /// With its checksum: a bit that turned would hide what it says is not there.
    fileprivate var signed: [UInt8] {
        var signed = bytes
        signed.appendLittleEndian(Checksum.xxh64(bytes.span))
        return signed
    }

    /// The first version had no checksum; lengths of filters are multiples of 16, so the length tells.
    fileprivate init?(signed: [UInt8]) {
        guard signed.count % 16 == 8 else {
            self.init(stored: signed)
            return
        }
        let bytes = Array(signed.dropLast(8))
        guard Checksum.xxh64(bytes.span) == signed.littleEndian(at: bytes.count) else { return nil }
        self.init(stored: bytes)
    }
}
