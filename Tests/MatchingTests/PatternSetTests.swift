import TestSupport
import Testing

@testable import Matching

struct PatternSetTests {
    private static let sources = [
        "out of memory", "(?i)fatal", "a|b$", "^kernel:", "connection (refused|reset)", #"(?P<user>\w+)@(?P<host>\w+)"#, #"Failed for (?P<user>\S+)"#,
        #"status=5\d\d"#, "", "x*", "(?m)^end$", "ż.łw", #"\bdisk\b"#, "(?s)one.two", "[[:upper:]]{3}", "never this",
    ]
    private static let words = [
        "out of memory", "FATAL", "fatal", "a", "b", "kernel:", "connection reset", "me@here", "Failed for root", "status=503",
        "status=404", "\nend\n", "żółw", "disk", "diskette", "one\ntwo", "ABC", "x", " ", "end",
    ]

    private func found(_ set: PatternSet, in bytes: [UInt8]) -> [Int] {
        var found: [Int] = []
        set.forEachMatch(in: bytes.span) { found.append($0) }
        return found
    }

    @Test func `finds in each subject what its patterns find one by one`() throws {
        let seed = UInt64.random(in: 1...(.max))
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            // The empty pattern is found everywhere: the others are tried without it too.
            let patterns = try Self.sources.shuffled(using: &generator).prefix(Int.random(in: 1...16, using: &generator)).map { try Pattern($0) }
            let set = PatternSet(patterns)
            for _ in 0..<20 {
                var bytes = (0..<Int.random(in: 0..<5, using: &generator)).flatMap { _ in Array(Self.words.randomElement(using: &generator)!.utf8) }
                if Int.random(in: 0..<4, using: &generator) == 0, !bytes.isEmpty { bytes[Int.random(in: 0..<bytes.count, using: &generator)] = 0xFF }
                let expected = patterns.indices.filter { patterns[$0].matches(bytes.span) }
                #expect(found(set, in: bytes) == expected, "seed \(seed): \(patterns.map(\.source)) in \(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    @Test func `an option or a quotation of one pattern does not reach into the next`() throws {
        let set = PatternSet(try ["(?i)one", #"\Qtwo|"#, "three", "four"].map { try Pattern($0) })
        #expect(found(set, in: Array("THREE".utf8)) == [])
        #expect(found(set, in: Array("ONE two| three".utf8)) == [0, 1, 2])
    }

    @Test func `more patterns than are joined at once are all looked for`() throws {
        let set = PatternSet(try (0..<100).map { try Pattern("word\($0)!") })
        #expect(found(set, in: Array("word99! word31! word32! word0!".utf8)) == [0, 31, 32, 99])
        #expect(found(PatternSet([]), in: [1]) == [])
    }

    @Test func `a search for all that is given up hides nothing`() throws {
        let patterns = try ["(a+)+$", "(b+)+$", "needle"].map { try Pattern($0) }
        let text = Array((String(repeating: "a", count: 60) + "! needle").utf8)
        #expect(found(PatternSet(patterns), in: text) == [2])
        #expect(patterns[0].limitHits == 1)
    }
}
