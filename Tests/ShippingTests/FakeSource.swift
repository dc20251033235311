import Operating
import Synchronization
import Telemetry
import Wire

/// A spool in memory.
actor FakeSource: BatchSource {
    private var agent = UUID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)
    private var batches: [SealedBatch] = []
    private var next: [Lane: UInt64] = [:]
    private(set) var aside: [(sequence: UInt64, reason: String)] = []
    private(set) var renewals: [String] = []
    private(set) var splits = 0
    private let loans = Mutex<Set<String>>([])
    private let bell = Bell()
    private let listener = Mutex<@Sendable () -> Void>({})
    var failure: SinkError?

    func fail(with error: SinkError?) { failure = error }

    func add(_ lane: Lane, bytes: Int = 10, count: Int = 1) {
        for _ in 0..<count {
            let sequence = next[lane, default: 1]
            next[lane] = sequence + 1
            var generator = Noise(state: sequence)
            let block = (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let batch = Batch(
                identity: HostIdentity(agent: agent, host: "web-1"),
                lane: lane,
                sequence: sequence,
                createdAt: Timestamp(nanoseconds: 0),
                blocks: [block]
            )
            batches.append(Wire.seal(batch))
        }
        batches.sort { ($0.lane, $0.sequence) < ($1.lane, $1.sequence) }
        ring()
    }

    var isEmpty: Bool { batches.isEmpty }
    var onLoan: Int { loans.withLock { $0.count } }

    func identity() throws(SinkError) -> HostIdentity { HostIdentity(agent: agent, host: "web-1") }

    func lease(of lanes: [Lane], upToBytes bytes: Int) throws(SinkError) -> Lease? {
        if let failure { throw failure }
        var (taken, total) = ([SealedBatch](), 0)
        for batch in batches where lanes.contains(batch.lane) && !loans.withLock({ $0.contains(Self.key(batch)) }) {
            guard taken.isEmpty || total + batch.bytes.count <= bytes else { break }
            taken.append(batch)
            total += batch.bytes.count
        }
        guard !taken.isEmpty else { return nil }
        loans.withLock { $0.formUnion(taken.map(Self.key)) }
        return Lease(taken, of: agent) { [self] batches in
            loans.withLock { $0.subtract(batches.map(Self.key)) }
            ring()
        }
    }

    nonisolated func tellArrivals(_ ring: @escaping @Sendable () -> Void) { listener.withLock { $0 = ring } }

    private nonisolated func ring() {
        bell.ring()
        listener.withLock { $0 }()
    }

    nonisolated func waitForBatches(of lanes: [Lane]) async {
        while !Task.isCancelled {
            let seen = bell.rings
            if await hasLeasable(of: lanes) { return }
            await bell.wait(after: seen)
        }
    }

    private func hasLeasable(of lanes: [Lane]) -> Bool {
        batches.contains { batch in lanes.contains(batch.lane) && !loans.withLock { $0.contains(Self.key(batch)) } }
    }

    func acknowledge(_ acknowledgement: Acknowledgement, of agent: UUID) throws(SinkError) {
        batches.removeAll { $0.sequence <= acknowledgement.lanes[$0.lane] ?? 0 }
    }

    func setAside(_ batch: SealedBatch, of agent: UUID, reason: String) throws(SinkError) {
        aside.append((batch.sequence, reason))
        batches.removeAll { $0.lane == batch.lane && $0.sequence == batch.sequence }
    }

    /// Every second byte of the block in a batch of its own at the end; one byte cannot be divided.
    func split(_ batch: SealedBatch, of agent: UUID) throws(SinkError) -> Bool {
        splits += 1
        guard let index = batches.firstIndex(where: { Self.key($0) == Self.key(batch) }),
            var opened = try? Wire.open(batch.bytes, inflatedBytesMax: 1 << 30)[0].batch, opened.blocks[0].count > 1
        else { return false }
        let block = opened.blocks[0]
        opened.blocks = [Array(block[..<(block.count / 2)])]
        batches[index] = Wire.seal(opened)
        opened.blocks = [Array(block[(block.count / 2)...])]
        opened.sequence = next[batch.lane, default: 1]
        next[batch.lane] = opened.sequence + 1
        batches.append(Wire.seal(opened))
        batches.sort { ($0.lane, $0.sequence) < ($1.lane, $1.sequence) }
        return true
    }

    func resolveConflict(over batch: SealedBatch, of agent: UUID, reason: String) throws(SinkError) -> Bool {
        renewals.append(reason)
        return true
    }

    private static func key(_ batch: SealedBatch) -> String { "\(batch.lane) \(batch.sequence)" }

    private struct Noise: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }
}
