import Blocks
import Synchronization
import Telemetry

/// A batch made ready on the task of whoever brought it: compressed, summed up, its events' ids known. The committer only inserts.
struct PreparedAppend: Sendable {
    enum Origin: Sendable {
        case agent(HostIdentity, lane: Lane, sequence: UInt64, checksum: UInt64)
        /// `sequence` was never used before; `ids` are those of the events in order.
        case client(name: String, key: String?, sequence: UInt64, ids: [UUID])
    }

    let origin: Origin
    let receivedAt: Timestamp
    let blocks: [PreparedBlock]
    /// About how much it takes on disk and in the queue.
    let bytes: Int

    /// - Parameter clientSequence: called for a client's request only.
    init(_ batch: AdmittedBatch, log: UUID, clientSequence: () -> UInt64) throws(LogError) {
        var blocks = [PreparedBlock]()
        var ids = [UUID]()
        switch batch.origin {
        case .agent(let identity, let lane, let sequence, let checksum):
            for block in batch.blocks { blocks.append(try PreparedBlock(block, ids: nil)) }
            origin = .agent(identity, lane: lane, sequence: sequence, checksum: checksum)
        case .client(let name, let key):
            let sequence = clientSequence()
            for (index, block) in batch.blocks.enumerated() {
                let origin = RowOrigin(agent: log, lane: .logs, sequence: sequence, block: UInt32(index), row: 0)
                blocks.append(try PreparedBlock(block) { ids.append($0.id(of: $1, from: origin)) })
            }
            origin = .client(name: name, key: key, sequence: sequence, ids: ids)
        }
        (self.blocks, receivedAt) = (blocks, batch.receivedAt)
        bytes = blocks.reduce(256 + 16 * ids.count) { $0 + $1.stored.count + 24 * $1.ids.count + 128 }
    }
}

extension EventBlock {
    /// The row's id: the client's own, or the one derived from where it stands.
    fileprivate func id(of row: Int, from origin: RowOrigin) -> UUID {
        if let id = ids[UInt32(row)] { return id }
        var origin = origin
        origin.row = UInt32(row)
        return .derived(at: Timestamp(nanoseconds: timestamps[row]), from: origin)
    }
}

struct PreparedBlock: Sendable {
    enum Encoding: Int64, Sendable { case plain = 0, zstd = 1 }

    let kind: BlockKind
    let count: Int
    let from: Timestamp
    let to: Timestamp
    /// Bytes before compression.
    let length: Int
    let encoding: Encoding
    let stored: [UInt8]
    let summary: [UInt8]?
    /// The clients' own ids, by row.
    let ids: [(row: UInt32, id: UUID)]

    /// - Parameter visit: called for each row of a block of events.
    init(_ block: AdmittedBlock, ids visit: ((EventBlock, Int) -> Void)?) throws(LogError) {
        if block.kind == .events {
            let decoded: EventBlock
            do { decoded = try EventBlock(decoding: block.bytes) } catch {
                throw .failed("a block that was to be stored cannot be read (\(error)): nothing of its batch was stored")
            }
            summary = SummaryCoding.encode(decoded)
            if let visit { for row in 0..<decoded.count { visit(decoded, row) } }
        } else {
            summary = nil
        }
        let frame = Zstd.compress(block.bytes)
        (kind, count, from, to, length) = (block.kind, block.count, block.from, block.to, block.bytes.count)
        (encoding, stored) = frame.map { (.zstd, $0) } ?? (.plain, block.bytes)
        ids = block.ids.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// Where the committer leaves what became of a request.
final class Ticket: Sendable {
    let request: PreparedAppend
    private let result = Mutex<Result<AppendOutcome, LogError>?>(nil)

    init(_ request: PreparedAppend) { self.request = request }

    func settle(_ result: Result<AppendOutcome, LogError>) { self.result.withLock { $0 = result } }

    /// Throws when the round that should have settled it did not come: the log is closed.
    func outcome() throws(LogError) -> AppendOutcome {
        guard let result = result.withLock({ $0 }) else { throw .closed }
        return try result.get()
    }
}

/// What waits for the next commit. Bounded: beyond its limits a request is refused at once.
final class AppendQueue: Sendable {
    private struct State {
        var tickets: [Ticket] = []
        var bytes = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let requestsMax: Int
    private let bytesMax: Int

    init(requestsMax: Int, bytesMax: Int) { (self.requestsMax, self.bytesMax) = (requestsMax, bytesMax) }

    var count: Int { state.withLock { $0.tickets.count } }

    /// All of them or none, next to each other.
    func push(_ tickets: [Ticket]) throws(LogError) {
        let bytes = tickets.reduce(0) { $0 + $1.request.bytes }
        let refusal: LogError? = state.withLock { state in
            if state.isClosed { return .closed }
            // A request larger than the limit passes when nothing else waits, or it would never pass.
            let isOver = state.tickets.count + tickets.count > requestsMax || state.bytes + bytes > bytesMax
            if isOver, !state.tickets.isEmpty {
                return .busy(
                    "\(state.tickets.count) requests (\(state.bytes) bytes) wait to be written: send again later; check that the disk keeps up"
                )
            }
            state.tickets += tickets
            state.bytes += bytes
            return nil
        }
        if let refusal { throw refusal }
    }

    func takeAll() -> [Ticket] {
        state.withLock { state in
            defer { (state.tickets, state.bytes) = ([], 0) }
            return state.tickets
        }
    }

    func close() { state.withLock { $0.isClosed = true } }
}
