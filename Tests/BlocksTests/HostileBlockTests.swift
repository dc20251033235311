import Telemetry
import TestSupport
import Testing

@testable import Blocks

struct HostileBlockTests {
    static let blocks: [[UInt8]] = [
        EventBlock.encode(BlockSamples.events), SampleBlock.encode(BlockSamples.samples), AlertBlock.encode(BlockSamples.alerts),
        EventBlock.encode(
            (0..<4).map { row in
                var event = BlockSamples.events[0]
                event.data = #"{"path":"/a\#(row % 2)","offset":\#(row * 300)}"#
                return event
            },
            numbersData: true
        ),
    ]

    /// Decodes as each kind; touches each row, so that an access that traps is seen.
    private func decode(_ bytes: [UInt8]) throws {
        switch try BlockHeader(decoding: bytes).kind {
        case .events: _ = try EventBlock(decoding: bytes).events()
        case .samples: _ = try SampleBlock(decoding: bytes).samples()
        case .alerts: _ = try AlertBlock(decoding: bytes)
        }
    }

    private func sign(_ bytes: inout [UInt8]) {
        let sum = BlockFormat.checksum(of: bytes.span)
        for index in 0..<8 { bytes[8 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
    }

    @Test(arguments: blocks)
    func `each changed byte is noticed`(block: [UInt8]) {
        for offset in block.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                var bytes = block
                bytes[offset] ^= change
                #expect(throws: BlockError.self) { try decode(bytes) }
            }
        }
    }

    @Test(arguments: blocks)
    func `each changed byte under a right checksum gives an error or another block, never a crash`(block: [UInt8]) {
        for offset in block.indices where !(8..<16).contains(offset) {
            for change: UInt8 in [0x01, 0x02, 0x7F, 0x80, 0xFF] {
                var bytes = block
                bytes[offset] ^= change
                sign(&bytes)
                try? decode(bytes)
            }
        }
    }

    @Test(arguments: blocks)
    func `each cut is refused`(block: [UInt8]) {
        for length in block.indices {
            #expect(throws: BlockError.self) { try decode(Array(block[..<length])) }
            guard length >= BlockFormat.headerBytes else { continue }
            var bytes = Array(block[..<length])
            for index in 0..<4 { bytes[16 + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
            sign(&bytes)
            #expect(throws: BlockError.self) { try decode(bytes) }
        }
    }

    @Test func `random damage under a right checksum never crashes`() {
        var generator = SeededGenerator(seed: 4711)
        let seeds = Self.blocks + [EventBlock.encode(BlockSamples.randomEvents(60, using: &generator))]
        for _ in 0..<4000 {
            var bytes = seeds.randomElement(using: &generator)!
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 16..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                let from = Int.random(in: 40..<bytes.count, using: &generator)
                bytes.removeSubrange(from..<Int.random(in: from...bytes.count, using: &generator))
                for index in 0..<4 { bytes[16 + index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * index)) }
            }
            sign(&bytes)
            try? decode(bytes)
        }
    }

    @Test func `a newer version is refused by name`() {
        var bytes = Self.blocks[0]
        bytes[4] = 2
        #expect(throws: BlockError.newer(version: 2)) { try EventBlock(decoding: bytes) }
    }

    @Test func `another kind is refused`() {
        #expect(throws: BlockError.kind(.samples)) { try EventBlock(decoding: Self.blocks[1]) }
        #expect(throws: BlockError.kind(.events)) { try AlertBlock(decoding: Self.blocks[0]) }
    }

    @Test func `a count that the bytes cannot hold is refused before memory is taken`() {
        var bytes = Self.blocks[0]
        for index in 20..<24 { bytes[index] = 0xFF }
        sign(&bytes)
        #expect(throws: BlockError.self) { try EventBlock(decoding: bytes) }
    }

    @Test func `text that is not UTF-8 is refused`() throws {
        var bytes = Self.blocks[0]
        let offset = try #require(bytes.indices.first { bytes[$0...].starts(with: "nginx".utf8) })
        bytes[offset] = 0xFF
        sign(&bytes)
        #expect(throws: BlockError.self) { try EventBlock(decoding: bytes) }
        bytes = Self.blocks[0]
        let message = try #require(bytes.indices.first { bytes[$0...].starts(with: "GET".utf8) })
        bytes[message] = 0xC3
        sign(&bytes)
        #expect(throws: BlockError.self) { try EventBlock(decoding: bytes) }
    }

    @Test func `bytes that are no block are refused`() {
        for bytes in [[], [UInt8]("TcBk".utf8), [UInt8](repeating: 0, count: 100), [UInt8](repeating: 0xFF, count: 40)] {
            #expect(throws: BlockError.notABlock) { try BlockHeader(decoding: bytes) }
        }
    }
}
