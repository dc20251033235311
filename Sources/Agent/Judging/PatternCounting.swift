import Matching
import Rules
import Telemetry

/// Lines of one read that a pattern matched.
struct PatternMatches: Sendable, Equatable {
    var count: UInt64 = 0
    /// When the lines were written, by their own word, of those that are older than ``PatternCounting/lateAfter``: whole seconds, and how many.
    var late: [Int64: UInt64] = [:]
}

/// Counts which patterns a read of lines matches: each line is looked at once, by all patterns.
struct PatternCounting: Sendable {
    let patterns: [LogPattern]
    private let set: PatternSet

    init(patterns: [LogPattern]) { (self.patterns, set) = (patterns, PatternSet(patterns.map(\.pattern))) }

    /// A line that is younger is of now: it is counted when it is read.
    static let lateAfter = Duration.seconds(1)

    /// Matching lines by pattern name; only those that matched.
    func count(in events: [Event], at now: Timestamp) -> [String: PatternMatches] {
        guard !patterns.isEmpty else { return [:] }
        let lateBefore = now.advanced(by: .zero - Self.lateAfter)
        var counts = Array(repeating: PatternMatches(), count: patterns.count)
        var found = false
        for event in events where event.type == Event.logLine {
            guard let message = event.message else { continue }
            let line = message.utf8Span.span
            set.forEachMatch(in: line) { index in
                counts[index].count += 1
                if event.timestamp < lateBefore { counts[index].late[event.timestamp.nanoseconds / 1_000_000_000, default: 0] += 1 }
                found = true
            }
        }
        guard found else { return [:] }
        return Dictionary(zip(patterns.map(\.name), counts).filter { $0.1.count > 0 }, uniquingKeysWith: { first, _ in first })
    }
}
