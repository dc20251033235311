import Blocks
import SQLite
import Sealing
import Telemetry

/// The small requests of clients that wait for one commit, put together into one arrival: one block, one row in the journal, one frame.
struct SmallRequests: ~Copyable {
    private let tables: LogTables
    private let now: Timestamp
    private let sequence: UInt64
    private let position: LogPosition
    private var encoder = EventBlockEncoder()
    private var repeated: [UInt32] = []
    private var (from, to) = (Timestamp.distantFuture, Timestamp.distantPast)
    private var receivedAt: Timestamp?

    /// - Parameter sequence: never used before.
    init(_ tables: LogTables, sequence: UInt64, at now: Timestamp) {
        (self.tables, self.sequence, self.now, position) = (tables, sequence, now, tables.end + 1)
    }

    /// Takes a request; its outcome holds once ``finish()`` was called and the transaction is on disk.
    mutating func append(_ request: PreparedAppend) throws(SQLiteError) -> AppendOutcome {
        guard case .small(let name, let key) = request.origin else { preconditionFailure("not a small request") }
        if let key, let known = try tables.known(key, of: name, now) { return known }
        guard let events = request.blocks.first?.events else { preconditionFailure("a small request has one block") }
        let start = encoder.count
        var ids = [UUID]()
        var repeats = [UInt32]()
        for index in 0..<events.count {
            let row = start + index
            if !events.ids.isEmpty, let id = events.ids[UInt32(index)] {
                ids.append(id)
                if try !tables.claim(id, position: position, row: row) { repeats.append(UInt32(row)) }
            } else {
                let origin = RowOrigin(agent: tables.id, lane: .logs, sequence: sequence, block: 0, row: UInt32(row))
                ids.append(.derived(at: Timestamp(nanoseconds: events.timestamps[index]), from: origin))
            }
        }
        if let key { try tables.remember(key, of: name, ids, now) }
        guard repeats.count < events.count || events.count == 0 else { return .repeated(ids: ids) }
        encoder.append(events)
        repeated += repeats
        (from, to) = (min(from, events.header.from), max(to, events.header.to))
        receivedAt = min(receivedAt ?? request.receivedAt, request.receivedAt)
        return .stored(ids: ids)
    }

    /// Inserts the arrival, if there is anything in it.
    func finish() throws(SQLiteError) {
        guard encoder.count > 0 else { return }
        let bytes = encoder.finish()
        let frame = Zstd.compress(bytes)
        let identity = HostIdentity(agent: tables.id, host: "")
        let block = StoredBlock(
            position: position,
            kind: .events,
            bytes: bytes,
            count: encoder.count,
            from: from,
            to: to,
            receivedAt: receivedAt ?? now,
            origin: RowOrigin(agent: tables.id, lane: .logs, sequence: sequence, block: 0, row: 0),
            host: "",
            repeatedRows: repeated
        )
        try tables.insert(block, origin: tables.origin(of: identity), encoding: frame == nil ? .plain : .zstd, frame: frame ?? bytes)
    }
}
