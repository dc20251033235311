import Telemetry

/// The alert that stands for many HostDowns of one site.
enum SiteUnreachable {
    static let alertName = "SiteUnreachable"

    static func labels(of site: String) -> Labels { ["alertname": alertName, "site": site, "job": "tocsin", "severity": "critical"] }

    static func alert(for outage: SiteOutage, after: Duration, now: Timestamp) -> Alert {
        let share = "\(outage.silent.count) of \(outage.expected) hosts"
        return Alert(
            labels: labels(of: outage.site),
            annotations: [
                "summary": "\(outage.site) cannot be reached: \(share) are silent",
                "description": """
                \(share) with the tag \(outage.site) have sent nothing for more than \(Int(after.inSeconds)) s; the last of them was heard at \
                \(outage.lastContact). Look at what they share: power, uplink, a firewall's rule. Nobody is paged for the single hosts meanwhile; those that \
                stay silent when the site is back are told then. Silent: \(names(outage.silent)).
                """,
                "last_contact": outage.lastContact.rfc3339,
                "hosts": names(outage.silent),
            ],
            state: .firing,
            activeAt: outage.lastContact,
            startsAt: outage.since,
            value: Double(outage.silent.count),
            updatedAt: now,
            expression: "silent hosts of \(outage.site)"
        )
    }

    static func ended(_ alert: Alert, outage: SiteOutage, now: Timestamp) -> Alert {
        var ended = alert
        (ended.state, ended.endsAt, ended.updatedAt) = (.resolved, max(now, alert.startsAt), now)
        let rest = outage.silent.isEmpty ? "all its hosts are back" : "still silent: \(names(outage.silent))"
        ended.annotations = alert.annotations.setting("summary", to: "\(outage.site) can be reached again; \(rest)").setting(
            "hosts",
            to: names(outage.silent)
        )
        return ended
    }

    /// As many as people read.
    private static func names(_ hosts: [String]) -> String {
        let shown = hosts.prefix(CorrelatingLimits.hostsNamedMax).joined(separator: ", ")
        return hosts.count > CorrelatingLimits.hostsNamedMax ? "\(shown) and \(hosts.count - CorrelatingLimits.hostsNamedMax) more" : shown
    }
}
