import Telemetry

/// The alert that the aggregator itself raises: a host fell silent. No rule file holds it, because a host that is down judges nothing.
enum HostDown {
    static let alertName = "HostDown"

    static func labels(of host: String) -> Labels {
        ["alertname": alertName, "host": host, "instance": host, "job": "tocsin", "severity": "critical"]
    }

    /// - Parameter firing: what fired on the host when it was last heard of.
    static func alert(for lease: HostLease, firing: [Alert], after: Duration, startsAt: Timestamp, now: Timestamp) -> Alert {
        let record = lease.record
        let lastSeen = "\(word(for: lease.lastKind)) of \(lease.lastDataAt)"
        let open = firing.map(\.name).sorted()
        var known = "no alert was firing there then"
        if !open.isEmpty {
            known = "firing there then: " + open.prefix(10).joined(separator: ", ") + (open.count > 10 ? " and \(open.count - 10) more" : "")
        }
        var (summary, beginning) = (
            "\(record.host) has sent nothing since \(record.lastContact)", "\(record.host) has sent nothing for more than \(Int(after.inSeconds)) s."
        )
        if let goodbye = lease.goodbye {
            summary = "\(record.host) did not come back: \(goodbye.kind.words), it said at \(goodbye.saidAt)"
            beginning = "\(record.host) said goodbye (\(goodbye.kind.rawValue)) at \(goodbye.saidAt) and was expected back by \(goodbye.until)."
        }
        var annotations: Labels = [
            "summary": summary,
            "description": """
            \(beginning) Last contact \(record.lastContact), \
            last seen: \(lastSeen); \(known). Check that the host runs and reaches this aggregator; on the host: \
            `systemctl status tocsin-agent` and `agentctl status`. What it collected meanwhile is in its spool and will arrive. \
            If it is gone for good: `agentctl hosts forget \(record.host)`.
            """,
            "last_contact": record.lastContact.rfc3339,
            "last_seen": lastSeen,
        ]
        if let site = lease.foldedInto { annotations = annotations.setting(Alert.foldedIntoAnnotation, to: site) }
        return Alert(
            labels: labels(of: record.host),
            annotations: annotations,
            state: .firing,
            activeAt: record.lastContact,
            startsAt: startsAt,
            value: now.duration(since: record.lastContact).inSeconds,
            updatedAt: now,
            expression: "seconds since last contact >= \(Int(after.inSeconds))"
        )
    }

    static func ended(_ alert: Alert, lease: HostLease, reason: TransitionReason, by author: String? = nil, now: Timestamp) -> Alert {
        var ended = alert
        ended.state = .resolved
        ended.endsAt = max(reason == .hostBack ? lease.record.lastContact : now, alert.startsAt)
        ended.updatedAt = now
        let silent = Int(ended.endsAt?.duration(since: alert.activeAt).inSeconds ?? 0)
        let summary =
            reason == .hostBack
            ? "\(lease.record.host) is back after \(silent) s without contact"
            : author.map { "\(lease.record.host) is gone for good, says \($0)" }
                ?? "\(lease.record.host) was silent for \(silent / 86_400) days and is taken as retired"
        ended.annotations = alert.annotations.setting("summary", to: summary)
        return ended
    }

    private static func word(for kind: BlockKind) -> String {
        switch kind {
        case .events: "events"
        case .samples: "samples"
        case .alerts: "alerts"
        }
    }
}
