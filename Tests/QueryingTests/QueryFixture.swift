import Blocks
import Logging
import Operating
import Synchronization
import Telemetry
import TestSupport

@testable import Storing

/// When what is stored becomes sealed blocks.
enum Sealing: CaseIterable, Sendable { case never, sometimes, always }

/// A real log in a folder of its own, filled through its own door.
final class QueryFixture: Sendable {
    static let noon = Timestamp(nanoseconds: 1_793_534_400_000_000_000)
    static let agent = UUID(high: 0x1111_2222_3333_7444, low: 0x8555_6666_7777_8888)

    let folder: TemporaryFolder
    let time = ManualTime(now: noon)
    let log: Log
    private let sequences = Mutex<[UUID: UInt64]>([:])

    private let sealing: Sealing
    private let stores = Mutex(0)

    init(_ sealing: Sealing = .never, retaining sources: [String: Duration] = [:]) async throws {
        self.sealing = sealing
        folder = try TemporaryFolder()
        let config = StorageConfig(path: folder("log"), diskReserve: 0, sourceRetention: sources)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        log = try await Log.open(config, newID: UUID(high: 0xA, low: 0xB), time: time, metrics: MetricsRegistry(), logger: logger)
    }

    private func sealNowAndThen() async throws {
        let count = stores.withLock { count in
            count += 1
            return count
        }
        if sealing == .always || sealing == .sometimes && count % 3 == 2 { try await log.sealAll() }
    }

    /// One block from an agent; gives its position.
    @discardableResult
    func store(_ events: [Event], tags: [String] = []) async throws -> LogPosition {
        let block = AdmittedBlock(
            kind: .events,
            bytes: EventBlock.encode(events),
            count: events.count,
            from: events.map(\.timestamp).min()!,
            to: events.map(\.timestamp).max()!,
            ids: Dictionary(uniqueKeysWithValues: events.enumerated().compactMap { row, event in event.id.map { (UInt32(row), $0) } })
        )
        return try await store(block, lane: .logs, tags: tags)
    }

    func store(_ samples: [Sample]) async throws {
        let block = AdmittedBlock(
            kind: .samples,
            bytes: SampleBlock.encode(samples),
            count: samples.count,
            from: samples.map(\.timestamp).min()!,
            to: samples.map(\.timestamp).max()!
        )
        try await store(block, lane: .metrics, tags: [])
    }

    /// One request of a client; gives the ids.
    @discardableResult
    func post(_ events: [Event]) async throws -> [UUID] {
        var ids = [UInt32: UUID]()
        for (row, event) in events.enumerated() { if let id = event.id { ids[UInt32(row)] = id } }
        let times = events.map(\.timestamp)
        let block = AdmittedBlock(
            kind: .events,
            bytes: EventBlock.encode(events),
            count: events.count,
            from: times.min()!,
            to: times.max()!,
            ids: ids
        )
        switch try await log.append(AdmittedBatch(origin: .client(name: "c", key: nil), receivedAt: time.now(), blocks: [block])) {
        case .stored(let ids), .repeated(let ids):
            try await sealNowAndThen()
            return ids
        default: return []
        }
    }

    @discardableResult
    private func store(_ block: AdmittedBlock, lane: Lane, tags: [String]) async throws -> LogPosition {
        // An agent of its own for each set of tags and lane, so that sequences stay simple.
        let agent = UUID(high: Self.agent.high, low: Self.agent.low ^ UInt64(tags.count) << 8 ^ UInt64(lane.rawValue))
        let sequence = sequences.withLock { known in
            known[agent, default: 0] += 1
            return known[agent]!
        }
        let origin = AdmittedBatch.Origin.agent(
            HostIdentity(agent: agent, host: "web-1", tags: tags),
            lane: lane,
            sequence: sequence,
            checksum: sequence
        )
        _ = try await log.append(AdmittedBatch(origin: origin, receivedAt: time.now(), blocks: [block]))
        let position = try await log.end()
        try await sealNowAndThen()
        return position
    }

    static func event(
        _ message: String,
        at offset: Duration = .zero,
        source: String = "nginx",
        type: String = Event.logLine,
        severity: Severity = .info,
        host: String = "web-1",
        correlation: String? = nil,
        tags: [String] = [],
        data: String = "{}",
        id: UUID? = nil
    ) -> Event {
        Event(
            id: id,
            timestamp: noon.advanced(by: offset),
            source: source,
            type: type,
            severity: severity,
            host: host,
            correlationID: correlation,
            tags: tags,
            message: message,
            data: data
        )
    }
}
