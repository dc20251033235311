import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Querying

struct WordSearchTests {
    private func found(_ query: String, _ message: String?, data: String = "{}") throws -> Bool {
        let message = Array((message ?? "").utf8)
        let bytes = message + Array(data.utf8)
        return try WordSearch(query).matches(message: 0..<message.count, data: message.count..<bytes.count, in: bytes)
    }

    @Test(arguments: [
        ("4711", "hello 4711"), ("4711", "(4711)."), ("4711", "id=4711,"), ("HELLO", "hello 4711"), ("hello", "HeLLo"),
        ("web-1.example.org", "on web-1.example.org."), ("web", "on web-1.example.org."), ("example", "web-1.example.org"),
        ("org", "web-1.example.org"), ("worker_7", "worker_7 died"), ("4711 hello", "hello 4711"), ("Grüße", "viele GRÜSSE, grüße"),
        ("世界", "你好 世界!"), ("a", "a"), ("one-two", "--one-two--"), ("10.0.0.1", "from 10.0.0.1:8080"), ("hello.", "well, hello!"),
    ])
    func `a word is found`(query: String, message: String) throws { #expect(try found(query, message)) }

    @Test(arguments: [
        ("471", "hello 4711"), ("711", "4711"), ("exam", "web-1.example.org"), ("web-1", "web-1.example.org"), ("worker", "worker_7 died"),
        ("hello world", "hello 4711"), ("gru", "grüße"), ("ße", "grüße"), ("hello", "helloß"), ("b", ""), ("one-two", "one-two-three"),
        ("0.0.0.1", "10.0.0.1"),
    ])
    func `a piece of a word is not`(query: String, message: String) throws { #expect(try !found(query, message)) }

    @Test(arguments: [
        ("\"out of memory\"", "Out of  memory: killed"), ("\"memory out\"", "out of memory, out!"), ("\"web-1 is up\"", "(web-1) is -- up!"),
        ("\"10.0.0.1 refused\"", "10.0.0.1: refused"), ("-debug error", "error 5"), ("-\"out of memory\"", "memory is out"), ("a\"b c\"", "b c a"),
        ("\"grüße an\" alle", "Viele GRÜßE – an alle"), ("\"not closed", "is not closed"), ("-x", "y"), ("up-time -down", "up-time"),
    ])
    func `a phrase's words stand one after the other, and a word behind a dash is not there`(query: String, message: String) throws {
        #expect(try found(query, message))
    }

    @Test(arguments: [
        ("\"out of memory\"", "out of the memory"), ("\"of memory\"", "out of memoryless"), ("-debug", "some DEBUG line"), ("error -5", "error 5"),
        ("-\"out of memory\"", "it is out of memory"), ("\"a b\"", "a"), ("\"web-1 up\"", "web-1.example up"), ("x -\"y z\"", "x y z"),
    ])
    func `other texts are not found`(query: String, message: String) throws { #expect(try !found(query, message)) }

    @Test func `a phrase does not reach from one text into another, and an unwanted word in data counts`() throws {
        let data = #"{"a":"one","b":["two three"],"four":"x"}"#
        #expect(try !found("\"one two\"", "zero", data: data))
        #expect(try found("\"two three\" zero", "zero", data: data))
        #expect(try !found("zero -three", "zero", data: data))
        #expect(try found("zero -four", "zero", data: data))
        #expect(try found("zero -\"one two\"", "zero", data: data))
    }

    /// A filter that knew other words than the search would hide what is there.
    @Test func `whatever is found the filters of sealed blocks know`() throws {
        var generator = SeededGenerator(seed: 77)
        let alphabet = ["a", "B", "é", "ß", "世", "7", "-", ".", "_", " ", ",", "—", "\u{301}", "İ"]
        var hits = 0
        for _ in 0..<20_000 {
            func text(_ length: Int) -> String {
                (0..<Int.random(in: 1...length, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! }.joined()
            }
            let (query, message, value) = (text(3), text(8), text(8))
            guard let search = try? WordSearch(query) else { continue }
            let bytes = Array(message.utf8)
            let data = Array("{\"x\":\"\(value)\"}".utf8)
            guard search.matches(message: bytes.indices, in: bytes, data: data.indices, in: data) else { continue }
            hits += 1
            var known = Set<UInt64>()
            Words.visit(text: bytes.span) { known.insert($0) }
            Words.visit(data: data.span) { known.insert($0) }
            #expect(search.hashes.allSatisfy(known.contains), "\(query) in \(message) or \(value)")
        }
        #expect(hits > 1000)
    }

    @Test func `string values of data are searched, names and numbers are not`() throws {
        let data = #"{"path":"/var/log/app.log","offset":4711,"deep":[{"x":"Inner-Word"}],"line":"a\nbéta\u0041lpha"}"#
        #expect(try found("app.log", nil, data: data))
        #expect(try found("inner", nil, data: data))
        #expect(try found("bétaAlpha", nil, data: data))
        #expect(try !found("4711", nil, data: data))
        #expect(try !found("offset", nil, data: data))
        #expect(try !found("nb", nil, data: data))
        #expect(try found("hello inner", "hello", data: data))
        #expect(try !found("hello outer", "hello", data: data))
    }

    @Test(arguments: ["!!!", "--", "_", " "])
    func `a query without a word is refused`(query: String) {
        #expect(throws: QueryError.self) { try WordSearch(query) }
    }

    @Test func `bytes are found wherever they stand, in either case`() {
        var generator = SeededGenerator(seed: 5)
        let alphabet = Array("aAbBe1.-".utf8)
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0...40, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! }
            let lowered = String(decoding: text, as: UTF8.self).lowercased().utf8.map { $0 }
            let needle = (0..<Int.random(in: 1...4, using: &generator)).map { _ in Array("abe1.-".utf8).randomElement(using: &generator)! }
            let start = Int.random(in: 0...5, using: &generator)
            let expected = (start..<max(start, lowered.count)).first { lowered[$0...].starts(with: needle) }
            #expect(ByteSearch(lowered: needle).first(in: text.span, from: start) == expected)
        }
    }

    @Test func `an escape cannot hide a word from the search of a block`() throws {
        let search = try WordSearch("alpha")
        #expect(search.mayOccur(in: Array(#"{"a":"\u0061lpha"}"#.utf8)))
        #expect(!search.mayOccur(in: Array(#"{"a":"alpa \n"}"#.utf8)))
    }
}
