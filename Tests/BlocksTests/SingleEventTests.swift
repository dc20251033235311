import Telemetry
import Testing

@testable import Blocks

struct SingleEventTests {
    private func merged(_ blocks: [[UInt8]]) throws -> [Event] {
        var encoder = EventBlockEncoder()
        for bytes in blocks { encoder.append(try #require(SingleEvent(decoding: bytes))) }
        return try EventBlock(decoding: encoder.finish()).events()
    }

    private var events: [Event] {
        var (events, bare) = (BlockSamples.events, BlockSamples.events[1])
        (bare.id, bare.correlationID, bare.tags, bare.message) = (nil, nil, ["web", "", "production", "web"], nil)
        events.append(bare)
        bare.tags = []
        bare.data = #"{"order":4711}"#
        events.append(bare)
        return events + events.reversed()
    }

    @Test func `blocks of one event put together are the block of all`() throws {
        #expect(try merged(events.map { EventBlock.encode([$0]) }) == events)
    }

    @Test func `it knows the row's time and the client's own id`() throws {
        for event in events {
            let single = try #require(SingleEvent(decoding: EventBlock.encode([event])))
            #expect(single.timestamp == event.timestamp)
            #expect(single.id == event.id)
        }
    }

    @Test func `blocks of none or several, of other kinds, and with data as numbers are left to others`() {
        #expect(SingleEvent(decoding: EventBlock.encode([])) == nil)
        #expect(SingleEvent(decoding: EventBlock.encode(Array(events.prefix(2)))) == nil)
        #expect(SingleEvent(decoding: EventBlock.encode([events[0]], numbersData: true)) == nil)
        #expect(SingleEvent(decoding: SampleBlock.encode([BlockSamples.samples[0]])) == nil)
        #expect(SingleEvent(decoding: AlertBlock.encode([BlockSamples.alerts[0]])) == nil)
        #expect(SingleEvent(decoding: []) == nil)
    }

    /// Under a right checksum; whatever it still takes must be what the exact decoder reads.
    @Test func `each changed byte is refused, or means the same to the exact decoder`() throws {
        var taken = 0
        for event in events.prefix(5) {
            let block = EventBlock.encode([event])
            for index in block.indices where !(8..<16).contains(index) {
                for change: UInt8 in [0x01, 0x02, 0x80, 0xFF] {
                    var bytes = block
                    bytes[index] ^= change
                    let sum = BlockFormat.checksum(of: bytes.span)
                    for place in 0..<8 { bytes[8 + place] = UInt8(truncatingIfNeeded: sum >> (8 * place)) }
                    guard SingleEvent(decoding: bytes) != nil else { continue }
                    taken += 1
                    #expect(try merged([bytes]) == EventBlock(decoding: bytes).events(), "byte \(index) ^ \(change) of \(event)")
                }
            }
        }
        // Changed texts are texts.
        #expect(taken > 100)
    }
}
