import Blocks
import Logging
import Operating
import SQLite
import Telemetry
import TestSupport

@testable import Storing

/// A log in a folder of its own, which can be closed, left open, and opened again.
struct LogFixture {
    static let noon = Timestamp(nanoseconds: 1_793_534_400_000_000_000)
    static let agent = UUID(high: 0x1111_2222_3333_7444, low: 0x8555_6666_7777_8888)
    static let identity = HostIdentity(agent: agent, host: "web-1", tags: ["production"])
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let folder: TemporaryFolder
    let time = ManualTime(now: noon)
    let metrics = MetricsRegistry()
    var config: StorageConfig

    init() throws {
        folder = try TemporaryFolder()
        config = StorageConfig(path: folder("log"), diskReserve: 0)
    }

    func open(_ disk: Committer.Disk? = nil) async throws -> Log {
        let disk = disk ?? Committer.Disk(freeBytes: { _ in nil }, beforeCommit: nil)
        let id = UUID(high: 0xAAAA_BBBB_CCCC_7DDD, low: 0x8EEE_0000_0000_0001)
        return try await Log(config, newID: id, disk: disk, time: time, metrics: metrics, logger: Self.quiet)
    }

    func counter(_ name: String) -> Double {
        metrics.samples(at: time.now()).filter { $0.series.name == name }.reduce(0) { $0 + $1.value }
    }

    static func event(_ message: String, at offset: Duration = .zero, id: UUID? = nil, source: String = "nginx") -> Event {
        Event(
            id: id,
            timestamp: noon.advanced(by: offset),
            source: source,
            type: Event.logLine,
            severity: .info,
            host: "web-1",
            message: message
        )
    }

    static func block(_ events: [Event]) -> AdmittedBlock {
        var ids = [UInt32: UUID]()
        for (row, event) in events.enumerated() { if let id = event.id { ids[UInt32(row)] = id } }
        return AdmittedBlock(
            kind: .events,
            bytes: EventBlock.encode(events),
            count: events.count,
            from: events.map(\.timestamp).min() ?? noon,
            to: events.map(\.timestamp).max() ?? noon,
            ids: ids
        )
    }

    static func batch(
        _ sequence: UInt64,
        _ events: [Event],
        agent: UUID = agent,
        lane: Lane = .logs,
        checksum: UInt64? = nil,
        receivedAt: Timestamp = noon
    ) -> AdmittedBatch {
        var identity = identity
        identity.agent = agent
        var block = block(events)
        // As it came, behind what a batch says of itself.
        block.packed = Zstd.frame([UInt8](repeating: 0x42, count: 80) + block.bytes)
        return AdmittedBatch(
            origin: .agent(identity, lane: lane, sequence: sequence, checksum: checksum ?? sequence &* 31),
            receivedAt: receivedAt,
            blocks: [block]
        )
    }

    static func request(_ events: [Event], key: String? = nil, client: String = "curl", checksum: UInt64? = nil) -> AdmittedBatch {
        AdmittedBatch(origin: .client(name: client, key: key, checksum: checksum), receivedAt: noon, blocks: [block(events)])
    }

    /// One alert of an agent.
    static func alert(_ name: String, sequence: UInt64, of identity: HostIdentity = identity, at moment: Timestamp = noon) -> AdmittedBatch {
        let alert = Alert(
            labels: ["alertname": name, "host": identity.host],
            annotations: [:],
            state: .firing,
            activeAt: moment,
            startsAt: moment,
            value: 1,
            updatedAt: moment,
            expression: "up == 0"
        )
        return AdmittedBatch(
            origin: .agent(identity, lane: .alerts, sequence: sequence, checksum: sequence &* 31),
            receivedAt: moment,
            blocks: [AdmittedBlock(kind: .alerts, bytes: AlertBlock.encode([alert]), count: 1, from: moment, to: moment)]
        )
    }

    /// All messages in the order of commitment, repeats left out.
    static func messages(_ log: Log) async throws -> [String] {
        var (messages, position) = ([String](), LogPosition(0))
        while true {
            let page = try await log.page(after: position, kinds: [.events], limit: 7)
            for block in page.blocks {
                let decoded = try EventBlock(decoding: block.bytes)
                for row in 0..<decoded.count where !block.repeatedRows.contains(UInt32(row)) {
                    let event = decoded.event(at: row)
                    if event.source != Event.ownSource { messages.append(event.message ?? "") }
                }
            }
            if page.next == position || page.blocks.isEmpty && page.next >= log.book.end { return messages }
            position = page.next
        }
    }

    /// What a kill leaves: the files as they are, without a word to whoever has them open.
    func copyOfFiles() throws -> String {
        let copy = folder("copy-\(UInt64.random(in: 0...(.max)))")
        TestFiles.makeFolder(copy)
        for name in ["log.db", "log.db-wal"] {
            if let bytes = TestFiles.bytes(config.path + "/" + name) { try TestFiles.write(bytes, to: copy + "/" + name) }
        }
        return copy
    }
}
