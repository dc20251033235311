import Telemetry

/// What retention has deleted of one kind, by position: a reader is told what it has missed, and nothing of what it had read before.
struct PurgedSpans: Sendable, Hashable {
    /// Rows that were gone together: a sealed block, or several that lay behind one another.
    struct Span: Sendable, Hashable {
        /// Positions of the first and the last arrival that had rows in it.
        var first: LogPosition
        var last: LogPosition
        var from: Timestamp
        var to: Timestamp
        var rows: Int

        /// How many of the rows lie at `position` or before it, taken as if they lay evenly: where single rows lay went with them. Differences of two of
        /// these add up to all rows, however a reader cuts its way.
        func rows(through position: LogPosition) -> Int {
            guard position >= first else { return 0 }
            guard position < last else { return rows }
            let share = UInt64(rows).multipliedFullWidth(by: position - first + 1)
            return Int((last - first + 1).dividingFullWidth(share).quotient)
        }

        mutating func join(_ other: Span) {
            (first, last) = (min(first, other.first), max(last, other.last))
            (from, to, rows) = (min(from, other.from), max(to, other.to), rows + other.rows)
        }
    }

    /// Spans that are told apart; beyond it the earliest become one, which only readers that are very far behind can notice.
    static let spansMax = 512

    /// In the order of their first positions.
    private(set) var spans: [Span] = []

    init() {}

    init(_ spans: [Span]) { for span in spans { add(span) } }

    mutating func add(_ span: Span) {
        spans.insert(span, at: spans.lastIndex { $0.first <= span.first }.map { $0 + 1 } ?? 0)
        while spans.count > Self.spansMax {
            let earliest = spans.removeFirst()
            spans[0].join(earliest)
        }
    }

    /// What a reader that goes from `position` to `next` passes over; nil: nothing.
    func loss(after position: LogPosition, through next: LogPosition) -> Span? {
        var loss: Span?
        for span in spans where span.first <= next && span.last > position {
            var part = span
            part.rows = span.rows(through: next) - span.rows(through: position)
            guard part.rows > 0 else { continue }
            (part.first, part.last) = (max(span.first, position + 1), min(span.last, next))
            if loss == nil { loss = part } else { loss?.join(part) }
        }
        return loss
    }
}
