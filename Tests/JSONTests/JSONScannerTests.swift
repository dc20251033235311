import JSON
import Testing

@Suite struct JSONScannerTests {
    private func tokens(_ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        var scanner = JSONScanner(over: bytes.span)
        var names: [String] = []
        while true {
            switch try scanner.next(in: bytes.span) {
            case .beginObject: names.append("{")
            case .endObject: names.append("}")
            case .beginArray: names.append("[")
            case .endArray: names.append("]")
            case .key(let text): names.append(text.string(in: bytes.span) + ":")
            case .string(let text): names.append("'" + text.string(in: bytes.span))
            case .number(let text): names.append(text.string(in: bytes.span))
            case .bool(let value): names.append("\(value)")
            case .null: names.append("null")
            case .end: return names
            }
        }
    }

    @Test func `tokens come in the order of the text`() throws {
        #expect(
            try tokens(#" { "a" : [ 1 , "x" ] , "b" : { } , "c":null,"d":[ ] } "#) == [
                "{", "a:", "[", "1", "'x", "]", "b:", "{", "}", "c:", "null", "d:", "[", "]", "}",
            ]
        )
    }

    @Test func `a sub-value is captured as compact text, blanks in strings kept`() throws {
        let bytes = Array(#"{"data" : { "a" : [ 1 , 2 ] , "b c" : "x \" , y" } , "next":true}"#.utf8)
        var scanner = JSONScanner(over: bytes.span)
        var captured: [UInt8] = []
        _ = try scanner.next(in: bytes.span)
        _ = try scanner.next(in: bytes.span)
        try scanner.captureValue(in: bytes.span, to: &captured)
        #expect(String(decoding: captured, as: UTF8.self) == #"{"a":[1,2],"b c":"x \" , y"}"#)
        guard case .key(let key) = try scanner.next(in: bytes.span) else {
            Issue.record("no key after the captured value")
            return
        }
        let (isNext, isNex) = (key.equals("next", in: bytes.span), key.equals("nex", in: bytes.span))
        #expect(isNext)
        #expect(!isNex)
    }

    @Test func `a captured value was validated whole`() throws {
        let bytes = Array(#"{"data":{"a":"\ud800"}}"#.utf8)
        var scanner = JSONScanner(over: bytes.span)
        _ = try scanner.next(in: bytes.span)
        _ = try scanner.next(in: bytes.span)
        var captured: [UInt8] = []
        #expect(throws: JSONError.self) { try scanner.captureValue(in: bytes.span, to: &captured) }
    }

    @Test func `values are passed over and the next element follows`() throws {
        let bytes = Array(#"[ {"a":[1,{"b":2}]} , "s" , 7 ]"#.utf8)
        var scanner = JSONScanner(over: bytes.span)
        _ = try scanner.next(in: bytes.span)
        let first = try scanner.next(in: bytes.span)
        let range = try scanner.skipRest(of: first, in: bytes.span)
        #expect(String(decoding: bytes[range], as: UTF8.self) == #"{"a":[1,{"b":2}]}"#)
        _ = try scanner.skipValue(in: bytes.span)
        guard case .number(let text) = try scanner.next(in: bytes.span) else {
            Issue.record("the third element is a number")
            return
        }
        let (integer, double) = (text.integer(in: bytes.span), text.double(in: bytes.span))
        #expect(integer == 7)
        #expect(double == 7)
    }

    @Test func `one line among many is read on its own, and errors count from the beginning of all`() throws {
        let bytes = Array("{\"a\":1}\n{\"a\":}\n".utf8)
        var scanner = JSONScanner(over: bytes.span, range: 0..<7)
        let (range, next) = (try scanner.skipValue(in: bytes.span), try scanner.next(in: bytes.span))
        #expect(range == 0..<7)
        #expect(next == .end)
        var second = JSONScanner(over: bytes.span, range: 8..<14)
        let error = #expect(throws: JSONError.self) { try second.skipValue(in: bytes.span) }
        #expect(error?.line == 2)
        #expect(error?.offset == 13)
    }

    @Test(arguments: [
        "0", "-0", "1", "0.1", "123456.789", "9007199254740993", "1e22", "-1.5E-7", "179769313486231570000e288", "4.9e-324", "0.000001",
    ])
    func `doubles are rounded as the standard library rounds them`(text: String) {
        let bytes = Array(text.utf8)
        var scanner = JSONScanner(over: bytes.span)
        guard case .number(let number)? = try? scanner.next(in: bytes.span) else {
            Issue.record("not read as a number")
            return
        }
        let value = number.double(in: bytes.span)
        #expect(value == Double(text))
    }

    @Test func `a name written with escapes is still recognised`() throws {
        let bytes = Array(#"{"\u0061b":1}"#.utf8)
        var scanner = JSONScanner(over: bytes.span)
        _ = try scanner.next(in: bytes.span)
        guard case .key(let key) = try scanner.next(in: bytes.span) else {
            Issue.record("no key")
            return
        }
        let isEqual = key.equals("ab", in: bytes.span)
        #expect(isEqual)
    }
}
