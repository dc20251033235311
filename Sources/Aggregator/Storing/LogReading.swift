import Operating
import SQLite
import Telemetry

/// One connection that only reads, on a thread of its own: a long search holds up neither the writer nor the other readers.
actor LogReading {
    /// Bytes of blocks that one answer may hold; a reader asks again from behind it.
    static let answerBytesMax = 64 << 20

    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let path: String
    private var connection: Connection?
    private var isClosed = false

    init(path: String, number: Int) {
        (self.path, executor) = (path, BlockingExecutor(label: "log.read.\(number)"))
    }

    func close() { (connection, isClosed) = (nil, true) }

    /// Blocks and damage in the order of `positions`; what `skipping` holds is passed over.
    func blocks(at positions: [LogPosition], skipping: Set<LogPosition>) throws(LogError) -> [BlockRow] {
        try read { (connection) throws(SQLiteError) in
            var rows = [BlockRow]()
            var bytes = 0
            for position in positions where !skipping.contains(position) {
                let sql = "SELECT \(BlockRow.columns) FROM \(BlockRow.tables) WHERE b.position = ?"
                if let row = try connection.first(sql, [.unsigned(position)], { (row) throws(SQLiteError) in BlockRow.decode(row) }) {
                    rows.append(row)
                    if case .block(let block) = row { bytes += block.bytes.count }
                }
                if bytes > Self.answerBytesMax { break }
            }
            return rows
        }
    }

    func blocks(after position: LogPosition, kinds: Set<BlockKind>, limit: Int, skipping: Set<LogPosition>) throws(LogError) -> [BlockRow] {
        let codes = kinds.map { String($0.rawValue) }.sorted().joined(separator: ", ")
        return try read { (connection) throws(SQLiteError) in
            var rows = [BlockRow]()
            var bytes = 0
            try connection.forEach(
                "SELECT \(BlockRow.columns) FROM \(BlockRow.tables) WHERE b.position > ? AND b.kind IN (\(codes)) ORDER BY b.position",
                [.unsigned(position)]
            ) { (row) throws(SQLiteError) in
                guard rows.count < limit, bytes <= Self.answerBytesMax else { return false }
                if skipping.contains(row.unsigned(0)) { return true }
                let decoded = BlockRow.decode(row)
                if case .block(let block) = decoded { bytes += block.bytes.count }
                rows.append(decoded)
                return rows.count < limit
            }
            return rows
        }
    }

    /// See ``LogCatalog/entries(overlapping:_:kinds:newestFirst:behind:limit:)``.
    func entries(
        overlapping start: Timestamp,
        _ end: Timestamp,
        kinds: Set<BlockKind>,
        newestFirst: Bool,
        behind last: BlockEntry?,
        limit: Int,
        skipping: Set<LogPosition>
    ) throws(LogError) -> [BlockEntry] {
        guard start < end, limit > 0 else { return [] }
        return try read { (connection) throws(SQLiteError) in
            var entries = [BlockEntry]()
            // One short scan for each class of length; together sorted they are the answer.
            for kind in kinds {
                for (span, longest) in LogSchema.spans.enumerated() {
                    let (sql, bounds) = BlockEntry.search(start, end, longest: longest, newestFirst: newestFirst, behind: last)
                    let values: [Value] =
                        [.integer(Int64(kind.rawValue)), .integer(Int64(span))] + bounds + [.integer(Int64(limit + skipping.count))]
                    entries += try connection.query(sql, values) { (row) throws(SQLiteError) in BlockEntry(row, kind: kind) }
                }
            }
            entries.removeAll { skipping.contains($0.position) }
            entries.sort { newestFirst ? ($0.to, $0.position) > ($1.to, $1.position) : ($0.from, $0.position) < ($1.from, $1.position) }
            return Array(entries.prefix(limit))
        }
    }

    func place(ofClientID id: UUID) throws(LogError) -> (position: LogPosition, row: UInt32)? {
        try read { (connection) throws(SQLiteError) in
            try connection.first("SELECT position, row FROM client_ids WHERE id = ?", [.blob(id.bytes)]) {
                (row) throws(SQLiteError) in (position: row.unsigned(0), row: UInt32(clamping: row.integer(1)))
            }
        }
    }

    func watermarks(of agent: UUID) throws(LogError) -> Acknowledgement {
        try read { (connection) throws(SQLiteError) in
            let pairs = try connection.query("SELECT lane, sequence FROM watermarks WHERE agent = ?", [.blob(agent.bytes)]) {
                (row) throws(SQLiteError) in (Lane(rawValue: UInt8(clamping: row.integer(0))), row.unsigned(1))
            }
            var acknowledgement = Acknowledgement(lanes: [:])
            for case (let lane?, let sequence) in pairs { acknowledgement.lanes[lane] = sequence }
            return acknowledgement
        }
    }

    func pageCounts() throws(LogError) -> (used: UInt64, file: UInt64) {
        try read { (connection) throws(SQLiteError) in
            let (pages, free) = (try connection.pragma("page_count"), try connection.pragma("freelist_count"))
            let size = UInt64(max(0, try connection.pragma("page_size")))
            return (UInt64(max(0, pages - free)) * size, UInt64(max(0, pages)) * size)
        }
    }

    private func read<Result>(_ body: (Connection) throws(SQLiteError) -> Result) throws(LogError) -> Result {
        if isClosed { throw .closed }
        do throws(SQLiteError) {
            let open = if let connection { connection } else { try Connection(path: path, options: LogSchema.readerOptions()) }
            connection = open
            return try body(open)
        } catch {
            // The next one begins with a new connection: this one may hold what the disk got wrong.
            if error.isInputOutput || error.isCorrupt { connection = nil }
            throw .failed("the log could not be read: \(error)")
        }
    }
}

extension BlockEntry {
    fileprivate static let columns = "position, rows, from_ns, to_ns, repeated IS NOT NULL, summary"

    fileprivate init(_ row: Row, kind: BlockKind) {
        self.init(
            position: row.unsigned(0),
            kind: kind,
            count: Int(clamping: row.integer(1)),
            from: Timestamp(nanoseconds: row.integer(2)),
            to: Timestamp(nanoseconds: row.integer(3)),
            hasRepeats: row.integer(4) != 0,
            summary: SummaryCoding.decode(row.blob(5))
        )
    }

    /// The search in one class of blocks, which cover at most `longest` nanoseconds: SQL and the values behind kind and class.
    fileprivate static func search(
        _ start: Timestamp,
        _ end: Timestamp,
        longest: Int64,
        newestFirst: Bool,
        behind last: BlockEntry?
    ) -> (String, [Value]) {
        let (start, end) = (start.nanoseconds, end.nanoseconds)
        // The last class has no longest: its blocks may cover more than a difference of timestamps can say.
        if newestFirst {
            let (sum, overflow) = end.addingReportingOverflow(longest)
            // The last entry bounds the scan from above; without one nothing lies above the largest number.
            let behind = last.map { ($0.to.nanoseconds, $0.position) } ?? (Int64.max, UInt64(Int64.max))
            return (
                """
                SELECT \(columns) FROM blocks INDEXED BY blocks_by_latest WHERE kind = ? AND span = ? AND to_ns >= ? AND to_ns <= ? AND from_ns < ?
                AND (to_ns, position) < (?, ?) ORDER BY to_ns DESC, position DESC LIMIT ?
                """,
                [
                    .integer(start), .integer(min(overflow || longest == .max ? .max : sum, behind.0)), .integer(end), .integer(behind.0),
                    .unsigned(behind.1),
                ]
            )
        }
        let (difference, overflow) = start.subtractingReportingOverflow(longest)
        let behind = last.map { ($0.from.nanoseconds, $0.position) } ?? (Int64.min, 0)
        return (
            """
            SELECT \(columns) FROM blocks INDEXED BY blocks_by_earliest WHERE kind = ? AND span = ? AND from_ns >= ? AND from_ns < ? AND to_ns >= ?
            AND (from_ns, position) > (?, ?) ORDER BY from_ns, position LIMIT ?
            """,
            [
                .integer(max(overflow || longest == .max ? .min : difference, behind.0)), .integer(end), .integer(start), .integer(behind.0),
                .unsigned(behind.1),
            ]
        )
    }
}
