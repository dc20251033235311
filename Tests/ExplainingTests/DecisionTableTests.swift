import Explaining
import SQLite
import Telemetry
import TestSupport
import Testing

@Suite struct DecisionTableTests {
    private let folder: TemporaryFolder
    private let connection: Connection

    init() throws {
        folder = try TemporaryFolder()
        connection = try Connection(path: folder("decisions.db"))
        try connection.executeScript(DecisionTable.schema)
    }

    private func at(_ second: Int) -> Timestamp { Timestamp(milliseconds: 1_767_225_600_000).advanced(by: .seconds(second)) }

    private func decision(_ kind: Decision.Kind, _ fingerprint: UInt64, active: Int, at second: Int, _ details: Labels = .empty) -> Decision {
        Decision(kind, of: .alert(EpisodeKey(fingerprint: fingerprint, activeAt: at(active))), reason: "r", details: details, at: at(second))
    }

    @Test func `what was decided on an alert comes back in order, also from a file that was opened again`() throws {
        // A fingerprint past Int64.max, as half of all are.
        let (ours, other) = (UInt64.max - 5, UInt64(7))
        let made = [
            decision(.firing, ours, active: 0, at: 1, ["value": "0.97", "expression": "a > \"b\""]),
            decision(.routed, other, active: 0, at: 1),
            decision(.routed, ours, active: 0, at: 1, ["route": "{}/{severity=\"critical\"}"]),
            decision(.resolved, ours, active: 0, at: 90),
            decision(.firing, ours, active: 200, at: 201),
        ]
        for one in made { try DecisionTable.insert(one, into: connection) }
        let again = try Connection(path: folder("decisions.db"))
        #expect(try DecisionTable.decisions(of: ours, activeFrom: at(0), to: at(100), in: again) == [made[0], made[2], made[3]])
        #expect(try DecisionTable.decisions(of: ours, activeFrom: at(1), to: at(300), in: again) == [made[4]])
    }

    @Test func `a notification has decisions of its own`() throws {
        let id = UUID(high: 1, low: 2)
        let queued = Decision(.queued, of: .delivery(id), reason: "first", details: ["channel": "ops/webhook/0"], at: at(0))
        try DecisionTable.insert(queued, into: connection)
        try DecisionTable.insert(Decision(.delivered, of: .delivery(UUID(high: 1, low: 3)), at: at(1)), into: connection)
        #expect(try DecisionTable.decisions(of: id, in: connection) == [queued])
    }

    @Test func `a long detail is cut, and what is old or too much for one alert is deleted`() throws {
        for second in 0..<20 { try DecisionTable.insert(decision(.routed, 1, active: 0, at: second), into: connection) }
        let reply = String(repeating: "x", count: 5_000)
        try DecisionTable.insert(decision(.pending, 2, active: 0, at: 5, ["reply": reply]), into: connection)
        let stored = try #require(try DecisionTable.decisions(of: 2, activeFrom: at(0), to: at(0), in: connection).first)
        #expect(stored.details["reply"]?.count == Decision.detailBytesMax + 1)
        try DecisionTable.prune(before: at(4), perAlertMax: 6, in: connection)
        #expect(try DecisionTable.decisions(of: 1, activeFrom: at(0), to: at(0), in: connection).map(\.at) == (14..<20).map { at($0) })
        #expect(try DecisionTable.decisions(of: 2, activeFrom: at(0), to: at(0), in: connection).count == 1)
    }
}
