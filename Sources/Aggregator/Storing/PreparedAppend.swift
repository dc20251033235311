import Blocks
import Sealing
import Synchronization
import Telemetry

/// A batch made ready on the task of whoever brought it: compressed, its events' ids known. The committer only inserts.
struct PreparedAppend: Sendable {
    /// Rows up to which clients' requests that wait for the same commit are put together into one arrival: a block, a row and a frame each would cost
    /// more than all the rest of a request of one event.
    static let smallRowsMax = 64

    enum Origin: Sendable {
        case agent(HostIdentity, lane: Lane, sequence: UInt64, checksum: UInt64)
        /// `sequence` was never used before; `ids` are those of the events in order.
        case client(name: String, key: RequestKey?, sequence: UInt64, ids: [UUID])
        /// Few events; the committer puts them together with others.
        case small(name: String, key: RequestKey?)
    }

    let origin: Origin
    let receivedAt: Timestamp
    let blocks: [PreparedBlock]
    /// Of an agent's lines.
    let reads: [ReadRange]
    /// About how much it takes on disk and in the queue.
    let bytes: Int

    /// - Parameter clientSequence: called for a client's request only.
    init(_ batch: AdmittedBatch, log: UUID, clientSequence: () -> UInt64) throws(LogError) {
        var blocks = [PreparedBlock]()
        var ids = [UUID]()
        switch batch.origin {
        case .agent(let identity, let lane, let sequence, let checksum):
            for block in batch.blocks { blocks.append(PreparedBlock(block)) }
            origin = .agent(identity, lane: lane, sequence: sequence, checksum: checksum)
        case .client(let name, let key, let checksum)
        where batch.blocks.count == 1 && batch.blocks[0].kind == .events && batch.blocks[0].count <= Self.smallRowsMax:
            blocks = [try PreparedBlock(small: batch.blocks[0])]
            origin = .small(name: name, key: RequestKey(key, checksum))
        case .client(let name, let key, let checksum):
            let sequence = clientSequence()
            for (index, block) in batch.blocks.enumerated() {
                let origin = RowOrigin(agent: log, lane: .logs, sequence: sequence, block: UInt32(index), row: 0)
                blocks.append(try PreparedBlock(block, idsFrom: origin, into: &ids))
            }
            origin = .client(name: name, key: RequestKey(key, checksum), sequence: sequence, ids: ids)
        }
        (self.blocks, receivedAt, reads) = (blocks, batch.receivedAt, batch.reads)
        bytes = blocks.reduce(256 + 16 * ids.count + 128 * reads.count) { $0 + $1.bytes.count + 24 * $1.ids.count + 128 }
    }
}

/// The idempotency key of a client's request, and the checksum that tells another request under the same key.
struct RequestKey: Sendable {
    let text: String
    let checksum: UInt64?

    /// Nil without a key.
    init?(_ text: String?, _ checksum: UInt64?) {
        guard let text else { return nil }
        (self.text, self.checksum) = (text, checksum)
    }
}

/// The events of a small request.
enum SmallRows: Sendable {
    case one(SingleEvent)
    case several(EventBlock)
}

struct PreparedBlock: Sendable {
    enum Encoding: Int64, Sendable {
        case plain = 0
        /// One frame.
        case zstd
        /// Frames as an agent sent them: inflated, their last bytes are the block, and what its batch says of itself stands before it.
        case batch
    }

    /// Bytes that may stand before a block in its batch; where more do, it is packed by itself.
    static let batchHeadMax = 1 << 16

    let kind: BlockKind
    let count: Int
    let from: Timestamp
    let to: Timestamp
    /// As it came; of a single event its texts.
    let bytes: [UInt8]
    let encoding: Encoding
    /// As the journal keeps it.
    let stored: [UInt8]
    /// The clients' own ids, by row.
    let ids: [(row: UInt32, id: UUID)]
    /// Of a small request only: they are encoded again with others.
    let rows: SmallRows?

    init(_ block: AdmittedBlock) {
        var block = block
        if block.event != nil { block.bytes = block.encoded }
        (kind, count, from, to, bytes) = (block.kind, block.count, block.from, block.to, block.bytes)
        (encoding, stored) = Self.pack(block)
        ids = block.ids.isEmpty ? [] : block.ids.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        rows = nil
    }

    /// As it came where that is known: an agent has packed it already. What is sealed within the minute is packed quickly rather than well.
    private static func pack(_ block: AdmittedBlock) -> (Encoding, [UInt8]) {
        let count = block.bytes.count
        if !block.packed.isEmpty, block.packed.count < count, let inflated = Zstd.announcedBytes(block.packed),
            (count...count + batchHeadMax).contains(inflated)
        {
            return (.batch, block.packed)
        }
        return Zstd.compress(block.bytes, hashLog: 12).map { (.zstd, $0) } ?? (.plain, block.bytes)
    }

    /// Appends the events' identifiers: the clients' own, or those derived from where they stand.
    init(_ block: AdmittedBlock, idsFrom origin: RowOrigin, into all: inout [UUID]) throws(LogError) {
        // Whoever encoded the block just now has told its times.
        let timestamps = block.timestamps.count == block.count ? block.timestamps : try PreparedBlock.decode(block).timestamps
        var origin = origin
        for row in 0..<block.count {
            if !block.ids.isEmpty, let id = block.ids[UInt32(row)] {
                all.append(id)
            } else {
                origin.row = UInt32(row)
                all.append(.derived(at: Timestamp(nanoseconds: timestamps[row]), from: origin))
            }
        }
        self.init(block)
    }

    init(small block: AdmittedBlock) throws(LogError) {
        rows = if let event = block.event { .one(event) } else { .several(try PreparedBlock.decode(block)) }
        (kind, count, from, to, bytes) = (block.kind, block.count, block.from, block.to, block.event?.bytes ?? block.bytes)
        (encoding, stored, ids) = (.plain, [], [])
    }

    private static func decode(_ block: AdmittedBlock) throws(LogError) -> EventBlock {
        do { return try EventBlock(decoding: block.encoded) } catch {
            throw .failed("a block that was to be stored cannot be read (\(error)): nothing of its batch was stored")
        }
    }
}

/// Where the committer leaves what became of a request, and where its sender waits for it.
final class Ticket: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Void, Never>)
        case settled(Result<AppendOutcome, LogError>)
    }

    let request: PreparedAppend
    private let state = Mutex(State.open)

    init(_ request: PreparedAppend) { self.request = request }

    /// Once.
    func settle(_ result: Result<AppendOutcome, LogError>) {
        let sender: CheckedContinuation<Void, Never>? = state.withLock { state in
            defer { state = .settled(result) }
            if case .awaited(let sender) = state { return sender }
            return nil
        }
        sender?.resume()
    }

    /// Suspends until the round that takes this ticket is on disk. One sender only; a cancelled one waits too, because its data is stored.
    func wait() async {
        await withCheckedContinuation { sender in
            let isSettled = state.withLock { state in
                if case .settled = state { return true }
                state = .awaited(sender)
                return false
            }
            if isSettled { sender.resume() }
        }
    }

    /// Throws when the round that should have settled it did not come: the log is closed.
    func outcome() throws(LogError) -> AppendOutcome {
        guard case .settled(let result) = state.withLock({ $0 }) else { throw .closed }
        return try result.get()
    }
}

/// What waits for the next commit. Bounded: beyond its limits a request is refused at once.
final class AppendQueue: Sendable {
    private struct State {
        var tickets: [Ticket] = []
        var bytes = 0
        var isClosed = false
        /// Somebody is on the way to the committer and will take what is here.
        var isCalled = false
    }

    private let state = Mutex(State())
    private let requestsMax: Int
    private let bytesMax: Int

    init(requestsMax: Int, bytesMax: Int) { (self.requestsMax, self.bytesMax) = (requestsMax, bytesMax) }

    var count: Int { state.withLock { $0.tickets.count } }

    /// All of them or none, next to each other.
    /// - Returns: whether the caller must call the committer; if not, who came before does it, for these too.
    @discardableResult
    func push(_ tickets: [Ticket]) throws(LogError) -> Bool {
        let bytes = tickets.reduce(0) { $0 + $1.request.bytes }
        let pushed: Result<Bool, LogError> = state.withLock { state in
            if state.isClosed { return .failure(.closed) }
            // A request larger than the limit passes when nothing else waits, or it would never pass.
            let isOver = state.tickets.count + tickets.count > requestsMax || state.bytes + bytes > bytesMax
            if isOver, !state.tickets.isEmpty {
                return .failure(
                    .busy("\(state.tickets.count) requests (\(state.bytes) bytes) wait to be written: send again later; check that the disk keeps up")
                )
            }
            state.tickets += tickets
            state.bytes += bytes
            defer { state.isCalled = true }
            return .success(!state.isCalled)
        }
        return try pushed.get()
    }

    func takeAll() -> [Ticket] {
        state.withLock { state in
            defer { (state.tickets, state.bytes, state.isCalled) = ([], 0, false) }
            return state.tickets
        }
    }

    func close() { state.withLock { $0.isClosed = true } }
}
