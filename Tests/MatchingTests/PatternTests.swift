import Matching
import Testing

struct PatternTests {
    @Test(arguments: [
        ("Out of memory: Killed process", "kernel: Out of memory: Killed process 12", true),
        (#"^\d{4}-"#, "2026-01-01", true),
        (#"^\d{4}-"#, " 2026-01-01", false),
        ("(?i)ERROR", "an error here", true),
        ("", "anything", true),
        ("^$", "", true),
        ("ż.łw", "żółw", true),
        ("a$", "a\n", false),
        ("a.b", "a\nb", false),
        (#"\Qa.b\E"#, "xa.by", true),
        (#"[[:digit:]]+[\]]"#, "12]", true),
        ("(?P<user>\\w+)@", "me@here", true),
        (#"\p{Greek}"#, "λ", true),
        (#"^\w$"#, "ż", false),
    ])
    func `unanchored patterns are found anywhere`(source: String, text: String, expected: Bool) throws {
        #expect(try Pattern(source).matches(text) == expected)
        #expect(try Pattern(source).matches(Array(text.utf8).span) == expected)
    }

    @Test(arguments: [
        ("web-.*", "web-1", true),
        ("web-.*", "my-web-1", false),
        ("a|bc", "bc", true),
        ("a|ab", "ab", true),
        (".*", "two\nlines", true),
        ("", "", true),
        ("", "x", false),
        ("a", "a\n", false),
    ])
    func `fully anchored patterns match the whole`(source: String, text: String, expected: Bool) throws {
        #expect(try Pattern(source, anchoring: .full).matches(text) == expected)
    }

    @Test(arguments: [
        #"(a)\1"#, #"(?P<n>a)\k<n>"#, #"(?P<n>a)(?P=n)"#, "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?>a)", "a*+", "a++", "a?+", "a{2}+", "(?R)",
        "(?1)",
        "(?|a|b)", "(?(1)a)", "(*ACCEPT)", #"\Ka"#, #"a\Z"#, #"\R"#, "a{1001}", "a{2,1001}", "[a", "(a", "a)", "a**", #"\"#, "(?#x)", "(?x)a", #"\C"#,
        "[b-a]",
    ])
    func `what RE2 does not know is refused`(source: String) {
        #expect(throws: PatternError.self) { try Pattern(source) }
    }

    @Test func `a refusal names the place and what to write`() {
        let error = #expect(throws: PatternError.self) { try Pattern("abc(?=d)") }
        #expect(
            error?.description == "the pattern \"abc(?=d)\" is wrong at character 4: look-around is not supported, as in RE2; "
                + "match the text around and use a second pattern"
        )
    }

    @Test(arguments: [
        #"[\d(?=]+"#, "[(*]", #"\(?=a"#, "a{,5}", "a{b}", "{", "a{1,2}?", "[]a]", "[^]a]", "[[:alpha:]_]", #"\x{1F600}"#, #"\\1"#, "(?i:a)(?s-i)b",
        "x{1000}",
    ])
    func `what only looks forbidden is taken`(source: String) throws {
        _ = try Pattern(source)
    }

    @Test func `bytes that are no text do not hide what is`() throws {
        let line: [UInt8] = [0xFF, 0xFE] + Array("disk failed".utf8) + [0xC3]
        #expect(try Pattern("disk \\w+").firstMatch(in: line.span) == 2..<13)
        #expect(try Pattern("nothing").firstMatch(in: line.span) == nil)
    }

    @Test func `groups are ranges, and those without a part are nil`() throws {
        let pattern = try Pattern("(?P<a>x)|(?P<b>y)(z)?")
        #expect(pattern.captureCount == 3)
        #expect(pattern.captureNames.map(\.name) == ["a", "b"])
        #expect(pattern.captureNames.map(\.index) == [1, 2])
        #expect(pattern.captures(in: Array("--y".utf8).span) == [2..<3, nil, 2..<3, nil])
        #expect(pattern.captures(in: "--yz") == ["yz", nil, "y", "z"])
        #expect(pattern.captures(in: "--") == nil)
    }

    @Test(arguments: [
        (#"password=\S+"#, "user=a password=b x password=c", "user=a *** x ***"),
        ("x*", "axxb", "***a***b***"),
        ("", "żó", "***ż***ó***"),
        ("$", "a", "a***"),
    ])
    func `each match is replaced`(source: String, text: String, expected: String) throws {
        let replaced = try Pattern(source).replacingMatches(in: Array(text.utf8), with: Array("***".utf8))
        #expect(replaced.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test func `text without a match is not copied`() throws {
        #expect(try Pattern("b").replacingMatches(in: [0x61], with: []) == nil)
    }

    @Test func `a search that would never end is given up and counted`() throws {
        let pattern = try Pattern("(x+x+)+[yz]")
        #expect(!pattern.matches(String(repeating: "x", count: 60)))
        #expect(pattern.limitHits == 1)
        #expect(pattern.matches("xxy"))
    }

    @Test func `a pattern that needs a deep stack still works`() throws {
        let pattern = try Pattern("^(a|b|ab)*c$")
        #expect(pattern.matches(String(repeating: "ab", count: 400) + "c"))
    }

    @Test func `tasks search with one pattern at the same time`() async throws {
        let pattern = try Pattern("needle (\\d+)")
        let found = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask { pattern.captures(in: "hay needle \(number) hay")?[1] == "\(number)" }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(found == 200)
    }
}
