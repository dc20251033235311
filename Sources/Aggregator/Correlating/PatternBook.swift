import Telemetry

/// What a pattern has seen for one set of values.
struct PatternState: Sendable, Hashable {
    struct Key: Sendable, Hashable {
        var pattern: String
        /// In Prometheus's notation; `{}` where nothing must be equal.
        var values: String
    }

    var key: Key
    var values: Labels
    /// Times of A that count still, in order; at most ``CorrelatingLimits/patternTimesMax``.
    var firsts: [Timestamp] = []
    /// Of the same index as `firsts`, where a B is missed: when it is too late for one, by our clock.
    var dueAt: [Timestamp] = []
    /// The latest of A and B, for the record; at most ``CorrelatingLimits/patternEventsMax``.
    var events: [Event] = []
    /// While its alert fires: until when, unless the pattern holds again.
    var firingUntil: Timestamp?
    /// When something was taken in last, by our clock.
    var heardAt: Timestamp

    var host: String { values["host"] ?? "" }
}

/// What a pattern says.
enum PatternVerdict: Sendable, Hashable {
    /// It holds. `at`: the moment that completed it. `isOld`: it did so long ago, and nobody is paged for it.
    case holds(IncidentPattern, PatternState, at: Timestamp, isOld: Bool)
    /// Its alert ends.
    case over(PatternState)
}

/// The states of all patterns. Pure. What is counted is each event's own time; what is waited for is waited by our clock.
struct PatternBook: Sendable {
    private let patterns: [IncidentPattern]
    private(set) var states: [PatternState.Key: PatternState] = [:]
    private var changed: Set<PatternState.Key> = []
    private(set) var refusedOverLimit = 0

    init(_ patterns: [IncidentPattern], restoring stored: [PatternState] = []) {
        self.patterns = patterns
        for state in stored { states[state.key] = state }
    }

    // MARK: Hits

    mutating func take(_ hit: PatternHit, now: Timestamp) -> PatternVerdict? {
        let pattern = patterns[hit.pattern]
        let key = PatternState.Key(pattern: pattern.name, values: hit.values.description)
        // A B without an A says nothing.
        if states[key] == nil, hit.part == .second { return nil }
        guard states[key] != nil || states.count < CorrelatingLimits.patternStatesMax else {
            refusedOverLimit += 1
            return nil
        }
        var state = states[key] ?? PatternState(key: key, values: hit.values, heardAt: now)
        let at = hit.event.timestamp
        state.heardAt = now
        var verdict: PatternVerdict?
        switch (hit.part, pattern.shape) {
        case (.first, .repeated(let count)):
            note(hit.event, in: &state)
            insert(at, in: &state, max: count)
            if state.firsts.count >= count, let first = state.firsts.first, let last = state.firsts.last,
                last.duration(since: first) <= pattern.within
            {
                state.firsts = []
                verdict = holds(pattern, &state, at: last, now: now)
            }
        case (.first, .followed):
            note(hit.event, in: &state)
            insert(at, in: &state, max: CorrelatingLimits.patternTimesMax)
        case (.first, .missing):
            note(hit.event, in: &state)
            guard state.firsts.count < CorrelatingLimits.patternTimesMax else { break }
            state.firsts.append(at)
            state.dueAt.append(max(at.advanced(by: pattern.within + CorrelatingLimits.patternSlack), now.advanced(by: settle(at, now: now))))
        case (.second, .followed):
            let isMet = state.firsts.contains { $0 <= at && at <= $0.advanced(by: pattern.within) }
            guard isMet else { return nil }
            note(hit.event, in: &state)
            state.firsts.removeAll { $0 <= at }
            verdict = holds(pattern, &state, at: at, now: now)
        case (.second, .missing):
            let met = state.firsts.indices.filter { state.firsts[$0] <= at && at <= state.firsts[$0].advanced(by: pattern.within) }
            for index in met.reversed() {
                state.firsts.remove(at: index)
                state.dueAt.remove(at: index)
            }
            // What was missed has come after all.
            if state.firingUntil != nil { verdict = over(&state) }
        case (.second, .repeated): return nil
        }
        keep(state)
        return verdict
    }

    /// Old data arrives in one rush; what belongs to it may be a moment behind.
    private func settle(_ at: Timestamp, now: Timestamp) -> Duration {
        let age = now.duration(since: at)
        guard age > CorrelatingLimits.freshFor else { return .zero }
        return min(max(age / 10, CorrelatingLimits.settleMin), CorrelatingLimits.settleMax)
    }

    private func insert(_ at: Timestamp, in state: inout PatternState, max count: Int) {
        let index = state.firsts.firstIndex { $0 > at } ?? state.firsts.endIndex
        state.firsts.insert(at, at: index)
        if state.firsts.count > count { state.firsts.removeFirst(state.firsts.count - count) }
    }

    private func note(_ event: Event, in state: inout PatternState) {
        state.events.append(event)
        if state.events.count > CorrelatingLimits.patternEventsMax { state.events.removeFirst() }
    }

    private func holds(_ pattern: IncidentPattern, _ state: inout PatternState, at: Timestamp, now: Timestamp) -> PatternVerdict {
        let isOld = now.duration(since: at) > CorrelatingLimits.patternFreshFor
        if let alert = pattern.alert, !isOld { state.firingUntil = now.advanced(by: alert.keepFiringFor) }
        let seen = state
        state.events = []
        return .holds(pattern, seen, at: at, isOld: isOld)
    }

    private func over(_ state: inout PatternState) -> PatternVerdict {
        state.firingUntil = nil
        return .over(state)
    }

    // MARK: Time

    /// What time alone decides.
    /// - Parameter isHeard: whether a host's data arrives at present: while it does not, nothing of it is missed.
    mutating func judge(now: Timestamp, isHeard: (String) -> Bool) -> [PatternVerdict] {
        var verdicts: [PatternVerdict] = []
        for (key, known) in states {
            var state = known
            let pattern = patterns.first { $0.name == key.pattern }
            if let until = state.firingUntil, now >= until || pattern == nil { verdicts.append(over(&state)) }
            if let pattern, case .missing = pattern.shape {
                while let index = state.dueAt.firstIndex(where: { $0 <= now }) {
                    // Its logs lie in its spool: asked again when it is back, for as long as somebody would care.
                    let at = state.firsts[index].advanced(by: pattern.within)
                    if !state.host.isEmpty, !isHeard(state.host), now.duration(since: at) < CorrelatingLimits.patternFreshFor {
                        state.dueAt[index] = now.advanced(by: CorrelatingLimits.settleMax)
                        continue
                    }
                    state.firsts.remove(at: index)
                    state.dueAt.remove(at: index)
                    verdicts.append(holds(pattern, &state, at: at, now: now))
                }
            }
            let isIdle = state.firingUntil == nil && state.dueAt.isEmpty
            if isIdle, pattern == nil || now.duration(since: state.heardAt) > (pattern?.within ?? .zero) + CorrelatingLimits.patternFreshFor {
                states[key] = nil
                changed.insert(key)
            } else if state != known {
                keep(state)
            }
        }
        return verdicts.sorted { $0.order < $1.order }
    }

    /// When `judge` has something to do; nil when it has not.
    var nextDeadline: Timestamp? {
        var next: Timestamp?
        for state in states.values {
            if let until = state.firingUntil { next = min(next ?? until, until) }
            for due in state.dueAt { next = min(next ?? due, due) }
        }
        return next
    }

    // MARK: Writing

    private mutating func keep(_ state: PatternState) {
        states[state.key] = state
        changed.insert(state.key)
    }

    /// The state, or nil where it was forgotten.
    mutating func takeChanges() -> [PatternState.Key: PatternState?] {
        defer { changed = [] }
        var changes: [PatternState.Key: PatternState?] = [:]
        for key in changed { changes[key] = .some(states[key]) }
        return changes
    }
}

extension PatternVerdict {
    fileprivate var order: (String, String) {
        switch self {
        case .holds(_, let state, _, _), .over(let state): (state.key.pattern, state.key.values)
        }
    }
}
