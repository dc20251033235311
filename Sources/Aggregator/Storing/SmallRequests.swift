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
        guard let block = request.blocks.first, let rows = block.rows else { preconditionFailure("a small request has one block") }
        var (ids, repeats) = ([UUID](), [UInt32]())
        ids.reserveCapacity(block.count)
        switch rows {
        case .one(let event): try identify(event.id, at: event.timestamp, row: encoder.count, &ids, &repeats)
        case .several(let events):
            for row in 0..<events.count {
                let own = events.ids.isEmpty ? nil : events.ids[UInt32(row)]
                try identify(own, at: Timestamp(nanoseconds: events.timestamps[row]), row: encoder.count + row, &ids, &repeats)
            }
        }
        if let key { try tables.remember(key, of: name, ids, now) }
        guard repeats.count < block.count || block.count == 0 else { return .repeated(ids: ids) }
        let bounds: (from: Timestamp, to: Timestamp)
        switch rows {
        case .one(let event):
            encoder.append(event)
            bounds = (event.timestamp, event.timestamp)
        case .several(let events):
            encoder.append(events)
            bounds = (events.header.from, events.header.to)
        }
        repeated += repeats
        (from, to) = (min(from, bounds.from), max(to, bounds.to))
        receivedAt = min(receivedAt ?? request.receivedAt, request.receivedAt)
        return .stored(ids: ids)
    }

    /// The client's own id, or one derived from where the row will stand.
    private func identify(_ own: UUID?, at time: Timestamp, row: Int, _ ids: inout [UUID], _ repeats: inout [UInt32]) throws(SQLiteError) {
        if let own {
            ids.append(own)
            if try !tables.claim(own, position: position, row: row) { repeats.append(UInt32(row)) }
        } else {
            ids.append(.derived(at: time, from: RowOrigin(agent: tables.id, lane: .logs, sequence: sequence, block: 0, row: UInt32(row))))
        }
    }

    /// Inserts the arrival, if there is anything in it.
    func finish() throws(SQLiteError) {
        guard encoder.count > 0 else { return }
        let bytes = encoder.finish()
        let packed = tables.packer.frame(bytes)
        let frame = packed.count < bytes.count ? packed : nil
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
