import Blocks
import SQLite
import Telemetry
import Wire

/// A damaged spool as a reader sees it: each question is answered as far as it can be, and a row is believed only when its checksum holds.
final class SalvageSource {
    /// What the ledger index says of a batch.
    struct Entry: Sendable {
        var rows: UInt64
        var from: Int64
        var to: Int64
        var bytes: UInt64
    }

    struct BatchRow: Sendable {
        var generation: Int64
        var createdAt: Int64
        var rows: UInt64
        var from: Int64
        var to: Int64
        var bytes: [UInt8]
    }

    private let connection: Connection?
    private let isCurrent: Bool
    /// Tables that were cut off look empty, and are not known to be.
    private let hasEmptyRoots: Bool

    init(path: String) {
        // Without its first page a file is no database at all. That page can be made again, in a copy.
        connection =
            Self.open(path) ?? FirstPage.mendedCopy(of: path, withSchema: false).flatMap { Self.open($0) }
            ?? FirstPage.mendedCopy(of: path, withSchema: true).flatMap { Self.open($0) }
        hasEmptyRoots = connection.map { $0.path != path && FirstPage.isShort(path) } ?? true
        let version = try? connection?.pragma("user_version")
        isCurrent = (version ?? 0) == Int64(SpoolSchema.version)
    }

    deinit { FirstPage.removeCopy(connection?.path) }

    /// Nil when not even the schema can be read.
    private static func open(_ path: String) -> Connection? {
        var options = ConnectionOptions.readOnly
        options.busyTimeout = .zero
        guard let connection = try? Connection(path: path, options: options),
            let tables = try? connection.first("SELECT count(*) FROM sqlite_schema WHERE name IN ('batch', 'lane', 'meta')", [], { $0.integer(0) })
        else { return nil }
        return tables == 3 ? connection : nil
    }

    /// Rows in order of the key until one cannot be read, and from the end back to there.
    private func rows<Element>(_ sql: String, _ make: (Row) -> Element?) -> (elements: [Element], isWhole: Bool) {
        guard let connection else { return ([], false) }
        var forward: [Element] = []
        do throws(SQLiteError) {
            try connection.forEach(sql + " ASC") { (row) throws(SQLiteError) in
                if let element = make(row) { forward.append(element) }
                return true
            }
            return (forward, true)
        } catch {
            var backward: [Element] = []
            try? connection.forEach(sql + " DESC") { (row) throws(SQLiteError) in
                if let element = make(row) { backward.append(element) }
                return true
            }
            return (forward + backward.reversed(), false)
        }
    }

    // MARK: Batches

    func ledger() -> [BatchKey: Entry] {
        guard isCurrent else { return [:] }
        let found = rows("SELECT key, row_count, from_at, to_at, size FROM batch INDEXED BY batch_ledger ORDER BY key") { row in
            (BatchKey(rawValue: row.integer(0)), Entry(rows: row.unsigned(1), from: row.integer(2), to: row.integer(3), bytes: row.unsigned(4)))
        }
        return Dictionary(found.elements, uniquingKeysWith: { first, _ in first })
    }

    /// Nil when it is not there or does not hold what it was sealed from.
    func batch(_ key: BatchKey) -> BatchRow? {
        let sql = "SELECT generation, created_at, row_count, from_at, to_at, bytes FROM batch NOT INDEXED WHERE key = ?"
        let found = try? connection?.first(sql, [.integer(key.rawValue)]) { (row) throws(SQLiteError) in
            BatchRow(
                generation: row.integer(0),
                createdAt: row.integer(1),
                rows: row.unsigned(2),
                from: row.integer(3),
                to: row.integer(4),
                bytes: row.blob(5)
            )
        }
        guard let row = found ?? nil, let batch = Self.open(row.bytes) else { return nil }
        return batch.lane == key.lane ? row : nil
    }

    /// Which bytes of which files a batch's lines are.
    func reads(of key: BatchKey) -> [ReadRange] { batch(key).flatMap { Self.open($0.bytes) }?.reads ?? [] }

    private static func open(_ bytes: [UInt8]) -> Batch? {
        guard let batch = (try? Wire.open(bytes, inflatedBytesMax: SpoolStore.inflatedBytesMax))?.first?.batch else { return nil }
        // Wire checks the frame; a block has its own checksum.
        for block in batch.blocks where (try? BlockHeader(decoding: block)) == nil { return nil }
        return batch
    }

    func runs() -> [(run: SpoolStore.Run, isFixed: Bool)] {
        rows(
            "SELECT first, last, created_at, gap, source, reason, from_at, to_at, row_count, size, detail, is_fixed FROM skipped ORDER BY first"
        ) { row -> (run: SpoolStore.Run, isFixed: Bool)? in
            let run = SpoolStore.Run(row)
            guard run.first <= run.last, run.first.lane != nil, run.first.lane == run.last.lane else { return nil }
            return (run, row.integer(11) != 0)
        }.elements
    }

    // MARK: Numbers

    /// The spool's numbers; where their rows are damaged what the batches say of themselves. Nil when nothing can be read.
    func state() -> SpoolState? {
        guard let connection else { return nil }
        if isCurrent, let state = try? SpoolStore.loadState(connection) { return state }
        var keys = Set(ledger().keys)
        keys.formUnion(rows("SELECT key FROM batch NOT INDEXED ORDER BY key") { BatchKey(rawValue: $0.integer(0)) }.elements)
        let given = runs().map(\.run)
        var state: SpoolState?
        for key in keys.sorted().reversed() {
            guard let row = batch(key), let batch = Self.open(row.bytes), batch.sequence <= key.sequence else { continue }
            if let known = state, known.generation >= row.generation { continue }
            state = SpoolState(agent: batch.identity.agent)
            state?.generation = row.generation
        }
        guard var state else { return nil }
        for lane in Lane.allCases {
            let firsts = keys.filter { $0.lane == lane }.map(\.sequence) + given.filter { $0.first.lane == lane }.map(\.first.sequence)
            let lasts = keys.filter { $0.lane == lane }.map(\.sequence) + given.filter { $0.first.lane == lane }.map(\.last.sequence)
            guard let first = firsts.min(), let last = lasts.max() else { continue }
            state[lane].acknowledged = first - 1
            (state[lane].next, state[lane].base) = (last + 1, first - 1)
            for key in keys.sorted().reversed() where key.lane == lane {
                guard let row = batch(key), row.generation == state.generation, let batch = Self.open(row.bytes) else { continue }
                state[lane].base = key.sequence - batch.sequence
                break
            }
        }
        return state
    }

    // MARK: The rest

    /// Read positions, alert states and counters; false when some of them may be missing.
    func checkpoint() -> (Checkpoint, isWhole: Bool) {
        guard let connection else { return (Checkpoint(), false) }
        var checkpoint = Checkpoint()
        let check = isCurrent ? "row_check" : "0"
        let columns = isCurrent ? SpoolStore.positionColumns : "device, inode, path, offset, head_hash, head_length, 0, 0, x''"
        let table = rows("SELECT \(columns), \(check) FROM position NOT INDEXED ORDER BY device, inode") { row -> (ReadPosition, isSure: Bool)? in
            let position = ReadPosition(row)
            return (position, isSure: row.unsigned(9) == 0 || row.unsigned(9) == SpoolStore.check(position))
        }
        var positions: [FileKey: ReadPosition] = [:]
        for (position, isSure) in table.elements where isSure { positions[FileKey(position)] = position }
        var isWhole = table.isWhole && positions.count == table.elements.count
        if !isWhole, isCurrent {
            let copy = rows("SELECT \(columns) FROM position INDEXED BY position_copy ORDER BY inode, device") { ReadPosition($0) }
            for position in copy.elements where positions[FileKey(position)] == nil { positions[FileKey(position)] = position }
            isWhole = copy.isWhole
        }
        checkpoint.positions = positions.values.sorted { ($0.device, $0.inode) < ($1.device, $1.inode) }
        do throws(SQLiteError) {
            let block = try connection.first("SELECT alerts FROM judgement") { (row) throws(SQLiteError) in row.blob(0) }
            if let block { checkpoint.alerts = (try? AlertBlock(decoding: block))?.alerts ?? [] }
        } catch { isWhole = false }
        let patterns = rows("SELECT name, matches FROM pattern ORDER BY name") { ($0.text(0), $0.unsigned(1)) }
        for (name, matches) in patterns.elements { checkpoint.patternMatches[name] = matches }
        let notes = rows("SELECT name, text FROM note ORDER BY name") { ($0.text(0), $0.text(1)) }
        for (name, text) in notes.elements { checkpoint.notes[name] = text }
        return (checkpoint, isWhole && !hasEmptyRoots && patterns.isWhole && (notes.isWhole || !isCurrent))
    }

    private struct FileKey: Hashable {
        var device: UInt64
        var inode: UInt64
        init(_ position: ReadPosition) { (device, inode) = (position.device, position.inode) }
    }

    func refused() -> [[Value]] {
        rows("SELECT lane, sequence, refused_at, reason, bytes FROM refused ORDER BY id") { row in
            [.integer(row.integer(0)), .integer(row.integer(1)), .integer(row.integer(2)), .text(row.text(3)), .blob(row.blob(4))]
        }.elements
    }

    func gaps() -> [[Value]] {
        rows("SELECT source, reason, from_at, to_at, count, bytes, detail FROM gap ORDER BY id") { row in
            [.text(row.text(0)), .text(row.text(1))] + (2...5).map { .integer(row.integer($0)) } + [.text(row.text(6))]
        }.elements
    }

    func gapCounts() -> [Gap.Reason: UInt64] {
        let counts = rows("SELECT reason, count FROM gap_count ORDER BY reason") { (Gap.Reason(rawValue: $0.text(0)), $0.unsigned(1)) }
        var known: [Gap.Reason: UInt64] = [:]
        for (reason, count) in counts.elements { if let reason { known[reason] = count } }
        return known
    }
}
