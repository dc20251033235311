import Telemetry
import TestSupport
import Testing

@testable import Blocks

/// Data that differ in a number: smaller, and the same when they are read.
struct NumberedDataTests {
    private func event(_ index: Int, message: String?, data: String) -> Event {
        Event(
            timestamp: BlockSamples.noon.advanced(by: .milliseconds(index)),
            source: "app",
            type: Event.logLine,
            severity: .info,
            host: "web-1",
            message: message,
            data: data
        )
    }

    /// Lines of files, as an agent reads them.
    private func lines(_ count: Int, files: Int = 1) -> [Event] {
        var offsets = [Int](repeating: 0, count: files)
        return (0..<count).map { index in
            let (file, message) = (index % files, "line \(index) " + String(repeating: "x", count: index * 7 % 90))
            defer { offsets[file] += message.utf8.count + 1 }
            return event(index, message: message, data: #"{"path":"/var/log/app\#(file).log","offset":\#(offsets[file])}"#)
        }
    }

    private func isNumbered(_ bytes: [UInt8]) throws -> Bool {
        try BlockHeader(decoding: bytes).columns[BlockFormat.EventColumn.numbered.rawValue] != nil
    }

    private func expectSame(_ events: [Event], numbered: Bool = true) throws -> Int {
        let bytes = EventBlock.encode(events, numbersData: true)
        #expect(try isNumbered(bytes) == numbered)
        let block = try EventBlock(decoding: bytes)
        #expect(block.events() == events)
        // Put into another block they are what they were.
        var encoder = EventBlockEncoder(numbersData: true)
        encoder.append(block)
        #expect(try EventBlock(decoding: encoder.finish()).events() == events)
        return bytes.count
    }

    @Test(arguments: [1, 3, 64]) func `places of lines in their files take two bytes a row`(files: Int) throws {
        let events = lines(4000, files: files)
        let plain = EventBlock.encode(events).count
        let text = events.reduce(0) { $0 + $1.data.utf8.count }
        #expect(try expectSame(events) < plain - text + 2 * events.count + files * 64)
    }

    @Test func `rows without data, without messages, and lines that were left out`() throws {
        var events = lines(300, files: 2)
        for row in stride(from: 0, to: 300, by: 7) { events[row].data = "{}" }
        for row in stride(from: 3, to: 300, by: 11) { events[row].message = nil }
        events.remove(at: 100)
        _ = try expectSame(events)
    }

    @Test(arguments: [
        #"{"n":0}"#, #"{"n":-1}"#, #"{"n":1.5}"#, #"{"n":1e9}"#, #"{"n":999999999999999999}"#, #"{"n":"ü 7 ü"}"#, #"{"a":"\u0000","n":10}"#, #"[1]"#,
        "7",
        "{\"n\":1\u{0}}", "{\"n\u{0}\":1}",
    ])
    func `a number in any place`(data: String) throws {
        _ = try expectSame([event(0, message: "a", data: data), event(1, message: nil, data: data)])
    }

    @Test(arguments: [
        #"{"n":007}"#, #"{"n":00}"#, #"{"n":1000000000000000000}"#, #"{"n":18446744073709551616}"#, #"{"n":"none"}"#, "",
        #"{"n":1,"text":"seventeen bytes and more"}"#, "{\"" + String(repeating: "x", count: 1025) + "\":1}",
    ])
    func `what would not be written the same again stays as it is, and all that came before`(data: String) throws {
        let events = lines(20) + [event(20, message: "a", data: data)] + lines(3)
        _ = try expectSame(events, numbered: false)
    }

    @Test func `data that are no templates at all`() throws {
        _ = try expectSame((0..<200).map { event($0, message: "m", data: #"{"user-\#($0)":1}"#) }, numbered: false)
    }

    @Test func `random data`() throws {
        let seed = UInt64.random(in: 1...(.max))
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let events = (0..<Int.random(in: 1...40, using: &generator)).map { row in
                let number = UInt64.random(in: 0...(.max), using: &generator) >> UInt64.random(in: 0...63, using: &generator)
                var data = #"{"k\#(Int.random(in: 0..<3, using: &generator))":\#(number)}"#
                if Int.random(in: 0..<20, using: &generator) == 0 { data = "{}" }
                if Int.random(in: 0..<200, using: &generator) == 0 { data = #"{"k":"none"}"# }
                return event(row, message: String(repeating: "é", count: Int.random(in: 0..<20, using: &generator)), data: data)
            }
            let read = try EventBlock(decoding: EventBlock.encode(events, numbersData: true)).events()
            #expect(read == events, "seed \(seed)")
        }
    }

    @Test func `a column of an enemy cannot make more bytes than its bound`() throws {
        // A template of a thousand bytes for each of many rows: the writer does not, and the reader refuses.
        let long = #"{"\#(String(repeating: "x", count: 1000))":1}"#
        let events = (0..<17_000).map { event($0, message: nil, data: long) }
        _ = try expectSame(events, numbered: false)
        let (before, rows) = (Array(long.utf8.dropLast(2)), 20_000)
        var bytes: [UInt8] = [1]
        bytes.appendVarint(UInt64(before.count))
        bytes.appendVarint(UInt64(before.count + 1))
        bytes += before + [UInt8(ascii: "}")] + [UInt8](repeating: 1, count: rows) + [UInt8](repeating: 0, count: rows)
        var whole = bytes
        #expect(throws: BlockError.self) {
            _ = try TextColumn(numbered: 0..<bytes.count, messages: TextColumn(nil, rows: rows, in: bytes), rows: rows, in: &whole)
        }
        #expect(whole.count == bytes.count)
    }
}
