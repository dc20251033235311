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
            if event.id == nil {
                var origin = block.origin
                origin.row &+= UInt32(truncatingIfNeeded: row)
                event.id = .derived(at: event.timestamp, from: origin)
            }
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

    private static func isOwn(_ event: Event) -> Bool {
        event.source == Event.ownSource && (event.type.hasPrefix("alert.") || event.type.hasPrefix("host."))
    }

    /// What is kept of an event; nil for our own words about alerts.
    static func cut(_ event: Event) -> Event? {
        guard !isOwn(event) else { return nil }
        var event = event
        if let message = event.message, message.utf8.count > CorrelatingLimits.evidenceTextMax {
            event.message = String(message.prefix(CorrelatingLimits.evidenceTextMax)) + "…"
        }
        // Half a JSON object is none.
        if event.data.utf8.count > CorrelatingLimits.evidenceTextMax { event.data = "{}" }
        return event
    }
}
