import Blocks
import Operating
import Querying
import Telemetry
import TestSupport

@testable import Storing

/// What differs from the model.
struct Difference: Error, CustomStringConvertible {
    let description: String

    static func expect(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
        guard condition else { throw Difference(description: otherwise()) }
    }
}

/// One log beside its model, driven by random operations.
final class ModelRun {
    typealias F = LogFixture

    static let words = ["disk", "slow", "timeout", "worker", "finished", "queue", "retry", "cache", "miss", "user"]
    static let sources = ["nginx", "app", "audit"]
    static let hosts = ["web-1", "web-2", "db-1"]

    let fixture: LogFixture
    var generator: SeededGenerator
    var log: Log
    var search: EventSearch
    var metrics: MetricReader
    var model = LogModel()
    var serial = 0

    init(seed: UInt64) async throws {
        var fixture = try LogFixture()
        fixture.config.eventRetention = .seconds(30 * 86_400)
        fixture.config.sourceRetention = ["audit": .seconds(100 * 86_400)]
        // Roll-up has tests of its own: here each sample stays as it came.
        fixture.config.metricRetention = .seconds(3000 * 86_400)
        fixture.config.sequencesKept = 8
        self.fixture = fixture
        generator = SeededGenerator(seed: seed)
        log = try await fixture.open()
        search = EventSearch(log: log, time: fixture.time)
        metrics = MetricReader(log: log, time: fixture.time)
    }

    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    func chance(_ percent: Int) -> Bool { number(1...100) <= percent }
    func pick<Element>(_ all: [Element]) -> Element { all[number(0...all.count - 1)] }
    func note(_ line: String) { model.operations.append("\(model.operations.count + 1). \(line)") }

    /// One random operation, compared with the model at once.
    func step() async throws {
        switch number(0...24) {
        case 0...5: try await appendOfAgents()
        case 6...8: try await appendOfClients()
        case 9, 10: try await appendSamples()
        case 11: try await appendAlerts()
        case 12, 13: try await repeatSomething()
        case 14: try await repeatKey()
        case 15, 16:
            note("seal all")
            try await log.sealAll()
        case 17:
            note("merge")
            while try await log.mergeSamples() {}
        case 18: try await passTime()
        case 19: try await reopen()
        case 20, 21: try await query()
        case 22: try await readPages()
        case 23: try await readMetrics()
        default: try await findByID()
        }
    }

    func finish() async throws {
        try await readPages()
        try await readMetrics()
        for _ in 0..<3 { try await query() }
        note("all retention passes")
        try await log.sealAll()
        fixture.time.advance(by: .seconds(101 * 86_400))
        while try await log.retain() {}
        try await readPages()
        try Difference.expect(model.rows.isEmpty, "\(model.rows.count) events outlive their retention")
        await log.close()
    }

    // MARK: Upkeep

    func passTime() async throws {
        let days = chance(40) ? number(5...25) : 0
        note("\(days) days pass, retention")
        fixture.time.advance(by: .seconds(days * 86_400 + number(1...1000)))
        while try await log.retain() {}
        try await readPages()
    }

    func reopen() async throws {
        note("close and open")
        await log.close()
        log = try await fixture.open()
        search = EventSearch(log: log, time: fixture.time)
        metrics = MetricReader(log: log, time: fixture.time)
    }
}
