import Blocks
import SQLite
import Sealing
import Telemetry

/// A new journal for segments whose journal was lost, in one transaction: a crash before its end leaves an empty journal, which is built again.
struct JournalRebuild {
    /// What came of it, for the gap event and the operator; kept in the journal until the event is stored.
    struct Report: Sendable, Hashable {
        /// What may be missing arrived from here on.
        var from: Timestamp
        var to: Timestamp
        var detail: String

        var text: String { "\(from.nanoseconds) \(to.nanoseconds) \(detail)" }

        init(from: Timestamp, to: Timestamp, detail: String) { (self.from, self.to, self.detail) = (from, to, detail) }

        init?(_ text: String) {
            let words = text.split(separator: " ", maxSplits: 2)
            guard words.count == 3, let from = Int64(words[0]), let to = Int64(words[1]) else { return nil }
            self.init(from: Timestamp(nanoseconds: from), to: Timestamp(nanoseconds: to), detail: String(words[2]))
        }
    }

    /// Positions behind a loss begin above each that can have been given before: by the clock, a million a second since 1970.
    private static func position(at now: Timestamp) -> LogPosition { UInt64(max(0, now.nanoseconds / 1_000_000_000)) << 20 }

    private let directory: DirectoryRebuild
    private var salvage: JournalSalvage
    private let hasLostCommits: Bool
    private let config: StorageConfig
    private let now: Timestamp

    /// Reads the segments and opens what is left of the journal.
    init(_ config: StorageConfig, _ files: any SegmentFiles, salvaging journal: JournalFiles?, at now: Timestamp) throws(LogError) {
        directory = try DirectoryRebuild(files, classes: Set(config.sourceRetention.keys), now: now)
        salvage = JournalSalvage(journal?.salvagePath)
        hasLostCommits = journal?.hasLostCommits ?? false
        (self.config, self.now) = (config, now)
    }

    /// Inside a transaction of a journal that holds nothing.
    mutating func write(into connection: Connection, newID: UUID) throws(SQLiteError) {
        let numbers = salvage.numbers()
        let arrivals = salvage.arrivals()
        let watermarks = salvage.watermarks()
        let keys = salvage.rows("keys", "client, key, expires_ns, ids")
        let cursors = salvage.rows("cursors", "name, position")
        let origins = salvage.rows("origins", "agent, host, tags")
        let places = "host, device, inode, agent, path, offset, head_hash, head_length, tail_hash, tail_length, noted_ns"
        let positions = salvage.rows("read_positions", places)
        let purged = salvage.rows("purged_spans", "kind, first, last, from_ns, to_ns, rows")
        let isWhole = numbers != nil && salvage.unreadable.isEmpty && !hasLostCommits
        // Readers keep their own cursors, and a position that is given twice would be passed over by them.
        let known = max(directory.end, arrivals.last?.position ?? 0, numbers?.position ?? 0)
        let end = isWhole ? known : max(known, Self.position(at: now))
        // Clients' sequences are made of it: one that was there before would make identifiers come again.
        let seen = directory.sequences.filter { $0.key.agent == newID }.map { $0.value >> 40 }.max() ?? 0
        try connection.execute(
            "INSERT INTO meta VALUES ('log_id', ?), ('opens', ?), ('position', ?)",
            [.blob(newID.bytes), .unsigned(max(numbers?.opens ?? 0, seen)), .unsigned(known)]
        )
        let tables = try LogTables(reading: connection, config: config)
        let kept = try write(arrivals, into: tables)
        try connection.execute("UPDATE meta SET value = ? WHERE key = 'position'", [.unsigned(end)])
        var change = DirectoryChange()
        (change.segments, change.sealed, change.groups) = (directory.segments, directory.sealed, directory.groups)
        try tables.apply(change)
        try claimIDs(tables)
        // One that is older than the segments does not know what came last.
        let isOlder = hasLostCommits || directory.end > max(arrivals.last?.position ?? 0, numbers?.position ?? 0)
        try write(watermarks, areExact: !isOlder, into: connection)
        for row in keys { try connection.execute("INSERT OR IGNORE INTO keys (client, key, expires_ns, ids) VALUES (?, ?, ?, ?)", row) }
        for row in cursors { try connection.execute("INSERT OR IGNORE INTO cursors VALUES (?, ?)", row) }
        for row in origins { try connection.execute("INSERT OR IGNORE INTO origins (agent, host, tags) VALUES (?, ?, ?)", row) }
        // A position that damage changed says so itself: the file does not hold what it says. The agent reads it again then.
        for row in positions {
            try connection.execute("INSERT OR IGNORE INTO read_positions (\(places)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        }
        // Half of it, read from two ends, would be told twice.
        for row in salvage.unreadable.contains("purged_spans") ? [] : purged {
            try connection.execute("INSERT INTO purged_spans VALUES (?, ?, ?, ?, ?, ?)", row)
        }
        let report = report(kept: kept.count, isWhole: isWhole)
        try connection.execute("INSERT INTO meta VALUES ('rebuilt', ?)", [.text(report.text)])
        tables.rollBack(to: end)
    }

    // MARK: Parts

    /// Rows of them may be sealed already, and the journal did not come to say so: those are not stored again.
    private func write(_ arrivals: [StoredBlock], into tables: LogTables) throws(SQLiteError) -> [StoredBlock] {
        var kept: [StoredBlock] = []
        let covered = sealedRows(of: arrivals)
        for var block in arrivals {
            let rows = covered[block.position] ?? []
            if block.kind != .events, !rows.isEmpty { continue }
            if block.kind == .samples,
                directory.sealed.contains(where: { $0.kind == .samples && $0.first <= block.position && block.position <= $0.last })
            {
                continue
            }
            block.repeatedRows = Set(block.repeatedRows).union(rows).sorted()
            if block.repeatedRows.count == block.count, block.count > 0 { continue }
            let identity = HostIdentity(agent: block.origin.agent, host: block.host, tags: block.tags)
            try tables.insert(block, origin: try tables.origin(of: identity), encoding: .plain, frame: block.bytes)
            if block.kind == .events, let events = try? Arrival(block).events() {
                for (row, id) in events.ids { _ = try tables.claim(id, position: block.position, row: Int(row)) }
            }
            kept.append(block)
        }
        return kept
    }

    /// Which rows of arrivals lie in sealed blocks, by position.
    private func sealedRows(of arrivals: [StoredBlock]) -> [LogPosition: Set<UInt32>] {
        let wanted = Set(arrivals.filter { $0.kind != .samples }.map(\.position))
        guard let first = wanted.min(), let last = wanted.max() else { return [:] }
        var found: [LogPosition: Set<UInt32>] = [:]
        for row in directory.sealed where row.last >= first && row.first <= last {
            guard let block = directory.block(row) else { continue }
            switch row.kind {
            case .samples: continue
            case .alerts: for arrival in (try? PlainSealer.arrivals(block)) ?? [] { found[arrival.position, default: []].insert(0) }
            case .events:
                guard let events = try? SealedEvents(block), let rows = try? events.arrivalRows() else { continue }
                for run in events.runs where wanted.contains(run.position) { found[run.position, default: []].formUnion(rows[run.rows]) }
            }
        }
        return found
    }

    /// Clients' own ids, so that repeats are recognised and events are found by them.
    private func claimIDs(_ tables: LogTables) throws(SQLiteError) {
        for row in directory.sealed where row.kind == .events {
            guard let block = directory.block(row), let events = try? SealedEvents(block), let ids = try? events.ids(), !ids.isEmpty,
                let rows = try? events.arrivalRows()
            else { continue }
            for (index, id) in ids { _ = try tables.claim(id, position: events.run(of: Int(index)).position, row: Int(rows[Int(index)])) }
        }
    }

    /// Those that a checksum confirms as they were; of the others what sealed blocks say: at least that much was stored.
    private func write(_ watermarks: [JournalSalvage.Watermark], areExact: Bool, into connection: Connection) throws(SQLiteError) {
        func values(_ sender: SegmentScan.Sender, _ sequence: UInt64) -> [Value] {
            [.blob(sender.agent.bytes), .integer(Int64(sender.lane.rawValue)), .unsigned(sequence)]
        }
        var exact = Set<SegmentScan.Sender>()
        for mark in watermarks {
            let sender = SegmentScan.Sender(agent: mark.agent, lane: mark.lane)
            guard mark.sequence >= directory.sequences[sender] ?? 0, exact.insert(sender).inserted else { continue }
            try connection.execute("INSERT INTO watermarks VALUES (?, ?, ?, ?)", values(sender, mark.sequence) + [areExact ? 1 : 0])
            try connection.execute("INSERT INTO sequences VALUES (?, ?, ?, ?)", values(sender, mark.sequence) + [.unsigned(mark.checksum)])
        }
        for (sender, sequence) in directory.sequences where !exact.contains(sender) {
            try connection.execute("INSERT INTO watermarks VALUES (?, ?, ?, 0)", values(sender, sequence))
        }
    }

    private func report(kept: Int, isWhole: Bool) -> Report {
        let found =
            "its directory was written again from \(directory.segments.count) segments: \(directory.sealed.count) sealed blocks with \(directory.rows) rows; "
            + "\(kept) arrivals that were not sealed were read back"
        let lost: String
        if isWhole {
            lost = "every table of the old journal could be read, and arrivals whose own bytes were damaged are missing"
        } else {
            var parts = salvage.unreadable
            if hasLostCommits { parts.append("the end of its write-ahead log") }
            let tables = parts.isEmpty ? "meta" : parts.joined(separator: ", ")
            lost =
                "what had arrived and was not sealed may be missing (not readable: \(tables)); agents go on with any later sequence, a batch of samples on its way at that "
                + "moment may be stored again, and idempotency keys from before may be forgotten"
        }
        let oldest = directory.receivedAt.map { min($0, now) } ?? Timestamp(nanoseconds: 0)
        return Report(from: oldest, to: now, detail: "the log's journal was lost or damaged: \(found); \(lost)")
    }
}
