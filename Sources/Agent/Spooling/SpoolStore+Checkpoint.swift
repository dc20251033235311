import Blocks
import SQLite
import Telemetry

/// Read positions and the judge's state: stored in the transaction that stores what they are about.
extension SpoolStore {
    /// Writes what the parcels say, and changes `checkpoint` accordingly.
    func save(_ parcels: [Parcel], into checkpoint: inout Checkpoint) throws(SQLiteError) {
        for parcel in parcels {
            for position in parcel.positions { try save(position, into: &checkpoint) }
            if let judgement = parcel.judgement { try save(judgement, alerts: parcel.judgementAlerts, into: &checkpoint) }
            for (name, text) in parcel.notes where checkpoint.notes[name] ?? "" != text { try save(note: name, text, into: &checkpoint) }
        }
    }

    private func save(note name: String, _ text: String, into checkpoint: inout Checkpoint) throws(SQLiteError) {
        checkpoint.notes[name] = text.isEmpty ? nil : text
        if text.isEmpty {
            try connection.execute("DELETE FROM note WHERE name = ?", [.text(name)])
        } else {
            try connection.execute("INSERT INTO note VALUES (?, ?) ON CONFLICT DO UPDATE SET text = excluded.text", [.text(name), .text(text)])
        }
    }

    private func save(_ position: ReadPosition, into checkpoint: inout Checkpoint) throws(SQLiteError) {
        let index = checkpoint.positions.firstIndex { $0.device == position.device && $0.inode == position.inode }
        if position.isFinished {
            try connection.execute("DELETE FROM position WHERE device = ? AND inode = ?", [.unsigned(position.device), .unsigned(position.inode)])
            if let index { checkpoint.positions.remove(at: index) }
            return
        }
        try connection.execute(
            """
            INSERT INTO position (device, inode, path, offset, head_hash, head_length, tail_hash, tail_length, state, row_check)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET path = excluded.path, offset = excluded.offset, head_hash = excluded.head_hash,
                head_length = excluded.head_length, tail_hash = excluded.tail_hash, tail_length = excluded.tail_length, state = excluded.state,
                row_check = excluded.row_check
            """,
            [
                .unsigned(position.device), .unsigned(position.inode), .text(position.path), .unsigned(position.offset),
                .unsigned(position.headHash), .integer(Int64(position.headLength)), .unsigned(position.tailHash),
                .integer(Int64(position.tailLength)), .blob(position.state), .unsigned(Self.check(position)),
            ]
        )
        if let index { checkpoint.positions[index] = position } else { checkpoint.positions.append(position) }
    }

    private func save(_ judgement: JudgementState, alerts: [UInt8], into checkpoint: inout Checkpoint) throws(SQLiteError) {
        if judgement.alerts != checkpoint.alerts {
            try connection.execute("INSERT INTO judgement VALUES (1, ?) ON CONFLICT DO UPDATE SET alerts = excluded.alerts", [.blob(alerts)])
            checkpoint.alerts = judgement.alerts
        }
        // It is the whole state: a pattern that is not in it is no longer counted.
        for (name, _) in checkpoint.patternMatches where judgement.patternMatches[name] == nil {
            try connection.execute("DELETE FROM pattern WHERE name = ?", [.text(name)])
        }
        for (name, matches) in judgement.patternMatches where checkpoint.patternMatches[name] != matches {
            try connection.execute(
                "INSERT INTO pattern VALUES (?, ?) ON CONFLICT DO UPDATE SET matches = excluded.matches",
                [.text(name), .unsigned(matches)]
            )
        }
        checkpoint.patternMatches = judgement.patternMatches
    }

    static func loadCheckpoint(_ connection: Connection) throws(SQLiteError) -> Checkpoint {
        var checkpoint = Checkpoint()
        checkpoint.positions = try connection.query("SELECT \(positionColumns), row_check FROM position") { (row) throws(SQLiteError) in
            let position = ReadPosition(row)
            guard row.unsigned(9) == 0 || row.unsigned(9) == check(position) else {
                throw connection.corruption("a read position fails its checksum")
            }
            return position
        }
        let block = try connection.first("SELECT alerts FROM judgement") { (row) throws(SQLiteError) in row.blob(0) }
        if let block {
            // A damaged block costs the memory of pending alerts, which rules will find again; it must not cost the spool.
            checkpoint.alerts = (try? AlertBlock(decoding: block))?.alerts ?? []
        }
        let patterns = try connection.query("SELECT name, matches FROM pattern") { (row) throws(SQLiteError) in (row.text(0), row.unsigned(1)) }
        for (name, matches) in patterns { checkpoint.patternMatches[name] = matches }
        let notes = try connection.query("SELECT name, text FROM note") { (row) throws(SQLiteError) in (row.text(0), row.text(1)) }
        for (name, text) in notes { checkpoint.notes[name] = text }
        return checkpoint
    }

    /// In the order of ``ReadPosition/init(_:)``.
    static let positionColumns = "device, inode, path, offset, head_hash, head_length, tail_hash, tail_length, state"

    static func check(_ position: ReadPosition) -> UInt64 {
        var check = RowCheck()
        for number in [position.device, position.inode, position.offset, position.headHash, UInt64(position.headLength), position.tailHash] {
            check.add(number)
        }
        check.add(UInt64(position.tailLength))
        check.add(position.path.utf8)
        check.add(position.state)
        return check.value
    }

    /// Writes a checkpoint that was carried over from another file. Part of a transaction.
    /// - Parameter isWhole: whether all positions are in it; if not, where files stood is asked elsewhere.
    func adopt(_ adopted: Checkpoint, isWhole: Bool) throws(SQLiteError) -> Checkpoint {
        var (adopted, written) = (adopted, Checkpoint())
        // Also a note that says that nothing was ever read is of an earlier moment. A question that stands goes on standing.
        let memory = adopted.notes[FileMemory.note].flatMap { FileMemory($0) }
        if !isWhole, memory == nil || memory == .new { adopted.notes[FileMemory.note] = FileMemory.salvaged.text }
        try connection.execute("DELETE FROM note WHERE name = ?", [.text(FileMemory.note)])
        for position in adopted.positions { try save(position, into: &written) }
        let judgement = JudgementState(alerts: adopted.alerts, patternMatches: adopted.patternMatches)
        try save(judgement, alerts: AlertBlock.encode(adopted.alerts), into: &written)
        for (name, text) in adopted.notes { try save(note: name, text, into: &written) }
        return written
    }
}

extension ReadPosition {
    /// From a row with ``SpoolStore/positionColumns``.
    init(_ row: Row) {
        self.init(
            path: row.text(2),
            device: row.unsigned(0),
            inode: row.unsigned(1),
            offset: row.unsigned(3),
            headHash: row.unsigned(4),
            headLength: UInt32(truncatingIfNeeded: row.integer(5)),
            tailHash: row.unsigned(6),
            tailLength: UInt32(truncatingIfNeeded: row.integer(7)),
            state: row.blob(8)
        )
    }
}
