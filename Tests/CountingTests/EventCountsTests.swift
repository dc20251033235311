import Blocks
import Telemetry
import Testing

@testable import Counting

@Suite struct EventCountsTests {
    static let noon = Timestamp(milliseconds: 1_767_268_800_000)
    var counts = EventCounts(seriesMax: 100)

    static func at(_ seconds: Int) -> Timestamp { noon.advanced(by: .seconds(seconds)) }

    static func event(_ source: String = "shop", _ severity: Severity = .error, host: String = "web-1", at seconds: Int = 0) -> Event {
        Event(timestamp: at(seconds), source: source, type: "log.line", severity: severity, host: host, message: "something \(seconds)")
    }

    mutating func take(_ events: [Event], host: String = "", receivedAt: Int = 0, repeated: Set<UInt32> = []) throws {
        let columns = try EventLabelColumns(decoding: EventBlock.encode(events, numbersData: true))
        counts.take(columns, host: host, receivedAt: Self.at(receivedAt), repeated: repeated, now: Self.at(receivedAt))
    }

    func total(_ source: String, _ severity: Severity = .error, late: Bool = false) -> UInt64 {
        counts.counts.filter { $0.key.source == source && $0.key.severity == severity && $0.key.isLate == late }.reduce(0) { $0 + $1.value.total }
    }

    @Test mutating func `events are counted by source, type, severity and host`() throws {
        try take([Self.event(), Self.event(), Self.event("shop", .info), Self.event("mail"), Self.event(host: "web-2"), Self.event()])
        #expect(total("shop") == 4)
        #expect(total("shop", .info) == 1)
        #expect(total("mail") == 1)
        #expect(counts.counts.count == 4)
        let key = EventCounts.Key(source: "shop", type: "log.line", host: "web-2", severity: .error, isLate: false)
        #expect(counts.counts[key]?.total == 1)
        #expect(key.series.description == #"tocsin_events_total{host="web-2",severity="error",source="shop",type="log.line"}"#)
    }

    @Test mutating func `rows that were stored before are not counted again`() throws {
        try take([Self.event(), Self.event(), Self.event()], repeated: [0, 2])
        #expect(total("shop") == 1)
    }

    @Test mutating func `an event without a host is its agent's, and one of nobody has no host`() throws {
        try take([Self.event(host: "")], host: "db-1")
        try take([Self.event(host: "")])
        #expect(Set(counts.counts.keys.map(\.host)) == ["db-1", ""])
    }

    @Test mutating func `what arrives later than five minutes is counted apart, so that last week is no outburst of now`() throws {
        try take([Self.event(at: 0), Self.event(at: 300), Self.event(at: 600)], receivedAt: 600)
        try take([Self.event(at: -86_400)], receivedAt: 600)
        #expect(total("shop") == 2)
        #expect(total("shop", late: true) == 2)
        let names = Set(counts.counts.keys.compactMap { $0.series.name })
        #expect(names == ["tocsin_events_total", "tocsin_events_late_total"])
    }

    @Test mutating func `a new series begins at zero, so that its first events are a growth`() throws {
        #expect(counts.samples(at: Self.at(0), all: true).isEmpty)
        counts.wereShown(at: Self.at(0))
        try take([Self.event(), Self.event()], receivedAt: 3)
        let first = counts.samples(at: Self.at(5), all: false)
        #expect(first.map(\.value) == [0, 2])
        #expect(first.map(\.timestamp) == [Self.at(0), Self.at(5)])
        counts.wereShown(at: Self.at(5))
        #expect(!counts.hasGrown)
        try take([Self.event()], receivedAt: 8)
        let second = counts.samples(at: Self.at(10), all: false)
        #expect(second.map(\.value) == [3])
        #expect(second.map(\.timestamp) == [Self.at(10)])
    }

    @Test mutating func `samples that could not be stored are made again with all that belongs to them`() throws {
        counts.wereShown(at: Self.at(0))
        try take([Self.event()], receivedAt: 3)
        #expect(counts.samples(at: Self.at(5), all: false).map(\.value) == [0, 1])
        #expect(counts.samples(at: Self.at(6), all: true).map(\.value) == [0, 1])
    }

    @Test mutating func `a clock that is set back a little makes no sample go back`() throws {
        counts.wereShown(at: Self.at(10))
        try take([Self.event()], receivedAt: 3)
        let samples = counts.samples(at: Self.at(7), all: false)
        #expect(samples.map(\.timestamp) == [Self.at(10), Self.at(10).advanced(by: .milliseconds(1))])
    }

    @Test mutating func `over the limit events are counted as other, and none is lost`() throws {
        counts = EventCounts(seriesMax: 3)
        try take((0..<10).map { Self.event("source-\($0)") })
        try take((0..<10).map { Self.event("source-\($0)") })
        #expect(counts.counts.values.reduce(0) { $0 + $1.total } == 20)
        #expect(total("other") == 14)
        #expect(counts.folded == 14)
        #expect(counts.counts.count == 4)
    }

    @Test mutating func `what no longer grows leaves the list, and makes room`() throws {
        try take([Self.event()], receivedAt: 0)
        _ = counts.takeChanges()
        counts.wereShown(at: Self.at(5))
        counts.forget(at: Self.at(30 * 86_400 - 1))
        #expect(counts.counts.count == 1)
        counts.forget(at: Self.at(30 * 86_400 + 1))
        #expect(counts.counts.isEmpty)
        let changes = counts.takeChanges()
        #expect(changes.count == 1)
        #expect(changes.values.allSatisfy { $0 == nil })
    }

    @Test func `the columns are those of the whole block, and damage is refused as there`() throws {
        let events = (0..<500).map { Self.event("s\($0 % 7)", Severity.allCases[$0 % 5], host: "h\($0 % 3)", at: $0) }
        let bytes = EventBlock.encode(events, numbersData: true)
        let (columns, block) = (try EventLabelColumns(decoding: bytes), try EventBlock(decoding: bytes))
        #expect(columns.count == 500)
        for row in 0..<columns.count {
            #expect(columns.sources[row] == block.sources[row])
            #expect(columns.types[row] == block.types[row])
            #expect(columns.hosts[row] == block.hosts[row])
            #expect(columns.severity(at: row) == block.severity(at: row))
            #expect(columns.timestamps[row] == block.timestamps[row])
        }
        for index in stride(from: 0, to: bytes.count, by: 37) {
            var damaged = bytes
            damaged[index] ^= 0x20
            #expect(throws: BlockError.self) { try EventLabelColumns(decoding: damaged) }
        }
    }
}
