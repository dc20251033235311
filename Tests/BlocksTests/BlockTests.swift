import Blocks
import Telemetry
import TestSupport
import Testing

struct BlockTests {
    @Test(arguments: [
        ("events-v1.block", EventBlock.encode(BlockSamples.events)), ("samples-v1.block", SampleBlock.encode(BlockSamples.samples)),
        ("alerts-v1.block", AlertBlock.encode(BlockSamples.alerts)),
    ])
    func `version 1 is written byte for byte as it was released`(name: String, bytes: [UInt8]) {
        if GoldenFile.isUpdating { GoldenFile.write(bytes, name) }
        #expect(GoldenFile.read(name) == bytes)
    }

    @Test func `events come back as they were, in their order`() throws {
        let block = try EventBlock(decoding: EventBlock.encode(BlockSamples.events))
        #expect(block.events() == BlockSamples.events)
        #expect(block.header.kind == .events)
        #expect(block.header.count == 3)
        #expect(block.header.from == BlockSamples.events[1].timestamp)
        #expect(block.header.to == BlockSamples.events[2].timestamp)
        #expect(block.ids == [1: BlockSamples.events[1].id!])
    }

    @Test func `samples come back bit for bit`() throws {
        let block = try SampleBlock(decoding: SampleBlock.encode(BlockSamples.samples))
        #expect(block.samples() == BlockSamples.samples)
        #expect(block.series.count == 2)
    }

    @Test func `alerts come back as they were`() throws {
        #expect(try AlertBlock(decoding: AlertBlock.encode(BlockSamples.alerts)).alerts == BlockSamples.alerts)
    }

    @Test func `a block without rows is a block`() throws {
        #expect(try EventBlock(decoding: EventBlock.encode([])).count == 0)
        #expect(try SampleBlock(decoding: SampleBlock.encode([])).count == 0)
        #expect(try AlertBlock(decoding: AlertBlock.encode([])).alerts.isEmpty)
    }

    @Test(arguments: [1, 2, 3, 17, 255, 256, 257, 600, 3000])
    func `rows of any shape survive encoding`(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        let events = BlockSamples.randomEvents(count, using: &generator)
        #expect(try EventBlock(decoding: EventBlock.encode(events)).events() == events)
        let samples = BlockSamples.randomSamples(count, using: &generator)
        let decoded = try SampleBlock(decoding: SampleBlock.encode(samples))
        // Bits, not numbers: NaN is not equal to itself.
        #expect(decoded.values.map(\.bitPattern) == samples.map(\.value.bitPattern))
        #expect(decoded.timestamps == samples.map(\.timestamp.nanoseconds))
        #expect(decoded.seriesOfRow.map { decoded.series[Int($0)] } == samples.map(\.series))
    }

    @Test func `a dictionary of more than 65536 texts takes four bytes a code`() throws {
        let events = (0..<65_600).map { Event(timestamp: BlockSamples.noon, source: "s\($0)", type: "t", severity: .info) }
        let block = try EventBlock(decoding: EventBlock.encode(events))
        #expect(block.sources[65_599] == "s65599")
        #expect(block.sources.values.count == 65_600)
    }

    @Test func `a filter reads columns without making events`() throws {
        let block = try EventBlock(decoding: EventBlock.encode(BlockSamples.events))
        let wanted = block.sources.flags { $0 == "nginx" }
        #expect((0..<3).filter { wanted[Int(block.sources.code(at: $0))] } == [0, 2])
        #expect(block.sources.counts() == [2, 1])
        #expect(block.severity(at: 1) == .critical)
        #expect(block.correlations[0] == nil)
        #expect(block.correlations.code(at: 1) == 1)
        #expect(block.tags[1] == ["production", "web"])
        #expect(block.messages.range(at: 2)?.isEmpty == true)
        #expect(block.data.range(at: 2) == nil)
    }

    @Test func `an encoder can go on after it was finished`() throws {
        var encoder = EventBlockEncoder()
        encoder.append(BlockSamples.events[0])
        #expect(try EventBlock(decoding: encoder.finish()).count == 1)
        encoder.append(BlockSamples.events[1])
        #expect(try EventBlock(decoding: encoder.finish()).events() == Array(BlockSamples.events[..<2]))
    }

    @Test func `repeated fields cost next to nothing`() {
        let lines = (0..<1000).map { index in
            Event(
                timestamp: BlockSamples.noon.advanced(by: .milliseconds(index)),
                source: "nginx",
                type: Event.logLine,
                severity: .info,
                host: "web-1",
                tags: ["a", "b"]
            )
        }
        // Four bytes of time and one of severity a row.
        #expect(EventBlock.encode(lines).count < 5_500)
    }

    @Test(
        arguments: [
            ("", 0, 0xEF46_DB37_51D8_E999), ("a", 0, 0xD24E_C4F1_A98C_6E5B), ("abc", 0, 0x44BC_2CF5_AD77_0999),
            ("The quick brown fox jumps over the lazy dog", 0, 0x0B24_2D36_1FDA_71BC),
        ] as [(String, UInt64, UInt64)]
    )
    func `the checksum is XXH64`(text: String, seed: UInt64, expected: UInt64) {
        #expect(Checksum.xxh64(Array(text.utf8).span, seed: seed) == expected)
    }
}
