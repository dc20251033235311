/// Why a pattern was refused. The description names the place and what to write.
package struct PatternError: Error, Sendable, Hashable, CustomStringConvertible {
    package let pattern: String
    /// Where in the pattern's UTF-8, from 0.
    package let offset: Int
    package let problem: String

    package init(pattern: String, offset: Int, problem: String) { (self.pattern, self.offset, self.problem) = (pattern, offset, problem) }

    package var description: String { "the pattern \"\(pattern)\" is wrong at character \(offset + 1): \(problem)" }
}
