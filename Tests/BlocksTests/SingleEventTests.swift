import Telemetry
import Testing

@testable import Blocks

struct SingleEventTests {
    /// An event as a parser gives it: places in a body, with something around each, and in scratch bytes where it is asked.
    private func single(_ event: Event, inScratch: Bool = false) -> SingleEvent {
        var (body, scratch) = (Array("{".utf8), Array("scratch".utf8))
        func add(_ text: String, to bytes: inout [UInt8]) -> EventFields.Piece {
            let start = bytes.count
            bytes += Array(text.utf8)
            defer { bytes += Array(",".utf8) }
            return EventFields.Piece(start, text.utf8.count)
        }
        var fields = EventFields(timestamp: event.timestamp.nanoseconds)
        fields.severity = event.severity.rawValue
        fields.source = add(event.source, to: &body)
        fields.type = add(event.type, to: &body)
        fields.host = add(event.host, to: &body)
        if let id = event.correlationID { fields.correlation = add(id, to: &body) }
        (fields.messageInScratch, fields.dataInScratch) = (inScratch, inScratch)
        if let message = event.message { fields.message = inScratch ? add(message, to: &scratch) : add(message, to: &body) }
        fields.data = inScratch ? add(event.data, to: &scratch) : add(event.data, to: &body)
        if let id = event.id { (fields.hasID, fields.idHigh, fields.idLow) = (true, id.high, id.low) }
        // A number of some encoder's: another's list.
        fields.tags = 7
        return SingleEvent(fields, tags: event.tags, hostOfNone: "host of none", in: body.span, scratch: scratch.span)
    }

    private var events: [Event] {
        var (events, bare) = (BlockSamples.events, BlockSamples.events[1])
        (bare.id, bare.correlationID, bare.tags, bare.message) = (nil, nil, ["web", "production"], nil)
        events.append(bare)
        (bare.tags, bare.message) = ([], "")
        events.append(bare)
        bare.data = #"{"order":4711}"#
        events.append(bare)
        return events + events.reversed()
    }

    @Test(arguments: [false, true])
    func `single events put together are the block of all`(inScratch: Bool) throws {
        var encoder = EventBlockEncoder()
        for event in events { encoder.append(single(event, inScratch: inScratch)) }
        let expected = events.map { event in
            var event = event
            if event.host.isEmpty { event.host = "host of none" }
            return event
        }
        #expect(try EventBlock(decoding: encoder.finish()).events() == expected)
    }

    @Test func `an admitted one says what a block's header would, and is encoded when it is asked for`() throws {
        for event in events where !event.host.isEmpty {
            let block = AdmittedBlock(single(event))
            #expect(block.kind == .events && block.count == 1 && block.from == event.timestamp && block.to == event.timestamp)
            #expect(block.timestamps == [event.timestamp.nanoseconds])
            #expect(block.ids == (event.id.map { [0: $0] } ?? [:]))
            #expect(try EventBlock(decoding: block.encoded).events() == [event])
        }
    }
}
