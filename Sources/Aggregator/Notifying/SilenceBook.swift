import Telemetry

/// The silences with their matchers read. Pure; the store keeps them.
struct SilenceBook: Sendable {
    private struct Entry: Sendable {
        var silence: Silence
        var matchers: [AlertMatcher]
    }

    private var entries: [UUID: Entry] = [:]

    /// - Parameter silences: as stored; one whose matchers can no longer be read is left out.
    init(_ silences: [Silence] = []) {
        for silence in silences {
            if let matchers = try? SilenceBook.matchers(of: silence) { entries[silence.id] = Entry(silence: silence, matchers: matchers) }
        }
    }

    /// Newest first.
    var all: [Silence] { entries.values.map(\.silence).sorted { ($0.startsAt, $0.id) > ($1.startsAt, $1.id) } }

    /// Checks and adds.
    mutating func add(_ silence: Silence, at now: Timestamp) throws(QueryError) {
        guard silence.endsAt > silence.startsAt else {
            throw .invalid("endsAt \(silence.endsAt) is not after startsAt \(silence.startsAt): a silence ends after it begins")
        }
        guard silence.endsAt > now else { throw .invalid("endsAt \(silence.endsAt) is over: give an end in the future") }
        let running = entries.values.count { $0.silence.endsAt > now && $0.silence.id != silence.id }
        guard running < NotifyingLimits.silencesMax else {
            throw .limit("there are \(running) silences already, and \(NotifyingLimits.silencesMax) are allowed: expire some")
        }
        let matchers = try SilenceBook.matchers(of: silence)
        // One that matches everything by accident would hide every alert. As in Alertmanager a negation is taken for what was meant.
        guard matchers.contains(where: { !$0.parts.isEqual || !$0.holds(for: .empty) }) else {
            throw .invalid("every matcher of the silence also matches an alert without the label: at least one must require a value, or exclude one")
        }
        var silence = silence
        silence.updatedAt = now
        entries[silence.id] = Entry(silence: silence, matchers: matchers)
    }

    /// Alertmanager's way to change a silence: its end and its comment, and its start while it is still ahead, change in their place; with other
    /// matchers, or another start of one that runs, it ends and another one begins now.
    /// - Parameter id: nil: a new one.
    /// - Returns: what is to be written, the silence itself last; nil when there is none of this id.
    mutating func set(_ silence: Silence, replacing id: UUID?, at now: Timestamp) throws(QueryError) -> [Silence]? {
        guard let id else { return try replace(nil, with: silence, at: now) }
        guard let known = entries[id] else { return nil }
        var changed = silence
        changed.id = id
        guard try mayChange(known, into: changed, at: now) else { return try replace(known.silence, with: silence, at: now) }
        // What runs keeps its start to the nanosecond.
        if known.silence.startsAt <= now { changed.startsAt = known.silence.startsAt }
        try add(changed, at: now)
        return entries[id].map { [$0.silence] }
    }

    private mutating func replace(_ old: Silence?, with silence: Silence, at now: Timestamp) throws(QueryError) -> [Silence] {
        var fresh = silence
        fresh.startsAt = max(fresh.startsAt, now)
        try add(fresh, at: now)
        let ended = old.flatMap { expire($0.id, at: now) }
        return [ended, entries[fresh.id]?.silence].compactMap { $0 }
    }

    private func mayChange(_ known: Entry, into changed: Silence, at now: Timestamp) throws(QueryError) -> Bool {
        guard known.matchers == (try SilenceBook.matchers(of: changed)), known.silence.endsAt > now else { return false }
        let second = Int64(1_000_000_000)
        return known.silence.startsAt > now
            ? changed.startsAt >= now : changed.startsAt.nanoseconds / second == known.silence.startsAt.nanoseconds / second
    }

    /// Ends it now; nil when there is none, or when it has ended already.
    mutating func expire(_ id: UUID, at now: Timestamp) -> Silence? {
        guard var entry = entries[id], entry.silence.endsAt > now else { return nil }
        (entry.silence.endsAt, entry.silence.updatedAt) = (now, now)
        if entry.silence.startsAt > now { entry.silence.startsAt = now }
        entries[id] = entry
        return entry.silence
    }

    /// Forgets those that ended long ago; returns their ids.
    mutating func prune(at now: Timestamp) -> [UUID] {
        let gone = entries.values.filter { $0.silence.endsAt.advanced(by: NotifyingLimits.silenceKeptFor) < now }.map(\.silence.id)
        for id in gone { entries[id] = nil }
        return gone
    }

    /// A silence that holds now for these labels.
    func silence(for labels: Labels, at now: Timestamp) -> Silence? {
        entries.values.first { $0.silence.startsAt <= now && now < $0.silence.endsAt && $0.matchers.hold(for: labels) }?.silence
    }

    /// All that hold now for these labels.
    func silences(for labels: Labels, at now: Timestamp) -> [UUID] {
        entries.values.filter { $0.silence.startsAt <= now && now < $0.silence.endsAt && $0.matchers.hold(for: labels) }.map(\.silence.id).sorted()
    }

    /// Those that have each of these matchers among their own, as in Alertmanager: name, operator and value are the same.
    func listed(matching filters: [AlertMatcher]) -> [ListedSilence] {
        all.compactMap { silence in
            let own = (entries[silence.id]?.matchers ?? []).map(\.parts)
            return filters.allSatisfy { own.contains($0.parts) } ? ListedSilence(silence: silence, matchers: own) : nil
        }
    }

    private static func matchers(of silence: Silence) throws(QueryError) -> [AlertMatcher] {
        var matchers: [AlertMatcher] = []
        for text in silence.matchers {
            do throws(AlertMatcher.Malformed) { matchers += try AlertMatcher.parse(text) } catch { throw .invalid(error.description) }
        }
        guard !matchers.isEmpty else { throw .invalid("a silence without matchers: give at least one, such as alertname=\"DiskFull\"") }
        return matchers
    }
}
