import Blocks
import Telemetry

/// Which events are evidence: warnings and worse of the host, but not our own words about its alerts.
enum Evidence {
    /// The events of a block that may be evidence for `host`, cut to what is worth keeping; each carries its id.
    static func events(in block: StoredBlock, of host: String, window: ClosedRange<Timestamp>) -> [Event] {
        guard block.kind == .events, block.host.isEmpty || block.host == host, let events = try? EventBlock(decoding: block.bytes) else {
            return []
        }
        let repeated = Set(block.repeatedRows)
        var found: [Event] = []
        for row in 0..<events.count where events.severity(at: row) >= .warning {
            guard window.contains(Timestamp(nanoseconds: events.timestamps[row])), !repeated.contains(UInt32(row)) else { continue }
            var event = events.event(at: row)
            guard event.host == host else { continue }
            if event.id == nil { event.id = id(of: event, row: row, in: block) }
            if let event = cut(event) { found.append(event) }
        }
        return found
    }

    /// The hosts that a block's events are about: the agent's own, or whoever a client names.
    static func hosts(in block: StoredBlock) -> [String] {
        if !block.host.isEmpty { return [block.host] }
        guard let events = try? EventBlock(decoding: block.bytes) else { return [] }
        var hosts: Set<String> = []
        for row in 0..<events.count where events.severity(at: row) >= .warning { hosts.insert(events.hosts[row]) }
        return hosts.subtracting([""]).sorted()
    }

    /// The id of a row whose client gave none.
    static func id(of event: Event, row: Int, in block: StoredBlock) -> UUID {
        var origin = block.origin
        origin.row &+= UInt32(truncatingIfNeeded: row)
        return .derived(at: event.timestamp, from: origin)
    }

    /// Our own words about alerts and hosts; what an agent says of its host is not among them.
    static func isOwn(_ event: Event) -> Bool {
        guard event.source == Event.ownSource, event.type != AgentNotice.booted else { return false }
        return ["alert.", "host.", "site.", "incident."].contains { event.type.hasPrefix($0) }
    }

    /// What is kept of an event; nil for our own words about alerts.
    static func cut(_ event: Event) -> Event? {
        isOwn(event) ? nil : shortened(event)
    }

    /// An event with what is too long of it cut.
    static func shortened(_ event: Event) -> Event {
        var event = event
        if let message = event.message, message.utf8.count > CorrelatingLimits.evidenceTextMax {
            event.message = String(message.prefix(CorrelatingLimits.evidenceTextMax)) + "…"
        }
        // Half a JSON object is none.
        if event.data.utf8.count > CorrelatingLimits.evidenceTextMax { event.data = "{}" }
        return event
    }

    /// What the message's kind is known by: its first words without digits in them; nil when there are too few.
    static func words(of event: Event) -> String? {
        let words = (event.message ?? "").split { !$0.isLetter && !$0.isNumber && $0 != "_" }.filter { $0.count > 2 && $0.allSatisfy(\.isLetter) }
        guard words.count >= CorrelatingLimits.templateWordsMin else { return nil }
        return words.prefix(CorrelatingLimits.templateWordsMax).map { String($0) }.joined(separator: " ")
    }

    static let firstSeenType = "message.first_seen"

    /// Says that nothing of its kind was written before.
    static func firstOccurrence(_ event: Event) -> Event {
        var first = event
        (first.type, first.data) = (firstSeenType, "{}")
        return first
    }
}
