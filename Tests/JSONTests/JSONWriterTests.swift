import JSON
import Testing

@Suite struct JSONWriterTests {
    @Test func `commas stand where they must`() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("a", 1)
        writer.member("b", ["x", "y"])
        writer.key("c")
        writer.beginArray()
        writer.beginObject()
        writer.endObject()
        writer.double(1.5)
        writer.null()
        writer.raw("{\"raw\":true}")
        writer.endArray()
        writer.member("d", nil as String?)
        writer.member("e", UInt64.max)
        writer.member("f", Int64.min)
        writer.endObject()
        #expect(writer.text == #"{"a":1,"b":["x","y"],"c":[{},1.5,null,{"raw":true}],"d":null,"e":18446744073709551615,"f":-9223372036854775808}"#)
    }

    @Test func `lines of NDJSON stand alone`() {
        var writer = JSONWriter()
        writer.integer(1)
        writer.endLine()
        writer.integer(2)
        writer.endLine()
        #expect(writer.text == "1\n2\n")
    }

    @Test func `what JSON forbids in strings is escaped, and reads back`() throws {
        let text = "a\"b\\c\n\r\t\0\u{1F}\u{7F}é😀/"
        var writer = JSONWriter()
        writer.string(text)
        #expect(writer.text == "\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f\\u007fé😀/\"")
        #expect(try JSON.parse(writer.bytes).string == text)
    }

    @Test func `doubles are short and read back the same; what JSON lacks is null`() throws {
        for value in [0.1, 100, -0.0, 1e21, .leastNonzeroMagnitude, 1.7976931348623157e308, 123456789.125] {
            var writer = JSONWriter()
            writer.double(value)
            #expect(try JSON.parse(writer.bytes).double == value)
        }
        var writer = JSONWriter()
        writer.beginArray()
        writer.double(100)
        writer.double(.nan)
        writer.double(.infinity)
        writer.endArray()
        #expect(writer.text == "[100,null,null]")
    }
}
