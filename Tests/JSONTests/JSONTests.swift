import JSON
import Testing

@Suite struct JSONTests {
    @Test func `a tree is read and written back without loss`() throws {
        let text = #"{"a":[1,-2.50,1e3,true,false,null],"b":{"c":"x\ny"},"d":[],"e":{}}"#
        let tree = try JSON.parse(text)
        #expect(tree.text == text)
        #expect(tree["a"]?[1]?.double == -2.5)
        #expect(tree["a"]?[0]?.integer == 1)
        #expect(tree["a"]?[2]?.integer == nil)
        #expect(tree["a"]?[2]?.double == 1000)
        #expect(tree["b"]?["c"]?.string == "x\ny")
        #expect(tree["nope"] == nil)
        #expect(tree["a"]?[9] == nil)
    }

    @Test func `of duplicate names the last value wins`() throws {
        #expect(try JSON.parse(#"{"a":1,"b":2,"a":3}"#) == ["a": 3, "b": 2])
    }

    @Test func `numbers that no double holds have no value but keep their digits`() throws {
        let number = try JSON.parse("1e999")
        #expect(number.double == nil)
        #expect(number.text == "1e999")
        #expect(try JSON.parse("123456789012345678901234567890").integer == nil)
        #expect(try JSON.parse("9223372036854775807").integer == .max)
        #expect(try JSON.parse("-9223372036854775808").integer == .min)
        #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "9", count: 1001)) }
    }

    @Test func `escapes and surrogate pairs become the characters they mean`() throws {
        #expect(try JSON.parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00\u0000""#).string == "\"\\/\u{8}\u{C}\n\r\tAé😀\0")
        #expect(try JSON.parse("\"é😀, plain text beyond eight bytes\"").string == "é😀, plain text beyond eight bytes")
    }

    @Test func `depth is limited, however deep the text is`() throws {
        let deep = String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000)
        let error = #expect(throws: JSONError.self) { try JSON.parse(deep) }
        #expect(error?.kind == .depth)
        #expect(error?.offset == 64)
        let allowed = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(throws: Never.self) { try JSON.parse(allowed) }
        let mixed = String(repeating: "{\"a\":[", count: 500)
        #expect(throws: JSONError.self) { try JSON.parse(mixed, limits: JSONLimits(depthMax: 10_000)) }
    }

    @Test(arguments: [
        ("", JSONError.Kind.truncated), ("  ", .truncated), ("{", .truncated), ("[1,", .truncated), ("\"abc", .truncated), ("tru", .truncated),
        ("{\"a\"", .truncated), ("{\"a\":", .truncated), ("\"\\u12", .truncated), ("\"\\", .truncated), ("-", .truncated), ("1.", .truncated),
        ("1e", .truncated), ("[1}", .syntax), ("{\"a\":1]", .syntax), ("[1 2]", .syntax), ("[1,]", .syntax), ("{\"a\":1,}", .syntax),
        ("{a:1}", .syntax), ("{'a':1}", .syntax), ("{1:2}", .syntax), ("nul1", .syntax), ("1 2", .syntax), ("{} x", .syntax), ("]", .syntax),
        ("NaN", .syntax), ("+1", .syntax), (".5", .syntax), ("//x\n1", .syntax), ("\u{FEFF}1", .syntax), ("\0", .syntax), ("1\0", .syntax),
        ("01", .number), ("-01", .number), ("1.x", .number), ("1e+x", .number), ("-x", .number), ("\"a\nb\"", .control), ("\"\0\"", .control),
        ("\"12345678\t\"", .control), (#""\x""#, .escape), (#""\u12G4""#, .escape), (#""\ud800""#, .escape), (#""\ud800\u0041""#, .escape),
        (#""\udc00""#, .escape), (#""\ud83d\ud83d""#, .escape), (#""\ud800x""#, .escape),
    ])
    func `what is not JSON is refused with its kind`(text: String, kind: JSONError.Kind) {
        let error = #expect(throws: JSONError.self) { try JSON.parse(text) }
        #expect(error?.kind == kind)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3], [0xE2, 0x82], [0xE2, 0x28, 0xA1], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]]
    )
    func `bytes that are not UTF-8 are refused`(bytes: [UInt8]) {
        for padding in 0..<9 {
            let text = [0x22] + [UInt8](repeating: 0x61, count: padding) + bytes + [0x22]
            let error = #expect(throws: JSONError.self) { try JSON.parse(text) }
            #expect(error?.kind == .encoding)
            #expect(error?.offset == padding + 1)
        }
    }

    @Test func `every cut of a text is an error and never a trap`() throws {
        let text = Array(#" {"a" : [1.5e-3, "x\u00e9\ud83d\ude00é😀", true, null], "b":{"c":{}}} "#.utf8)
        for length in 0..<text.count - 2 {
            #expect(throws: JSONError.self) { try JSON.parse(Array(text[..<length])) }
        }
        #expect(throws: Never.self) { try JSON.parse(text) }
    }

    @Test func `changed bytes are an error or another value, never a trap`() {
        let text = Array(#"{"a":[1.5e-3,"x\u00e9\ud83d\ude00é",true,null],"b":{"c":{}}}"#.utf8)
        // Each byte that has a meaning somewhere in the grammar, and a few that have none.
        let bytes = Array("\0\n \"'+,-./019:AE[\\]_aefnrtuz{|}~\u{7F}".utf8) + [0x80, 0xBF, 0xC0, 0xE2, 0xED, 0xF0, 0xFF]
        var different: [[UInt8]] = []
        for index in text.indices {
            for byte in bytes {
                var changed = text
                changed[index] = byte
                if let tree = try? JSON.parse(changed), (try? JSON.parse(tree.text)) != tree { different.append(changed) }
            }
        }
        #expect(different.isEmpty)
    }

    @Test func `an error names line, column and byte, and says what is wrong`() {
        let error = #expect(throws: JSONError.self) { try JSON.parse("{\n  \"é\": tru e\n}") }
        #expect(error?.line == 2)
        #expect(error?.column == 11)
        #expect(error?.offset == 13)
        #expect(error?.description == #"line 2, column 11 (byte 13): byte 0x20 stands where the word true should"#)
    }
}
