import Blocks
import Operating
import Synchronization
import Telemetry

@testable import Correlating

/// What the tests of this room play with: one moment, one agent, its alerts.
enum Scene {
    static let noon = Timestamp(milliseconds: 1_767_268_800_000)
    static let agent = UUID(high: 0xA, low: 1)
    static let otherAgent = UUID(high: 0xB, low: 1)

    static func at(_ seconds: Int) -> Timestamp { noon.advanced(by: .seconds(seconds)) }

    static func labels(_ name: String, host: String = "web-1") -> Labels {
        ["alertname": name, "host": host, "instance": host, "job": "tocsin", "severity": "warning"]
    }

    static func firing(_ name: String = "DiskFull", host: String = "web-1", since start: Int, updated: Int? = nil) -> Alert {
        Alert(
            labels: labels(name, host: host),
            annotations: ["summary": "\(name) of a test"],
            state: .firing,
            activeAt: at(start),
            startsAt: at(start),
            value: 1,
            updatedAt: at(updated ?? start),
            expression: "up"
        )
    }

    static func resolved(_ name: String = "DiskFull", host: String = "web-1", since start: Int, ended: Int) -> Alert {
        var alert = firing(name, host: host, since: start, updated: ended)
        (alert.state, alert.endsAt) = (.resolved, at(ended))
        return alert
    }

    static func place(_ sequence: UInt64, agent: UUID = agent, row: UInt32 = 0) -> RowOrigin {
        RowOrigin(agent: agent, lane: .alerts, sequence: sequence, block: 0, row: row)
    }

    static func contact(_ host: String = "web-1", at seconds: Int, kind: BlockKind = .samples, agent: UUID = agent, tags: [String] = ["test"])
        -> Contact
    {
        Contact(host: host, agent: agent, tags: tags, kind: kind, dataAt: at(seconds), receivedAt: at(seconds))
    }

    /// A client's request.
    static func block(_ events: [Event]) -> StoredBlock {
        StoredBlock(
            position: 1,
            kind: .events,
            bytes: EventBlock.encode(events),
            count: events.count,
            from: events.map(\.timestamp).min() ?? noon,
            to: events.map(\.timestamp).max() ?? noon,
            receivedAt: noon,
            origin: RowOrigin(agent: otherAgent, lane: .logs, sequence: 1, block: 0, row: 0),
            host: ""
        )
    }

    static func counter() -> @Sendable (Timestamp) -> UUID {
        let numbers = Numbers()
        return { _ in UUID(high: numbers.next(), low: 0) }
    }
}

private final class Numbers: Sendable {
    private let last = Mutex<UInt64>(0)

    func next() -> UInt64 {
        last.withLock { number in
            number += 1
            return number
        }
    }
}
