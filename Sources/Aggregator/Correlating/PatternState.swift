import Telemetry

/// What a pattern has seen for one set of values.
struct PatternState: Sendable, Hashable {
    struct Key: Sendable, Hashable {
        var pattern: String
        /// In Prometheus's notation; `{}` where nothing must be equal.
        var values: String
    }

    /// A time of B.
    struct Second: Sendable, Hashable {
        var at: Timestamp
        /// The same event is an A, too: it does not answer itself.
        var isFirst = false
    }

    /// Times that lie so close together that they are told once.
    struct Spell: Sendable, Hashable {
        /// Of the earliest event that belongs to it, and when the pattern held last.
        var from: Timestamp
        var to: Timestamp
        /// Events that were handed to its incident.
        var handed = 0
    }

    var key: Key
    var values: Labels
    /// Times of A, in order; of the pattern "A and no B" only those that wait for a B. At most ``CorrelatingLimits/patternTimesMax``, or twice `count`.
    var firsts: [Timestamp] = []
    /// Of the same index as `firsts`, where a B is missed: when it is too late for one, by our clock.
    var dueAt: [Timestamp] = []
    /// Times of B, in order: one may arrive before its A. At most ``CorrelatingLimits/patternTimesMax``.
    var seconds: [Second] = []
    /// The latest of A and B that belong to nothing yet, in order; at most ``CorrelatingLimits/patternEventsMax``.
    var events: [Event] = []
    /// Where it held last.
    var spell: Spell?
    /// While its alert fires: until when, unless the pattern holds again.
    var firingUntil: Timestamp?
    /// When something was taken in last, by our clock.
    var heardAt: Timestamp

    var host: String { values["host"] ?? "" }

    /// Nothing but Bs, which are kept for an A that is late.
    var isEarly: Bool { firsts.isEmpty && firingUntil == nil }

    /// What a verdict is about, taken out of what belongs to nothing yet.
    mutating func takeEvents(from: Timestamp, to: Timestamp) -> [Event] {
        let belonging = events.filter { from <= $0.timestamp && $0.timestamp <= to }
        events.removeAll { from <= $0.timestamp && $0.timestamp <= to }
        return belonging
    }

    mutating func note(_ event: Event) {
        let index = events.lastIndex { $0.timestamp <= event.timestamp }.map { $0 + 1 } ?? 0
        events.insert(event, at: index)
        if events.count > CorrelatingLimits.patternEventsMax { events.removeFirst() }
    }

    /// - Parameter horizon: what is older goes first when there are too many.
    mutating func insertFirst(_ at: Timestamp, max limit: Int, horizon: Timestamp, isCounted: Bool) {
        firsts.insert(at, at: firsts.lastIndex { $0 <= at }.map { $0 + 1 } ?? 0)
        guard firsts.count > limit else { return }
        firsts.removeAll { $0 < horizon }
        // Of what is counted the latest stay; of what is met, what covers the time best.
        while firsts.count > limit { firsts.remove(at: isCounted ? 0 : Self.densest(firsts)) }
    }

    mutating func insertSecond(_ second: Second, horizon: Timestamp) {
        seconds.insert(second, at: seconds.lastIndex { $0.at <= second.at }.map { $0 + 1 } ?? 0)
        guard seconds.count > CorrelatingLimits.patternTimesMax else { return }
        seconds.removeAll { $0.at < horizon }
        while seconds.count > CorrelatingLimits.patternTimesMax { seconds.remove(at: Self.densest(seconds.map(\.at))) }
    }

    /// The one whose neighbours lie closest together: without it least is lost. Never the first or the last.
    private static func densest(_ times: [Timestamp]) -> Int {
        var (found, smallest) = (0, Duration.nanoseconds(Int64.max))
        for index in times.indices.dropFirst().dropLast() {
            let gap = times[index + 1].duration(since: times[index - 1])
            if gap < smallest { (found, smallest) = (index, gap) }
        }
        return found
    }
}

/// What a pattern says.
enum PatternVerdict: Sendable, Hashable {
    /// It holds, or more belongs to what held. The state's events: those that nobody was handed before. `from`: the first event that belongs to it.
    /// `at`: the moment that completed it. `isOld`: it did so long ago, and nobody is paged for it.
    case holds(IncidentPattern, PatternState, from: Timestamp, at: Timestamp, isOld: Bool)
    /// Its alert ends.
    case over(PatternState, at: Timestamp)

    var order: (String, String) {
        switch self {
        case .holds(_, let state, _, _, _), .over(let state, _): (state.key.pattern, state.key.values)
        }
    }
}
