import JSON
import SQLite
import Telemetry

/// Leases, and outages of sites.
extension CorrelationStore {
    /// Goodbyes, and sites.
    static let hostsStep = """
        ALTER TABLE host ADD COLUMN goodbye_kind TEXT;
        ALTER TABLE host ADD COLUMN goodbye_at INTEGER;
        ALTER TABLE host ADD COLUMN goodbye_until INTEGER;
        ALTER TABLE host ADD COLUMN folded_into TEXT;
        CREATE TABLE site (
            site TEXT PRIMARY KEY, since INTEGER NOT NULL, last_contact INTEGER NOT NULL, silent TEXT NOT NULL, expected INTEGER NOT NULL,
            release_at INTEGER
        ) STRICT, WITHOUT ROWID;
        """

    func leases() throws(SQLiteError) -> [HostLease] {
        let sql = """
            SELECT host, agent, tags, state, first_contact, last_contact, since, last_kind, last_data_at, samples_at, collections,
                goodbye_kind, goodbye_at, goodbye_until, folded_into FROM host
            """
        return try connection.query(sql) { (row) throws(SQLiteError) in try self.lease(row) }
    }

    func outages() throws(SQLiteError) -> [SiteOutage] {
        try connection.query("SELECT site, since, last_contact, silent, expected, release_at FROM site") { (row) throws(SQLiteError) in
            SiteOutage(
                site: row.text(0),
                since: Timestamp(nanoseconds: row.integer(1)),
                lastContact: Timestamp(nanoseconds: row.integer(2)),
                silent: Self.words(row.text(3)),
                expected: Int(row.integer(4)),
                releaseAt: row.optionalInteger(5).map { Timestamp(nanoseconds: $0) }
            )
        }
    }

    func write(_ lease: HostLease?, host: String) throws(SQLiteError) {
        guard let lease else {
            try connection.execute("DELETE FROM host WHERE host = ?", [.text(host)])
            return
        }
        let record = lease.record
        try connection.execute(
            """
            INSERT OR REPLACE INTO host (host, agent, tags, state, first_contact, last_contact, since, last_kind, last_data_at, samples_at, collections,
                goodbye_kind, goodbye_at, goodbye_until, folded_into) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(host), .blob(record.agent.bytes), .text(Self.text(record.tags)), .text(record.state.rawValue),
                .integer(record.firstContact.nanoseconds), .integer(record.lastContact.nanoseconds), .integer(record.since.nanoseconds),
                .integer(Int64(lease.lastKind.rawValue)), .integer(lease.lastDataAt.nanoseconds), .integer(lease.samplesAt.nanoseconds),
                .unsigned(lease.collections), .optional(lease.goodbye?.kind.rawValue), .optional(lease.goodbye?.saidAt.nanoseconds),
                .optional(lease.goodbye?.until.nanoseconds), .optional(lease.foldedInto),
            ]
        )
    }

    func write(_ outage: SiteOutage?, site: String) throws(SQLiteError) {
        guard let outage else {
            try connection.execute("DELETE FROM site WHERE site = ?", [.text(site)])
            return
        }
        try connection.execute(
            "INSERT OR REPLACE INTO site VALUES (?, ?, ?, ?, ?, ?)",
            [
                .text(site), .integer(outage.since.nanoseconds), .integer(outage.lastContact.nanoseconds), .text(Self.text(outage.silent)),
                .integer(Int64(outage.expected)), .optional(outage.releaseAt?.nanoseconds),
            ]
        )
    }

    private func lease(_ row: Row) throws(SQLiteError) -> HostLease {
        guard let agent = UUID(bytes: row.blob(1)), let state = HostRecord.State(rawValue: row.text(3)),
            let kind = BlockKind(rawValue: UInt8(truncatingIfNeeded: row.integer(7)))
        else { throw connection.corruption("the row of host \(row.text(0)) cannot be read") }
        let record = HostRecord(
            host: row.text(0),
            agent: agent,
            tags: Self.words(row.text(2)),
            state: state,
            firstContact: Timestamp(nanoseconds: row.integer(4)),
            lastContact: Timestamp(nanoseconds: row.integer(5)),
            since: Timestamp(nanoseconds: row.integer(6))
        )
        var goodbye: HostLease.Goodbye?
        if let kind = row.optionalText(11).flatMap({ AgentNotice.Absence(rawValue: $0) }), let until = row.optionalInteger(13) {
            let saidAt = Timestamp(nanoseconds: row.integer(12))
            goodbye = HostLease.Goodbye(kind: kind, saidAt: saidAt, until: Timestamp(nanoseconds: until))
        }
        return HostLease(
            record: record,
            lastKind: kind,
            lastDataAt: Timestamp(nanoseconds: row.integer(8)),
            samplesAt: Timestamp(nanoseconds: row.integer(9)),
            collections: row.unsigned(10),
            goodbye: goodbye,
            foldedInto: row.optionalText(14)
        )
    }

    /// A list of words as JSON.
    static func text(_ words: [String]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for word in words { writer.string(word) }
        writer.endArray()
        return writer.text
    }

    static func words(_ text: String) -> [String] { (try? JSON.parse(Array(text.utf8)))?.array?.compactMap(\.string) ?? [] }
}
