import Blocks
import Glibc
import Logging
import Operating
import Spooling
import Synchronization
import Telemetry
import TestSupport
import Wire

/// A spool in a folder of its own, with a clock that a test turns.
struct SpoolFixture {
    let folder: TemporaryFolder
    let time = ManualTime()
    /// What the spools of this fixture complained about.
    let errors = LoggedErrors()

    init() throws { folder = try TemporaryFolder() }

    var path: String { folder("spool") }

    func open(maxBytes: UInt64 = SpoolConfig.maxBytesDefault, at path: String? = nil, metrics: MetricsRegistry = MetricsRegistry()) throws -> Spool {
        try Spool(
            config: SpoolConfig(path: path ?? self.path, maxBytes: maxBytes),
            host: "web-1",
            tags: ["test"],
            time: time,
            metrics: metrics,
            logger: errors.logger
        )
    }

    /// What a `kill -9` leaves: the files as they are while the spool is open, in another folder.
    func copyAsKilled(to name: String) throws -> String {
        let target = folder(name)
        TestFiles.makeFolder(target)
        for file in ["spool.db", "spool.db-wal"] {
            if let bytes = TestFiles.bytes(path + "/" + file) { try TestFiles.write(bytes, to: target + "/" + file) }
        }
        return target
    }

    func line(_ text: String) -> Event {
        Event(timestamp: time.now(), source: "app", type: Event.logLine, severity: .info, host: "web-1", message: text)
    }

    func lines(_ texts: [String]) -> Intake { Intake(events: texts.map { line($0) }) }

    func samples(_ count: Int) -> Intake {
        Intake(samples: (0..<count).map { Sample("node_load1", [Label("n", "\($0)")], at: time.now(), Double($0)) })
    }

    func alert(_ name: String, _ state: AlertState = .firing) -> Alert {
        let now = time.now()
        return Alert(labels: ["alertname": name], state: state, activeAt: now, startsAt: now, value: 1, updatedAt: now, expression: "up == 0")
    }

    /// Text that does not compress, so that sizes are what they seem.
    static func noise(_ bytes: Int, seed: UInt64) -> String {
        var generator = SeededGenerator(seed: seed)
        return String(decoding: (0..<bytes).map { _ in UInt8.random(in: 0x21...0x7E, using: &generator) }, as: UTF8.self)
    }
}

/// Keeps what is logged as an error.
final class LoggedErrors: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    var logger: Logger { Logger(label: "spool") { [self] _ in Handler(errors: self) } }

    private struct Handler: LogHandler {
        let errors: LoggedErrors
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.error

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            errors.texts.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}

struct NothingToLease: Error {}

/// What stands in a sealed batch.
struct Opened: Equatable {
    var agent: UUID
    var lane: Lane
    var sequence: UInt64
    var messages: [String] = []
    var gaps: [String] = []
    var samples = 0
    var alerts: [String] = []
    var reads: [ReadRange] = []

    init(_ sealed: SealedBatch) throws {
        let batches = try Wire.open(sealed.bytes, inflatedBytesMax: 64 << 20)
        let batch = batches[0].batch
        (agent, lane, sequence, reads) = (batch.identity.agent, batch.lane, batch.sequence, batch.reads)
        for bytes in batch.blocks {
            switch try BlockHeader(decoding: bytes).kind {
            case .events:
                let block = try EventBlock(decoding: bytes)
                for row in 0..<block.header.count {
                    let event = block.event(at: row)
                    if event.type == Gap.eventType { gaps.append(event.data) } else { messages.append(event.message ?? "") }
                }
            case .samples: samples += try BlockHeader(decoding: bytes).count
            case .alerts: alerts += try AlertBlock(decoding: bytes).alerts.map(\.name)
            }
        }
    }
}

extension Spool {
    /// Leases and opens; the lease is given back at once.
    func peek(upToBytes bytes: Int = 1 << 30) async throws -> [Opened] {
        guard let lease = try await lease(upToBytes: bytes) else { return [] }
        return try lease.batches.map { try Opened($0) }
    }

    /// As an answer to what was sent under today's id.
    func acknowledge(_ acknowledgement: Acknowledgement) throws { try acknowledge(acknowledgement, of: try identity().agent) }

    func setAside(_ batch: SealedBatch, reason: String) throws { try setAside(batch, of: try identity().agent, reason: reason) }

    /// Leases, acknowledges what was leased, and tells what it was.
    func drain(upToBytes bytes: Int = 1 << 30) async throws -> [Opened] {
        var all: [Opened] = []
        while let lease = try await lease(upToBytes: bytes) {
            var lanes: [Lane: UInt64] = [:]
            for batch in lease.batches {
                all.append(try Opened(batch))
                lanes[batch.lane] = batch.sequence
            }
            try acknowledge(Acknowledgement(lanes: lanes), of: lease.agent)
        }
        return all
    }
}
