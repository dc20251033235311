import Expressions
import Testing

struct ParserTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let text: String
        let column: Int
        /// Words of the sentence.
        let says: String
        var testDescription: String { text }

        init(_ text: String, _ column: Int, _ says: String) { (self.text, self.column, self.says) = (text, column, says) }
    }

    @Test(arguments: [
        Mistake("", 1, "there is no expression"),
        Mistake("node_load1 >", 13, "the expression ends"),
        Mistake("node_load1 > > 3", 14, "where an operand belongs"),
        Mistake("rate(x)", 6, "write a range behind it: rate(x[5m])"),
        Mistake("rate(x[5m]", 11, "close with )"),
        Mistake("incraese(x[5m])", 1, "did you mean increase?"),
        Mistake("x[5m] > 1", 1, "as in rate(x[5m])"),
        Mistake("x = 1", 3, "write =="),
        Mistake("x && y", 3, "write and"),
        Mistake("x{a=b}", 5, "quotation marks"),
        Mistake("x{a=~\"(\"}", 6, "RE2"),
        Mistake("x{a=~\"a(?=b)\"}", 6, "RE2"),
        Mistake("{a=~\".*\"}", 1, "name the metric"),
        Mistake("x{__name__=\"y\"}", 3, "not both"),
        Mistake("1 == 1", 3, "write == bool"),
        Mistake("x and 1", 7, "vector(…)"),
        Mistake("x[5]m", 5, "after an expression"),
        Mistake("rate(x[5q])", 8, "neither a number nor a duration"),
        Mistake("sum(x[5m])", 5, "sum(rate(x[5m]))"),
        Mistake("sum by host (x)", 5, "after an expression"),
        Mistake("topk(x)", 1, "write topk(number, v)"),
        Mistake("x > on(a) group_left(a) y", 11, "remove it from one of them"),
        Mistake("rate(x[5m]) offset 1h", 13, "right behind the selector"),
        Mistake("x @ foo", 5, "seconds since 1970"),
        Mistake("x{a=\"b", 5, "no end"),
        Mistake("abs(x", 6, "close with )"),
        Mistake("label_replace(x, \"a-b\", \"\", \"c\", \"\")", 18, "no label name"),
        Mistake("x ! y", 3, "write != or !~"),
        Mistake("$x", 1, "dashboard"),
        Mistake("'\\d'", 2, "backquotes"),
        Mistake("x)", 2, "without \"(\""),
    ])
    func `a mistake is told with its column and what to write`(_ mistake: Mistake) {
        let error = #expect(throws: ParseError.self) { try Expression(parsing: mistake.text) }
        #expect(error?.column == mistake.column, "\(error?.description ?? "")")
        #expect(error.map { "\($0)".contains(mistake.says) } ?? false, "\(error?.description ?? "")")
    }

    @Test func `the line of a mistake is told in a text of several lines`() {
        let error = #expect(throws: ParseError.self) { try Expression(parsing: "up\n  and\n  rate(x)") }
        #expect(error?.line == 3)
        #expect(error?.column == 8)
    }

    @Test(arguments: [
        String(repeating: "(", count: 100_000), String(repeating: "-", count: 60_000), String(repeating: "abs(", count: 10_000),
        String(repeating: "x[1m:", count: 5000), "x" + String(repeating: "+x", count: 30_000), "x" + String(repeating: "^x", count: 30_000),
        String(repeating: "a", count: 70_000), "x{" + String(repeating: "a=\"b\",", count: 20_000),
    ])
    func `an endless expression is refused and does not exhaust the stack`(_ text: String) {
        #expect(throws: ParseError.self) { try Expression(parsing: text) }
    }

    @Test func `keywords may be names of labels and metrics`() throws {
        for text in ["sum", "by", "offset{by=\"a\"}", "sum by (by, on) (group)", "bottomk + 1", "count{sum=\"x\"}", "start", "bool"] {
            #expect(throws: Never.self) { try Expression(parsing: text) }
        }
    }

    @Test func `comments, line breaks and any case of keywords are read`() throws {
        let text = "SUM(x) # the sum\n  BY (a)\n  OR\n vector(1) AND y UNLESS z"
        #expect(try Expression(parsing: text).type == .vector)
    }

    @Test func `random words never trap`() {
        var generator = Xorshift(state: 4711)
        let words = [
            "x", "rate", "(", ")", "[5m]", "[5m:1m]", "{", "}", "a=\"b\"", ",", "sum", "by", "+", "-", "*", "^", "and", "or", "on", "group_left",
            "offset",
            "5m", "@", "1", "start()", "\"t\"", "==", "bool", "!=", "=~", "topk", ">", "ignoring", "without", "time()", "0x", "1e", "..", "'", "`",
            "#", "\u{e9}",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 1...12, using: &generator)).map { _ in words.randomElement(using: &generator)! }.joined(separator: " ")
            _ = try? Expression(parsing: text)
        }
    }
}

struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
