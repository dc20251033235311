import SQLite
package import Telemetry

/// How far agents' files are stored. Noted in the transaction that stores the lines, so it never says more than is there.
extension LogTables {
    /// Of a host, those told last; an agent follows up to 8 192.
    static let positionsPerHostMax = 16_384
    /// Nothing was told of a file for so long: it is not read any more.
    static let positionsKept = Duration.seconds(90 * 86_400)
    /// PATH_MAX; longer ones no agent can have opened.
    private static let pathBytesMax = 4096

    func note(_ reads: [ReadRange], of sender: HostIdentity, at now: Timestamp) throws(SQLiteError) {
        var hasNew = false
        for read in reads {
            let file: [Value] = [.text(sender.host), .unsigned(read.device), .unsigned(read.inode)]
            if read.isFinished {
                try connection.execute("DELETE FROM read_positions WHERE host = ? AND device = ? AND inode = ?", file)
                continue
            }
            let key = file + [.blob(sender.agent.bytes)]
            // An agent of before says nothing of what the file holds: where another one could go on is not known from it.
            guard read.headLength > 0, read.path.utf8.count <= Self.pathBytesMax else { continue }
            let place: [Value] = [
                .text(read.path), .unsigned(read.to), .unsigned(read.headHash), .integer(Int64(read.headLength)), .unsigned(read.tailHash),
                .integer(Int64(read.tailLength)), .integer(now.nanoseconds),
            ]
            try connection.execute(
                """
                UPDATE read_positions SET path = ?, offset = ?, head_hash = ?, head_length = ?, tail_hash = ?, tail_length = ?, noted_ns = ?
                WHERE host = ? AND device = ? AND inode = ? AND agent = ?
                """,
                place + key
            )
            guard connection.changes == 0 else { continue }
            hasNew = true
            try connection.execute(
                """
                INSERT INTO read_positions (path, offset, head_hash, head_length, tail_hash, tail_length, noted_ns, host, device, inode, agent)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                place + key
            )
        }
        if hasNew { try boundPositions(of: sender.host) }
    }

    private func boundPositions(of host: String) throws(SQLiteError) {
        let count = try connection.first("SELECT count(*) FROM read_positions WHERE host = ?", [.text(host)]) { (row) throws(SQLiteError) in
            Int(row.integer(0))
        }
        guard let count, count > Self.positionsPerHostMax else { return }
        try connection.execute(
            """
            DELETE FROM read_positions WHERE host = ?1 AND (device, inode, agent) IN
                (SELECT device, inode, agent FROM read_positions WHERE host = ?1 ORDER BY noted_ns LIMIT ?2)
            """,
            [.text(host), .integer(Int64(count - Self.positionsPerHostMax))]
        )
    }

    /// One step; those that nothing was said of for long.
    func forgetPositions(at now: Timestamp) throws(SQLiteError) {
        try connection.execute(
            """
            DELETE FROM read_positions WHERE (host, device, inode, agent) IN
                (SELECT host, device, inode, agent FROM read_positions WHERE noted_ns <= ? LIMIT 1000)
            """,
            [.integer(now.advanced(by: .zero - Self.positionsKept).nanoseconds)]
        )
    }

    /// The newest position of each file that an agent other than the asking one has told: what that one has delivered since is its own.
    func knownFiles(of host: String, askedBy agents: [UUID]) throws(SQLiteError) -> KnownFiles {
        var known = KnownFiles(hasEarlierAgent: false)
        let others = "host = ? AND agent NOT IN (\(agents.map { _ in "?" }.joined(separator: ", ")))"
        let values = [Value.text(host)] + agents.map { .blob($0.bytes) }
        known.positions = try connection.query(
            """
            SELECT path, device, inode, offset, head_hash, head_length, tail_hash, tail_length, max(noted_ns) FROM read_positions
            WHERE \(others) GROUP BY device, inode ORDER BY path, 9
            """,
            values
        ) { (row) throws(SQLiteError) in
            known.notedAt = max(known.notedAt ?? Timestamp(nanoseconds: .min), Timestamp(nanoseconds: row.integer(8)))
            return ReadPosition(
                path: row.text(0),
                device: row.unsigned(1),
                inode: row.unsigned(2),
                offset: row.unsigned(3),
                headHash: row.unsigned(4),
                headLength: UInt32(truncatingIfNeeded: row.integer(5)),
                tailHash: row.unsigned(6),
                tailLength: UInt32(truncatingIfNeeded: row.integer(7))
            )
        }
        let earlier = try connection.first("SELECT 1 FROM origins WHERE \(others) LIMIT 1", values) { (_) throws(SQLiteError) in true }
        known.hasEarlierAgent = earlier ?? !known.positions.isEmpty
        return known
    }
}

extension Committer {
    /// What is acknowledged by now is in it.
    func knownFiles(of host: String, askedBy agents: [UUID]) throws(LogError) -> KnownFiles {
        let tables = try openTables()
        do throws(SQLiteError) { return try tables.knownFiles(of: host, askedBy: agents) } catch { throw failure(error) }
    }
}

extension Log: FileDirectory {
    package func knownFiles(of host: String, askedBy agents: [UUID]) async throws(LogError) -> KnownFiles {
        try await committer.knownFiles(of: host, askedBy: agents)
    }
}
