import Blocks
import JSON
import SQLite
import Sealing
import Telemetry

/// What is written, statement by statement. Always inside a transaction of the committer's; holds no truth of its own but the next position.
final class LogTables {
    let connection: Connection
    let config: StorageConfig
    /// Gives ids to clients' events.
    let id: UUID
    /// How often the log was opened, this time included.
    let opens: UInt64
    /// The last position given.
    private(set) var end: LogPosition
    private var origins: [HostIdentity: Int64] = [:]
    /// What the transaction that is open has brought, for the catalog.
    private(set) var arrivals: [Arrival] = []
    private(set) var watermarks: [(agent: UUID, lane: Lane, sequence: UInt64)] = []

    /// For small requests, some hundred commits a second.
    let packer = ZstdPacker()

    private static let endQuery = """
        SELECT max(coalesce((SELECT max(position) FROM arrivals), 0), coalesce((SELECT max(last) FROM sealed), 0),
        (SELECT value FROM meta WHERE key = 'position'))
        """
    private static let originsCachedMax = 10_000

    /// Brings the schema up to date and reads where the log ends.
    init(_ connection: Connection, config: StorageConfig, newID: UUID, countsOpen: Bool) throws(SQLiteError) {
        try LogSchema.migrations.apply(to: connection)
        let (id, opens, end) = try connection.transaction { () throws(SQLiteError) in
            try connection.execute("INSERT OR IGNORE INTO meta VALUES ('log_id', ?), ('opens', 0), ('position', 0)", [.blob(newID.bytes)])
            if countsOpen { try connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'opens'") }
            let bytes = try connection.first("SELECT value FROM meta WHERE key = 'log_id'") { (row) throws(SQLiteError) in row.blob(0) }
            guard let id = UUID(bytes: bytes ?? []) else { throw connection.corruption("meta.log_id is not a UUID") }
            let opens = try connection.first("SELECT value FROM meta WHERE key = 'opens'") { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0
            let end = try connection.first(
                Self.endQuery
            ) { (row) throws(SQLiteError) in row.unsigned(0) }
            return (id, opens, end ?? 0)
        }
        (self.connection, self.config, self.id, self.opens, self.end) = (connection, config, id, opens, end)
    }

    /// Only reads: the connection's schema is this version's, and a transaction of its is open.
    init(reading connection: Connection, config: StorageConfig) throws(SQLiteError) {
        func number(_ sql: String) throws(SQLiteError) -> UInt64 { try connection.first(sql) { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0 }
        let bytes = try connection.first("SELECT value FROM meta WHERE key = 'log_id'") { (row) throws(SQLiteError) in row.blob(0) }
        guard let id = UUID(bytes: bytes ?? []) else { throw connection.corruption("meta.log_id is not a UUID") }
        (self.connection, self.config, self.id) = (connection, config, id)
        opens = try number("SELECT value FROM meta WHERE key = 'opens'")
        end = try number(Self.endQuery)
    }

    /// One request, in a savepoint of its own: on an error nothing of it stays, and the others go on. Small requests go to ``SmallRequests``.
    func append(_ request: PreparedAppend, at now: Timestamp) throws(SQLiteError) -> AppendOutcome {
        let before = (end, arrivals.count, watermarks.count)
        do {
            return try connection.savepoint { () throws(SQLiteError) in
                switch request.origin {
                case .agent(let identity, let lane, let sequence, let checksum):
                    try append(request, of: identity, lane, sequence, checksum)
                case .client(let name, let key, let sequence, let ids):
                    try append(request, ofClient: name, key, sequence, ids, now)
                case .small: preconditionFailure("small requests are put together first")
                }
            }
        } catch {
            (end, origins) = (before.0, [:])
            arrivals.removeSubrange(before.1...)
            watermarks.removeSubrange(before.2...)
            throw error
        }
    }

    /// Forgets what a transaction that was undone had brought.
    func rollBack(to end: LogPosition) { (self.end, origins, arrivals, watermarks) = (end, [:], [], []) }

    /// The transaction is on disk: what it has brought.
    func takeNews() -> (arrivals: [Arrival], watermarks: [(UUID, Lane, UInt64)]) {
        defer { (arrivals, watermarks) = ([], []) }
        return (arrivals, watermarks.map { ($0.agent, $0.lane, $0.sequence) })
    }

    private func append(
        _ request: PreparedAppend,
        of identity: HostIdentity,
        _ lane: Lane,
        _ sequence: UInt64,
        _ checksum: UInt64
    ) throws(SQLiteError) -> AppendOutcome {
        let (agent, laneCode) = (Value.blob(identity.agent.bytes), Value.integer(Int64(lane.rawValue)))
        let watermark = try connection.first("SELECT sequence, exact FROM watermarks WHERE agent = ? AND lane = ?", [agent, laneCode]) {
            (row) throws(SQLiteError) in (sequence: row.unsigned(0), isExact: row.integer(1) != 0)
        }
        // An agent never seen before may begin anywhere: what came before went to an aggregator that is gone.
        if let watermark {
            if sequence <= watermark.sequence {
                let known = try connection.first(
                    "SELECT checksum FROM sequences WHERE agent = ? AND lane = ? AND sequence = ?",
                    [agent, laneCode, .unsigned(sequence)]
                ) { (row) throws(SQLiteError) in row.unsigned(0) }
                // Older than what is remembered: the watermark alone says that it was stored.
                return known == nil || known == checksum ? .repeated(ids: []) : .conflict
            }
            // What was acknowledged behind one that was read back is gone here and at the agent: to wait for it would be to wait for ever.
            guard sequence == watermark.sequence + 1 || !watermark.isExact else { return .outOfOrder(expected: watermark.sequence + 1) }
        }
        let origin = try origin(of: identity)
        for (index, block) in request.blocks.enumerated() {
            try insert(block, identity, origin: origin, lane: lane, sequence: sequence, block: index, receivedAt: request.receivedAt)
        }
        try note(request.reads, of: identity, at: request.receivedAt)
        watermarks.append((identity.agent, lane, sequence))
        try connection.execute("INSERT OR REPLACE INTO watermarks VALUES (?, ?, ?, 1)", [agent, laneCode, .unsigned(sequence)])
        try connection.execute("INSERT OR REPLACE INTO sequences VALUES (?, ?, ?, ?)", [agent, laneCode, .unsigned(sequence), .unsigned(checksum)])
        if sequence > config.sequencesKept {
            try connection.execute(
                "DELETE FROM sequences WHERE agent = ? AND lane = ? AND sequence <= ?",
                [agent, laneCode, .unsigned(sequence - config.sequencesKept)]
            )
        }
        return .stored(ids: [])
    }

    private func append(
        _ request: PreparedAppend,
        ofClient name: String,
        _ key: RequestKey?,
        _ sequence: UInt64,
        _ ids: [UUID],
        _ now: Timestamp
    ) throws(SQLiteError) -> AppendOutcome {
        if let key, let known = try known(key, of: name, now) { return known }
        let identity = HostIdentity(agent: id, host: "")
        let origin = try origin(of: identity)
        var (rows, repeats) = (0, 0)
        for (index, block) in request.blocks.enumerated() {
            repeats += try insert(block, identity, origin: origin, lane: .logs, sequence: sequence, block: index, receivedAt: request.receivedAt)
            rows += block.count
        }
        if let key { try remember(key, of: name, ids, now) }
        return rows > 0 && repeats == rows ? .repeated(ids: ids) : .stored(ids: ids)
    }

    /// What becomes of a request whose key is known: a repeat, or another request under the same key. Nil: the key is new.
    func known(_ key: RequestKey, of client: String, _ now: Timestamp) throws(SQLiteError) -> AppendOutcome? {
        try connection.first(
            "SELECT ids, checksum FROM keys WHERE client = ? AND key = ? AND expires_ns > ?",
            [.text(client), .text(key.text), .integer(now.nanoseconds)]
        ) { (row) throws(SQLiteError) in
            // Keys of older versions have no checksum.
            if let checksum = key.checksum, !row.isNull(1), row.unsigned(1) != checksum { return .conflict }
            return .repeated(ids: LogTables.ids(row.blob(0)))
        }
    }

    func remember(_ key: RequestKey, of client: String, _ ids: [UUID], _ now: Timestamp) throws(SQLiteError) {
        let expiry = now.advanced(by: config.idRetention)
        try connection.execute(
            "INSERT OR REPLACE INTO keys (client, key, expires_ns, ids, checksum) VALUES (?, ?, ?, ?, ?)",
            [
                .text(client), .text(key.text), .integer(expiry.nanoseconds), .blob(ids.flatMap(\.bytes)),
                key.checksum.map { .unsigned($0) } ?? .null,
            ]
        )
    }

    /// Takes a client's own id; false when it is taken already.
    func claim(_ id: UUID, position: LogPosition, row: Int) throws(SQLiteError) -> Bool {
        try connection.execute("INSERT OR IGNORE INTO client_ids VALUES (?, ?, ?)", [.blob(id.bytes), .unsigned(position), .integer(Int64(row))])
        return connection.changes > 0
    }

    /// Inserts a block, unless all of its rows are repeats. Returns how many are.
    @discardableResult
    private func insert(
        _ block: PreparedBlock,
        _ identity: HostIdentity,
        origin: Int64,
        lane: Lane,
        sequence: UInt64,
        block index: Int,
        receivedAt: Timestamp
    ) throws(SQLiteError) -> Int {
        var repeated = [UInt32]()
        for (row, id) in block.ids where try !claim(id, position: end + 1, row: Int(row)) { repeated.append(row) }
        if block.count > 0, repeated.count == block.count { return repeated.count }
        let stored = StoredBlock(
            position: end + 1,
            kind: block.kind,
            bytes: block.bytes,
            count: block.count,
            from: block.from,
            to: block.to,
            receivedAt: receivedAt,
            origin: RowOrigin(agent: identity.agent, lane: lane, sequence: sequence, block: UInt32(index), row: 0),
            host: identity.host,
            tags: identity.tags,
            repeatedRows: repeated
        )
        try insert(stored, origin: origin, encoding: block.encoding, frame: block.stored)
        return repeated.count
    }

    /// Inserts a block that is complete.
    func insert(_ block: StoredBlock, origin: Int64, encoding: PreparedBlock.Encoding, frame: [UInt8]) throws(SQLiteError) {
        var repeated = [UInt8]()
        for row in block.repeatedRows { for shift: UInt32 in [0, 8, 16, 24] { repeated.append(UInt8(truncatingIfNeeded: row >> shift)) } }
        try connection.execute(
            "INSERT INTO arrivals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .unsigned(block.position), .integer(Int64(block.kind.rawValue)), .integer(Int64(block.count)), .integer(block.from.nanoseconds),
                .integer(block.to.nanoseconds), .integer(block.receivedAt.nanoseconds), .integer(origin),
                .integer(Int64(block.origin.lane.rawValue)), .unsigned(block.origin.sequence), .integer(Int64(block.origin.block)),
                .integer(Int64(block.bytes.count)), .integer(encoding.rawValue), repeated.isEmpty ? .null : .blob(repeated), .blob(frame),
            ]
        )
        end = block.position
        arrivals.append(Arrival(block))
    }

    func origin(of identity: HostIdentity) throws(SQLiteError) -> Int64 {
        if let known = origins[identity] { return known }
        var writer = JSONWriter()
        writer.beginArray()
        for tag in identity.tags { writer.string(tag) }
        writer.endArray()
        let values: [Value] = [.blob(identity.agent.bytes), .text(identity.host), .text(writer.text)]
        try connection.execute("INSERT OR IGNORE INTO origins (agent, host, tags) VALUES (?, ?, ?)", values)
        let found = try connection.first("SELECT id FROM origins WHERE agent = ? AND host = ? AND tags = ?", values) {
            (row) throws(SQLiteError) in row.integer(0)
        }
        guard let found else { throw connection.corruption("an origin that was just stored is not there") }
        if origins.count >= Self.originsCachedMax { origins.removeAll() }
        origins[identity] = found
        return found
    }

    private static func ids(_ bytes: [UInt8]) -> [UUID] {
        stride(from: 0, to: bytes.count - bytes.count % 16, by: 16).compactMap { UUID(bytes: bytes[$0..<$0 + 16]) }
    }
}
