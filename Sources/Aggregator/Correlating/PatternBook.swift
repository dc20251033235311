import Telemetry

/// The states of all patterns. Pure. What counts is each event's own time, whatever the order of arrival; what is waited for is waited by our clock.
///
/// ```
/// A, then B     holds at each B that has an A in the time before it
/// N of A        holds at the last of any N that lie within the time
/// A and no B    holds a time after each A without a B in it, and is decided `allowedLateness` later
/// ```
/// Each is a statement about a set of times, so an event that is `allowedLateness` late at most completes what it would have completed in time:
/// a B waits that long for its A. What holds while it is told already adds its events to the same incident, and the alert lasts longer.
struct PatternBook: Sendable {
    private var patterns: [IncidentPattern]
    private(set) var states: [PatternState.Key: PatternState] = [:]
    /// States of Bs alone.
    private var earlyCount = 0
    private var changed: Set<PatternState.Key> = []
    private(set) var refusedOverLimit = 0

    init(_ patterns: [IncidentPattern], restoring stored: [PatternState] = []) {
        self.patterns = patterns
        for state in stored { states[state.key] = fitted(state) }
        earlyCount = states.values.count { $0.isEarly }
    }

    /// Other patterns: what was seen for one of the same name goes on; what one that is gone says ends with the next judgement.
    mutating func adopt(_ patterns: [IncidentPattern]) {
        self.patterns = patterns
        for state in states.values {
            let fitted = fitted(state)
            if fitted != state { keep(fitted) }
        }
    }

    /// A pattern may have become another under its old name: times of A wait for a B only where one is missed.
    private func fitted(_ state: PatternState) -> PatternState {
        guard let pattern = patterns.first(where: { $0.name == state.key.pattern }) else { return state }
        let isMissing = if case .missing = pattern.shape { true } else { false }
        guard state.dueAt.count != (isMissing ? state.firsts.count : 0) else { return state }
        var fitted = state
        (fitted.firsts, fitted.dueAt, fitted.seconds, fitted.events) = ([], [], [], [])
        return fitted
    }

    // MARK: Hits

    mutating func take(_ hit: PatternHit, now: Timestamp) -> PatternVerdict? {
        let pattern = patterns[hit.pattern]
        if case .repeated = pattern.shape, hit.part == .second { return nil }
        let key = PatternState.Key(pattern: pattern.name, values: hit.values.description)
        // Taken out while it changes, so that nothing is copied: there may be a flood of these.
        var state: PatternState
        if let known = states.removeValue(forKey: key) {
            earlyCount -= known.isEarly ? 1 : 0
            state = known
        } else {
            guard hasRoom(for: hit.part) else {
                refusedOverLimit += 1
                return nil
            }
            state = PatternState(key: key, values: hit.values, heardAt: now)
        }
        state.heardAt = now
        let verdict: PatternVerdict?
        switch (hit.part, pattern.shape) {
        case (.first, .repeated(let count)): verdict = tally(hit, pattern, of: count, in: &state, now: now)
        case (.first, .followed): verdict = takeFirst(hit, pattern, in: &state, now: now)
        case (.first, .missing):
            expect(hit, pattern, in: &state, now: now)
            verdict = nil
        case (.second, .followed): verdict = takeSecond(hit, pattern, in: &state, now: now)
        case (.second, .missing): verdict = takeMissed(hit, pattern, in: &state, now: now)
        case (.second, .repeated): verdict = nil
        }
        keep(state)
        return verdict
    }

    /// Bs that wait for an A never take the place of what is watched.
    private func hasRoom(for part: PatternHit.Part) -> Bool {
        switch part {
        case .first: states.count - earlyCount < CorrelatingLimits.patternStatesMax
        case .second: earlyCount < CorrelatingLimits.patternEarlyMax
        }
    }

    private func tally(_ hit: PatternHit, _ pattern: IncidentPattern, of count: Int, in state: inout PatternState, now: Timestamp) -> PatternVerdict?
    {
        let at = hit.event.timestamp
        state.note(hit.event)
        let horizon = horizon(pattern, at, now: now)
        state.insertFirst(at, max: max(CorrelatingLimits.patternTimesMax, 2 * count), horizon: horizon, isCounted: true)
        let times = state.firsts
        guard let index = times.lastIndex(of: at) else { return nil }
        // All of N times around this one.
        var (from, to): (Timestamp?, Timestamp?) = (nil, nil)
        for start in max(0, index - count + 1)...index where start + count <= times.count {
            let end = times[start + count - 1]
            guard end.duration(since: times[start]) <= pattern.within else { continue }
            (from, to) = (from ?? times[start], end)
        }
        guard let from, let to else { return nil }
        return holds(pattern, &state, from: from, at: to, now: now)
    }

    private func takeFirst(_ hit: PatternHit, _ pattern: IncidentPattern, in state: inout PatternState, now: Timestamp) -> PatternVerdict? {
        let at = hit.event.timestamp
        state.note(hit.event)
        state.insertFirst(at, max: CorrelatingLimits.patternTimesMax, horizon: horizon(pattern, at, now: now), isCounted: false)
        guard let last = answers(to: at, pattern, in: state).last else { return nil }
        return holds(pattern, &state, from: at, at: last.at, now: now)
    }

    private func takeSecond(_ hit: PatternHit, _ pattern: IncidentPattern, in state: inout PatternState, now: Timestamp) -> PatternVerdict? {
        let at = hit.event.timestamp
        state.note(hit.event)
        state.insertSecond(PatternState.Second(at: at, isFirst: hit.isBoth), horizon: horizon(pattern, at, now: now))
        guard let first = state.firsts.first(where: { $0 <= at && at.duration(since: $0) <= pattern.within }) else { return nil }
        return holds(pattern, &state, from: first, at: at, now: now)
    }

    private func expect(_ hit: PatternHit, _ pattern: IncidentPattern, in state: inout PatternState, now: Timestamp) {
        let at = hit.event.timestamp
        guard answers(to: at, pattern, in: state).isEmpty, state.firsts.count < CorrelatingLimits.patternTimesMax else { return }
        state.note(hit.event)
        let index = state.firsts.lastIndex { $0 <= at }.map { $0 + 1 } ?? 0
        state.firsts.insert(at, at: index)
        let due = max(at.advanced(by: pattern.within + pattern.allowedLateness), now.advanced(by: settle(at, now: now)))
        state.dueAt.insert(due, at: index)
    }

    private func takeMissed(_ hit: PatternHit, _ pattern: IncidentPattern, in state: inout PatternState, now: Timestamp) -> PatternVerdict? {
        let at = hit.event.timestamp
        state.insertSecond(PatternState.Second(at: at, isFirst: hit.isBoth), horizon: horizon(pattern, at, now: now))
        let met = state.firsts.indices.filter { state.firsts[$0] <= at && at.duration(since: state.firsts[$0]) <= pattern.within }
        for index in met.reversed() {
            let first = state.firsts.remove(at: index)
            state.dueAt.remove(at: index)
            state.events.removeAll { $0.timestamp == first }
        }
        // What was missed has come after all.
        guard state.firingUntil != nil, state.spell.map({ at >= $0.to.advanced(by: .zero - pattern.within) }) ?? true else { return nil }
        return over(&state, at: at)
    }

    /// Bs that answer an A, in order.
    private func answers(to at: Timestamp, _ pattern: IncidentPattern, in state: PatternState) -> [PatternState.Second] {
        state.seconds.filter { at <= $0.at && $0.at.duration(since: at) <= pattern.within && !($0.isFirst && $0.at == at) }
    }

    /// What is older than this has no part in what arrives in time. A clock that is ahead moves it no further than ours.
    private func horizon(_ pattern: IncidentPattern, _ at: Timestamp, now: Timestamp) -> Timestamp {
        min(at, now).advanced(by: .zero - pattern.within - pattern.allowedLateness)
    }

    /// Old data arrives in one rush; what belongs to it may be a moment behind.
    private func settle(_ at: Timestamp, now: Timestamp) -> Duration {
        let age = now.duration(since: at)
        guard age > CorrelatingLimits.freshFor else { return .zero }
        return min(max(age / 10, CorrelatingLimits.settleMin), CorrelatingLimits.settleMax)
    }

    /// Nil where it adds nothing: what belongs to it has handed over enough, and its alert fires.
    private func holds(_ pattern: IncidentPattern, _ state: inout PatternState, from: Timestamp, at: Timestamp, now: Timestamp) -> PatternVerdict? {
        let isOld = now.duration(since: at) > CorrelatingLimits.patternFreshFor
        let isMissed = if case .missing = pattern.shape { true } else { false }
        let wasFiring = state.firingUntil != nil
        if let alert = pattern.alert, !isOld {
            // By the events' own time, so that the order of arrival does not move the end; what is late is told for a moment all the same. What
            // is missed is known only now.
            let end = (isMissed ? now : min(at, now)).advanced(by: alert.keepFiringFor)
            let soonest = now.advanced(by: min(alert.keepFiringFor, CorrelatingLimits.patternFiresMin))
            state.firingUntil = max(state.firingUntil ?? .distantPast, end, soonest)
        }
        let before = state.spell.flatMap { spell in
            from.duration(since: spell.to) <= pattern.within && spell.from.duration(since: at) <= pattern.within ? spell : nil
        }
        var spell = before ?? PatternState.Spell(from: from, to: at)
        (spell.from, spell.to) = (min(spell.from, from), max(spell.to, at))
        var seen = state
        // What is missed is missed after this one event; others that wait may be answered yet.
        seen.events = state.takeEvents(from: from, to: isMissed ? from : at)
        let isNews = before == nil || from < (before?.from ?? from) || pattern.alert != nil && !isOld && !wasFiring
        let isTold = !isNews && (seen.events.isEmpty || spell.handed >= CorrelatingLimits.patternEventsMax)
        spell.handed += seen.events.count
        state.spell = spell
        return isTold ? nil : .holds(pattern, seen, from: from, at: at, isOld: isOld)
    }

    private func over(_ state: inout PatternState, at: Timestamp) -> PatternVerdict {
        state.firingUntil = nil
        return .over(state, at: at)
    }

    // MARK: Time

    /// What time alone decides.
    /// - Parameter isHeard: whether a host's data arrives at present: while it does not, nothing of it is missed.
    mutating func judge(now: Timestamp, isHeard: (String) -> Bool) -> [PatternVerdict] {
        var verdicts: [PatternVerdict] = []
        for (key, known) in states {
            var state = known
            let pattern = patterns.first { $0.name == key.pattern }
            if let until = state.firingUntil, now >= until || pattern == nil { verdicts.append(over(&state, at: min(until, now))) }
            if let pattern, case .missing = pattern.shape { verdicts += judgeMissing(pattern, in: &state, now: now, isHeard) }
            if isForgotten(state, pattern, now: now) {
                forget(key)
            } else if state != known {
                keep(state)
            }
        }
        return verdicts.enumerated().sorted { a, b in
            a.element.order == b.element.order ? a.offset < b.offset : a.element.order < b.element.order
        }.map(\.element)
    }

    private func judgeMissing(_ pattern: IncidentPattern, in state: inout PatternState, now: Timestamp, _ isHeard: (String) -> Bool)
        -> [PatternVerdict]
    {
        var verdicts: [PatternVerdict] = []
        while let index = state.dueAt.firstIndex(where: { $0 <= now }) {
            let first = state.firsts[index]
            // Its logs lie in its spool: asked again when it is back, for as long as somebody would care.
            let at = first.advanced(by: pattern.within)
            if !state.host.isEmpty, !isHeard(state.host), now.duration(since: at) < CorrelatingLimits.patternFreshFor {
                state.dueAt[index] = now.advanced(by: CorrelatingLimits.settleMax)
                continue
            }
            state.firsts.remove(at: index)
            state.dueAt.remove(at: index)
            if let verdict = holds(pattern, &state, from: first, at: at, now: now) { verdicts.append(verdict) }
            // It has come meanwhile, too late.
            if state.firingUntil != nil, let late = state.seconds.first(where: { $0.at > at }) { verdicts.append(over(&state, at: late.at)) }
        }
        return verdicts
    }

    private func isForgotten(_ state: PatternState, _ pattern: IncidentPattern?, now: Timestamp) -> Bool {
        guard state.firingUntil == nil, state.dueAt.isEmpty else { return false }
        guard let pattern else { return true }
        let silence = now.duration(since: state.heardAt)
        if state.isEarly, state.spell == nil { return silence > pattern.allowedLateness }
        return silence > pattern.within + CorrelatingLimits.patternFreshFor
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
        earlyCount += (state.isEarly ? 1 : 0) - (states[state.key]?.isEarly == true ? 1 : 0)
        states[state.key] = state
        changed.insert(state.key)
    }

    private mutating func forget(_ key: PatternState.Key) {
        if states.removeValue(forKey: key)?.isEarly == true { earlyCount -= 1 }
        changed.insert(key)
    }

    /// The state, or nil where it was forgotten.
    mutating func takeChanges() -> [PatternState.Key: PatternState?] {
        defer { changed = [] }
        var changes: [PatternState.Key: PatternState?] = [:]
        for key in changed { changes[key] = .some(states[key]) }
        return changes
    }
}
