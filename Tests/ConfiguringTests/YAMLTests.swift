import Configuring
import Testing

@Suite struct YAMLTests {
    @Test func `values keep their lines, quotes and order`() throws {
        let root = try YAML.parse("b: 1\na:\n  - x\n  - {c: 'null', d: null}\n")
        #expect(root.mapping?.map(\.key) == ["b", "a"])
        #expect(root["a"]?.sequence?[0].line == 3)
        #expect(root["a"]?.sequence?[1]["c"]?.scalar == "null")
        #expect(root["a"]?.sequence?[1]["d"]?.isNull == true)
        #expect(root["a"]?.sequence?[1]["d"]?.line == 4)
    }

    @Test func `an empty file is null`() throws {
        #expect(try YAML.parse("").isNull)
        #expect(try YAML.parse("# only a comment\n").isNull)
    }

    @Test(arguments: [
        ("a: [1, 2", 1), ("a: 1\n b: 2\n", 2), ("a: 1\na: 2\n", 2), ("a: 'x\n", 1), ("\tb: 1\n", 1), ("a: 1\n---\nb: 2\n", 2), ("a: *nothing\n", 1),
        ("[a, b]: 1\n", 1), ("a: \u{1}\n", 1),
    ])
    func `what is not one document of plain YAML is refused with its line`(text: String, line: Int) {
        let error = #expect(throws: YAMLError.self) { try YAML.parse(text) }
        #expect((1...line + 1).contains(error?.line ?? 0), "\(error?.description ?? "")")
    }

    @Test func `aliases repeat a value, and a bomb of them is refused`() throws {
        let root = try YAML.parse("a: &x [1, 2]\nb: *x\n")
        #expect(root["b"]?.sequence?.count == 2)
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 { bomb += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n" }
        #expect(throws: YAMLError.self) { try YAML.parse(bomb) }
        #expect(throws: YAMLError.self) { try YAML.parse("a: &x [*x]\n") }
        #expect(throws: YAMLError.self) { try YAML.parse("[" + String(repeating: "a,", count: 300_000) + "]") }
    }

    @Test func `nesting is limited`() {
        #expect(throws: YAMLError.self) { try YAML.parse(String(repeating: "[", count: 100_000)) }
        #expect(throws: YAMLError.self) { try YAML.parse(String(repeating: "[", count: 40) + String(repeating: "]", count: 40)) }
    }

    @Test func `every cut of a document is an error or a value, never a trap`() {
        let text = Array("a: &x {b: [1, 'two', \"thr\\u00e9e\"], c: |\n    lit\n    eral\n  }\nd: *x\ne:\n  - f: g\n    h: >-\n      i\n".utf8)
        for length in 0...text.count { _ = try? YAML.parse(String(decoding: text[..<length], as: UTF8.self)) }
    }
}
