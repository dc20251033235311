/// Several patterns that are looked for in the same subjects. Most subjects match none of them, and that is found out in one search for all: their
/// alternatives joined. Twenty patterns cost a line half of what twenty searches do.
package struct PatternSet: Sendable {
    /// Patterns that are joined at most: what PCRE2 makes of more grows beyond what its limits allow.
    private static let joinedMax = 32
    /// Fewer are as quick one by one.
    private static let joinedMin = 3

    private struct Part: Sendable {
        var indices: Range<Int>
        /// Found wherever one of the patterns is; nil: they are searched one by one.
        var filter: Pattern?
    }

    package let patterns: [Pattern]
    private let parts: [Part]

    package init(_ patterns: [Pattern]) {
        self.patterns = patterns
        parts = stride(from: 0, to: patterns.count, by: Self.joinedMax).map { start in
            let indices = start..<min(patterns.count, start + Self.joinedMax)
            return Part(indices: indices, filter: indices.count < Self.joinedMin ? nil : Pattern(anyOf: Array(patterns[indices])))
        }
    }

    /// Calls `body` with the place of each pattern that is found in the subject, in their order.
    package func forEachMatch(in bytes: Span<UInt8>, _ body: (Int) -> Void) {
        for part in parts {
            if let filter = part.filter, !filter.mayMatch(bytes) { continue }
            for index in part.indices where patterns[index].matches(bytes) { body(index) }
        }
    }
}
