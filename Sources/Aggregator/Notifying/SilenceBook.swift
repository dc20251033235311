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
        // One that matches everything by accident would hide every alert; Alertmanager refuses it too.
        guard matchers.contains(where: { !$0.holds(for: .empty) }) else {
            throw .invalid("every matcher of the silence also matches an alert without the label: at least one must require a value")
        }
        entries[silence.id] = Entry(silence: silence, matchers: matchers)
    }

    /// Ends it now; nil when there is none, or when it has ended already.
    mutating func expire(_ id: UUID, at now: Timestamp) -> Silence? {
        guard var entry = entries[id], entry.silence.endsAt > now else { return nil }
        entry.silence.endsAt = now
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

    private static func matchers(of silence: Silence) throws(QueryError) -> [AlertMatcher] {
        var matchers: [AlertMatcher] = []
        for text in silence.matchers {
            do throws(AlertMatcher.Malformed) { matchers += try AlertMatcher.parse(text) } catch { throw .invalid(error.description) }
        }
        guard !matchers.isEmpty else { throw .invalid("a silence without matchers: give at least one, such as alertname=\"DiskFull\"") }
        return matchers
    }
}
