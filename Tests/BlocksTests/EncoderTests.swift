import Blocks
import Telemetry
import Testing

struct EncoderTests {
    private func event(_ index: Int, host: String = "", tags: [String] = [], id: UUID? = nil) -> Event {
        Event(
            id: id,
            timestamp: BlockSamples.noon.advanced(by: .milliseconds(index * 7 % 50)),
            source: "svc-\(index % 3)",
            type: index % 2 == 0 ? "t" : "other.type.longer.than.sixteen.bytes",
            severity: Severity.allCases[index % 5],
            host: host,
            correlationID: index % 4 == 0 ? nil : "c-\(index / 4)",
            tags: tags,
            message: index % 5 == 0 ? nil : "message \(index)",
            data: index % 3 == 0 ? "{}" : #"{"n":\#(index)}"#
        )
    }

    @Test func `blocks put together are the block of all their events`() throws {
        let parts = [
            (0..<1).map { event($0, tags: ["a"]) }, (1..<40).map { event($0, host: "h-\($0 % 6)", tags: $0 % 2 == 0 ? ["b", "a"] : []) }, [],
            (40..<45).map { event($0, id: UUID(high: UInt64($0), low: 7)) }, [event(50)],
        ]
        var merged = EventBlockEncoder()
        for part in parts { merged.append(try EventBlock(decoding: EventBlock.encode(part))) }
        let all = parts.flatMap { $0 }
        #expect(merged.count == all.count)
        #expect(try EventBlock(decoding: merged.finish()).events() == all)
        #expect(merged.timestamps == all.map(\.timestamp.nanoseconds))
        #expect(merged.ownIDs.count == 5)
    }

    @Test func `many different texts are told apart, whatever their length`() throws {
        var events = [Event]()
        for index in 0..<5_000 {
            var event = event(index)
            event.source = String(repeating: "x", count: index % 40) + "\(index)"
            event.correlationID = "\(index)" + String(repeating: "y", count: index % 23)
            events.append(event)
        }
        // Wider codes than one byte, and each text again.
        #expect(try EventBlock(decoding: EventBlock.encode(events + events)).events() == events + events)
    }

    @Test func `events that name no host get the one that was given`() throws {
        var encoder = EventBlockEncoder(hostOfNone: "web-1")
        encoder.append(event(0))
        encoder.append(event(1, host: "db-1"))
        #expect(encoder.hostNames == ["web-1", "db-1"])
        #expect(encoder.sourceCounts == ["svc-0": 1, "svc-1": 1])
        #expect(try EventBlock(decoding: encoder.finish()).events().map(\.host) == ["web-1", "db-1"])
    }

    @Test func `an encoder without rows makes an empty block`() throws {
        let block = try EventBlock(decoding: EventBlockEncoder().finish())
        #expect(block.count == 0)
        #expect(block.events().isEmpty)
    }
}
