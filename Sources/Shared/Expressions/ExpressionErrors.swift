/// Why a text is no expression: where, what stands there, and what to write instead.
package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1.
    package let line: Int
    /// From 1, in characters of its line.
    package let column: Int
    /// What is wrong.
    package let problem: String
    /// What to write.
    package let remedy: String

    package init(line: Int, column: Int, problem: String, remedy: String) {
        (self.line, self.column, self.problem, self.remedy) = (line, column, problem, remedy)
    }

    /// `offset` counts bytes of `text`.
    init(in text: [UInt8], at offset: Int, _ problem: String, write remedy: String) {
        let before = text.prefix(max(0, offset))
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        line = before.count { $0 == UInt8(ascii: "\n") } + 1
        column = String(decoding: before[lineStart...], as: UTF8.self).count + 1
        (self.problem, self.remedy) = (problem, remedy)
    }

    package var description: String {
        (line > 1 ? "line \(line), " : "") + "column \(column): " + problem + "; " + remedy
    }
}

/// Why an expression has no value over this data.
package enum EvaluationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A limit with a name was reached; the sentence says which and how to narrow the expression.
    case limit(String)
    /// The data does not fit the operators: several series match where one is needed, or two results have the same labels.
    case matching(String)
    /// The expression or its times make no sense: a range vector where a range is evaluated, an end before the start.
    case invalid(String)
    /// The source could not read.
    case source(String)
    /// `shouldStop` said so.
    case stopped

    package var description: String {
        switch self {
        case .limit(let sentence), .matching(let sentence), .invalid(let sentence), .source(let sentence): sentence
        case .stopped: "the evaluation was stopped before it ended: it took too long or nobody waits for it; ask for a shorter time or fewer series"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .limit: "limit"
        case .matching: "matching"
        case .invalid: "invalid"
        case .source: "source"
        case .stopped: "stopped"
        }
    }
}
