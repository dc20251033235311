import Blocks
import JSON
import Telemetry
import TestSupport
import Testing

@testable import Receiving

private let base = #""source":"s","type":"t","severity":"info""#

/// The fast scanner against the exact reader: what the one takes must mean the same to the other.
struct EventScannerTests {
    private let now = ManualTime().now()

    /// What the scanner makes of a text; nil when it leaves it alone.
    private func scanned(_ bytes: [UInt8], _ ending: EventScanner.Ending = .text, limits: ReceivingLimits = ReceivingLimits()) throws -> Event? {
        var scanner = EventScanner(limits: limits, receivedAt: now)
        var encoder = EventBlockEncoder()
        // By itself it is the same event, or none.
        let single = ending == .text ? scanner.single(BodyText(bytes), at: 0, encoder) : nil
        guard scanner.append(BodyText(bytes), at: 0, ending: ending, to: &encoder) != nil else {
            #expect(encoder.count == 0 && single == nil)
            return nil
        }
        let event = try EventBlock(decoding: encoder.finish()).event(at: 0)
        if ending == .text { #expect(try single.map { try EventBlock(decoding: AdmittedBlock($0).encoded).event(at: 0) } == event) }
        return event
    }

    private func read(_ bytes: [UInt8]) -> Event? { try? EventReader(limits: ReceivingLimits(), receivedAt: now).event(in: bytes.span) }

    /// Texts that the scanner must take itself: clients send them all day.
    @Test(arguments: [
        "{\(base)}",
        "{\(base) }  \r\n",
        #"{"source": "s", "type": "t", "severity": "critical", "data": {"a": [1, 2.5, -3e7, true, false, null], "b": {"c": "d e"}}}"#,
        #"{"source_system":"s","event_type":"t","severity":"debug","host":null,"tags":null,"message":null,"data":null}"#,
        #"{\#(base),"message":"a \"quoted\" line\n\tand \u00e9\\\/","timestamp":"2025-11-01T12:34:56Z"}"#,
        #"{\#(base),"message":"äöü 漢字 🙂","host":"größe","tags":["ä","b"],"correlation_id":"ñ"}"#,
        #"{\#(base),"timestamp":"2025-11-01T12:34:56.123456789Z","event_id":"01234567-89AB-7def-8123-456789abcdef"}"#,
        #"{\#(base),"timestamp":"2025-11-01t12:34:56.5+01:30","tags":[]}"#,
        #"{\#(base),"message":"","correlation_id":"","host":"","data":{},"tags":["a","b","c"]}"#,
        #"{\#(base),"data":{ }}"#,
        #"{\#(base),"data":{"a":"\u00e9\"","b":[[],{}],"c":0}}"#,
    ])
    func `the common shape is taken and means what the exact reader says`(text: String) throws {
        let bytes = Array(text.utf8)
        let event = try #require(try scanned(bytes))
        #expect(event == read(bytes))
    }

    /// Texts that the scanner must leave alone: a fault, or rare enough.
    @Test(arguments: [
        "", "{", "{}", "[]", "7", "{\(base)", "{\(base)} x", "{\(base),}", "{\(base)}}", #"{"source":"s","type":"t"}"#,
        #"{"source":"tocsin","type":"t","severity":"info"}"#, #"{"source":"","type":"t","severity":"info"}"#,
        #"{"source":"s\n","type":"t","severity":"info"}"#, "{\"source\":\"s\u{7F}\",\"type\":\"t\",\"severity\":\"info\"}",
        #"{\#(base),"source":"s"}"#, #"{\#(base),"source_system":"s"}"#, #"{\#(base),"other":1}"#, #"{\#(base),"severity":"fatal"}"#,
        #"{\#(base),"timestamp":"2200-01-01T00:00:00Z"}"#, #"{\#(base),"timestamp":"1969-12-31T23:59:59Z"}"#, #"{\#(base),"timestamp":""}"#,
        #"{\#(base),"tags":["a","a"]}"#, #"{\#(base),"tags":[""]}"#,
        #"{\#(base),"tags":["a",7]}"#, #"{\#(base),"tags":"a"}"#, #"{\#(base),"data":[1]}"#, #"{\#(base),"data":{"a":01}}"#,
        #"{\#(base),"data":{"a":1,}}"#, #"{\#(base),"data":{"a" "b"}}"#, #"{\#(base),"data":{"a":[1}}}"#, #"{\#(base),"data":{"a":"\ud83d\ude42"}}"#,
        #"{\#(base),"message":"\ud800"}"#, #"{\#(base),"message":"\x"}"#, #"{\#(base),"message":"\u12"}"#, #"{\#(base),"message":7}"#,
        #"{\#(base),"event_id":"01234567-89ab-7def-8123-456789abcde"}"#, #"{\#(base),"event_id":"7"}"#, #"{\#(base),"message":nul}"#,
        #"{\#(base),"host":"\#(String(repeating: "h", count: 257))"}"#,
    ])
    func `what is unusual is left to the exact reader, and no row is begun`(text: String) throws {
        #expect(try scanned(Array(text.utf8)) == nil)
    }

    @Test func `bytes that are no UTF-8 are never taken`() throws {
        for bad: [UInt8] in [[0x80], [0xC0, 0xAF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xC3]] {
            for place in [#""source":"?","type":"t""#, #""source":"s","type":"t","message":"?""#, #""source":"s","type":"t","data":{"?":"?"}"#] {
                let parts = place.split(separator: "?", omittingEmptySubsequences: false).map { Array($0.utf8) }
                let bytes = Array(#"{"severity":"info","#.utf8) + parts.dropFirst().reduce(parts[0]) { $0 + bad + $1 } + [UInt8(ascii: "}")]
                #expect(try scanned(bytes) == nil)
            }
        }
    }

    @Test func `levels of data are limited as everywhere`() throws {
        func nested(_ levels: Int) -> [UInt8] {
            Array("{\(base),\"data\":{\"a\":\(String(repeating: "[", count: levels))\(String(repeating: "]", count: levels))}}".utf8)
        }
        var limits = ReceivingLimits()
        limits.jsonDepthMax = 5
        #expect(try scanned(nested(3), limits: limits) != nil)
        #expect(try scanned(nested(4), limits: limits) == nil)
    }

    @Test func `a line ends at its line break, even inside of an object`() throws {
        let event = Array("{\(base)}".utf8)
        let broken = Array("{\"source\":\"s\",\n\"type\":\"t\",\"severity\":\"info\"}".utf8)
        #expect(try scanned(event + [0x0A] + broken, .line) != nil)
        #expect(try scanned(event + [0x20, 0x0D, 0x0A], .line) != nil)
        #expect(try scanned(event + Array(",{".utf8), .line) == nil)
        #expect(try scanned(broken, .line) == nil)
        #expect(try scanned(broken, .text) != nil)
        #expect(try scanned(event + [0x0A, UInt8(ascii: ","), 7], .element) != nil)
    }

    /// Every way of changing one byte of a good event, and every cut: whatever the scanner still takes must be what the exact reader reads.
    @Test func `whatever the scanner takes of damaged texts is what the exact reader reads`() throws {
        let texts = [
            #"{"timestamp":"2025-11-01T00:00:01.123456Z","source":"svc-a","type":"log.line","severity":"warning","host":"web-1","#
                + #""correlation_id":"00ff","tags":["production","web"],"message":"GET \"/x\" é","data":{"a":[1,-2.5e3],"b":{"c":true}}}"#,
            #"{ "event_type": "t", "source_system": "tocsi", "severity": "critical", "event_id": "01234567-89ab-7def-8123-456789abcdef", "data": { } }"#,
        ]
        var taken = 0
        for text in texts {
            let good = Array(text.utf8)
            for place in good.indices {
                for byte: UInt8 in [0, 0x0A, 0x20, 0x22, 0x2C, 0x30, 0x39, 0x3A, 0x5B, 0x5C, 0x5D, 0x61, 0x6E, 0x7B, 0x7D, 0x7F, 0x80, 0xC3] {
                    var bytes = good
                    bytes[place] = byte
                    guard let event = try scanned(bytes) else { continue }
                    taken += 1
                    #expect(event == read(bytes), "byte \(byte) at \(place)")
                }
                #expect(try scanned(Array(good[..<place])) == nil)
            }
        }
        #expect(taken > 500)
    }

    @Test func `neighbours of one minute share it, and a new minute is a new one`() throws {
        let times = [
            "2025-11-01T12:34:56.1Z", "2025-11-01T12:34:00Z", "2025-11-01T12:35:59.999999999Z", "2025-10-01T12:35:01Z", "1970-01-01T00:00:01Z",
        ]
        let body = BodyText(Array(times.map { "{\(base),\"timestamp\":\"\($0)\"}\n" }.joined().utf8))
        var scanner = EventScanner(limits: ReceivingLimits(), receivedAt: now)
        var encoder = EventBlockEncoder()
        var offset = 0
        while offset < body.count { offset = try #require(scanner.append(body, at: offset, ending: .line, to: &encoder)) + 1 }
        #expect(encoder.timestamps == (try times.map { try #require(Timestamp(rfc3339: $0)).nanoseconds }))
    }
}
