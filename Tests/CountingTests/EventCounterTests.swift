import Blocks
import Logging
import Operating
import Storing
import Telemetry
import TestSupport
import Testing
import Wire

@testable import Counting

/// The counter over a real log, with crashes between any two steps.
@Suite struct EventCounterTests {
    let folder: TemporaryFolder
    let time = ManualTime()
    let metrics = MetricsRegistry()
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let log: Log

    init() async throws {
        folder = try TemporaryFolder()
        log = try await Log.open(
            StorageConfig(path: ":memory:"),
            newID: UUID(high: 0xA, low: 0xB),
            time: time,
            metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// A counter as after a start. What the one before had not written is lost, as with `kill -9`.
    func counter(seriesMax: Int = 1000) throws -> EventCounter {
        EventCounter(
            config: CountingConfig(path: folder("counting.db"), seriesMax: seriesMax),
            reader: log,
            samples: OwnSamples(into: log, as: .counting),
            time: time,
            metrics: metrics,
            logger: logger
        )
    }

    func post(_ source: String, _ severity: Severity = .error, count: Int = 1) async throws {
        let events = (0..<count).map { Event(timestamp: time.now(), source: source, type: "order.failed", severity: severity, message: "no \($0)") }
        let block = AdmittedBlock(kind: .events, bytes: EventBlock.encode(events), count: count, from: time.now(), to: time.now())
        _ = try await log.append(AdmittedBatch(origin: .client(name: "test", key: nil), receivedAt: time.now(), blocks: [block]))
    }

    /// Points of each series, in the order in which they were stored.
    func shown() async throws -> [String: [Sample]] {
        var (position, series): (LogPosition, [String: [Sample]]) = (0, [:])
        while true {
            let page = try await log.page(after: position, kinds: [.samples], limit: 100)
            for block in page.blocks {
                for sample in try SampleBlock(decoding: block.bytes).samples() { series[sample.series.description, default: []].append(sample) }
            }
            guard page.next > position else { return series }
            position = page.next
        }
    }

    @Test func `a reload raises the limit of label sets, and what is counted goes on`() async throws {
        let counter = try counter(seriesMax: 1)
        try await counter.step()
        for source in ["shop", "mail"] {
            time.advance(by: .seconds(5))
            try await post(source)
            try await counter.step()
        }
        await counter.reload(CountingConfig(path: "elsewhere", seriesMax: 10))
        for source in ["shop", "mail"] {
            time.advance(by: .seconds(5))
            try await post(source)
            try await counter.step()
        }
        let series = try await shown()
        let last = { (source: String, type: String) in
            series[#"tocsin_events_total{severity="error",source="\#(source)",type="\#(type)"}"#]?.last?.value
        }
        #expect(last("shop", "order.failed") == 2)
        #expect(last("mail", "order.failed") == 1)
    }

    @Test func `what was stored is a series that queries find`() async throws {
        let counter = try counter()
        try await counter.step()
        time.advance(by: .seconds(5))
        try await post("shop", count: 12)
        try await post("mail", .info)
        try await counter.step()
        let series = try await shown()
        #expect(series[#"tocsin_events_total{severity="error",source="shop",type="order.failed"}"#]?.map(\.value) == [0, 12])
        #expect(series[#"tocsin_events_total{severity="info",source="mail",type="order.failed"}"#]?.map(\.value) == [0, 1])
    }

    @Test func `a restart goes on counting: no event twice, none left out, no counter that begins anew`() async throws {
        var counter = try counter()
        try await post("shop", count: 3)
        try await counter.step()
        time.advance(by: .seconds(5))
        try await post("shop", count: 4)
        // Not due again before five seconds: this one dies with what it knows.
        counter = try self.counter()
        try await counter.step()
        time.advance(by: .seconds(5))
        try await counter.step()
        let points = try await shown()[#"tocsin_events_total{severity="error",source="shop",type="order.failed"}"#] ?? []
        #expect(points.map(\.value) == points.map(\.value).sorted())
        #expect(points.last?.value == 7)
    }

    @Test(arguments: 0..<20)
    func `killed at any step, each stored event is counted once`(_ seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var counter = try counter()
        var posted: [String: Int] = [:]
        for _ in 0..<120 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let source = ["a", "b", "c"].randomElement(using: &random) ?? "a"
                let count = Int.random(in: 1...200, using: &random)
                try await post(source, count: count)
                posted[source, default: 0] += count
            case 4: counter = try self.counter()
            case 5: time.advance(by: .seconds(Int.random(in: 1...90, using: &random)))
            default:
                time.advance(by: .milliseconds(Int.random(in: 10...3000, using: &random)))
                try await counter.step()
            }
        }
        for _ in 0..<3 {
            time.advance(by: .seconds(5))
            try await counter.step()
        }
        let series = try await shown()
        for (source, count) in posted {
            let points = series[#"tocsin_events_total{severity="error",source="\#(source)",type="order.failed"}"#] ?? []
            #expect(points.last?.value == Double(count), "of \(source)")
            for (earlier, later) in zip(points, points.dropFirst()) {
                #expect(earlier.value <= later.value, "the counter of \(source) shrank")
                #expect(earlier.timestamp < later.timestamp, "a sample of \(source) lies before the one before it")
            }
        }
    }

    @Test func `counts are shown each minute although nothing grows, so that a query finds them`() async throws {
        let counter = try counter()
        try await post("shop")
        try await counter.step()
        for _ in 0..<12 {
            time.advance(by: .seconds(10))
            try await counter.step()
        }
        let points = try await shown()[#"tocsin_events_total{severity="error",source="shop",type="order.failed"}"#] ?? []
        #expect(points.filter { $0.value == 1 }.count == 3)
    }

    @Test func `a damaged file is set aside, and counting begins anew`() async throws {
        try TestFiles.write("no database, and longer than a header of one, so that it is looked at", to: folder("counting.db"))
        let counter = try counter()
        try await post("shop")
        try await counter.step()
        #expect(try await shown().count == 1)
    }
}
