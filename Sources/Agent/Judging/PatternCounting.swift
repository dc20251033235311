import Matching
import Rules
import Telemetry

/// Counts which patterns a read of lines matches: each line is looked at once, by all patterns.
struct PatternCounting: Sendable {
    let patterns: [LogPattern]

    /// Matching lines by pattern name; only those that matched.
    func count(in events: [Event]) -> [String: UInt64] {
        guard !patterns.isEmpty else { return [:] }
        var counts = Array(repeating: UInt64(0), count: patterns.count)
        var found = false
        for event in events where event.type == Event.logLine {
            guard let message = event.message else { continue }
            let line = message.utf8Span.span
            for index in patterns.indices where patterns[index].pattern.matches(line) {
                counts[index] += 1
                found = true
            }
        }
        guard found else { return [:] }
        return Dictionary(zip(patterns.map(\.name), counts).filter { $0.1 > 0 }, uniquingKeysWith: +)
    }
}
