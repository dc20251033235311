import Telemetry

/// What a host's or a site's verdict means for its alerts.
extension Correlation {
    mutating func decide(_ verdict: HostVerdict, now: Timestamp) -> [AlertDecision] {
        let decision: AlertDecision?
        switch verdict {
        case .down(let lease, let startsAt):
            decision = alerts.setOwn(hostDown(lease, startsAt, now), of: lease.record.host, reason: .hostDown, now: now)
        case .folded(let lease, let startsAt):
            decision = alerts.setOwn(hostDown(lease, startsAt, now), of: lease.record.host, reason: .hostDownFolded, now: now)
        case .unfolded(let lease, let startsAt):
            decision = alerts.tellOwn(hostDown(lease, startsAt, now), of: lease.record.host, reason: .hostDown, now: now)
        case .back(let lease):
            return endHostDown(lease, reason: .hostBack, by: nil, now: now)
        case .forgotten(let lease, let author):
            return endHostDown(lease, reason: .hostForgotten, by: author, now: now) + alerts.forget(host: lease.record.host, now: now)
        case .siteUnreachable(let outage):
            decision = alerts.setOwn(site(outage, now), of: "", reason: .siteUnreachable, now: now)
        case .siteChanged(let outage):
            alerts.rewordOwn(site(outage, now), of: "", now: now)
            return []
        case .siteReachable(let outage):
            let key = AlertKey(host: "", fingerprint: SiteUnreachable.labels(of: outage.site).fingerprint)
            guard let known = alerts.entries[key] else { return [] }
            decision = alerts.setOwn(SiteUnreachable.ended(known.alert, outage: outage, now: now), of: "", reason: .siteReachable, now: now)
        }
        return decision.map { [$0] } ?? []
    }

    private func site(_ outage: SiteOutage, _ now: Timestamp) -> Alert {
        SiteUnreachable.alert(for: outage, after: leases.after, now: now)
    }

    private func hostDown(_ lease: HostLease, _ startsAt: Timestamp, _ now: Timestamp) -> Alert {
        let own = HostDown.labels(of: lease.record.host).fingerprint
        let firing = alerts.live.filter { $0.host == lease.record.host && $0.fingerprint != own }
            .compactMap { alerts.entries[$0]?.alert }.filter { $0.state == .firing }
        return HostDown.alert(for: lease, firing: firing, after: leases.after, startsAt: startsAt, now: now)
    }

    private mutating func endHostDown(_ lease: HostLease, reason: TransitionReason, by author: String?, now: Timestamp) -> [AlertDecision] {
        let key = AlertKey(host: lease.record.host, fingerprint: HostDown.labels(of: lease.record.host).fingerprint)
        guard let known = alerts.entries[key] else { return [] }
        let alert = HostDown.ended(known.alert, lease: lease, reason: reason, by: author, now: now)
        return alerts.setOwn(alert, of: lease.record.host, reason: reason, now: now).map { [$0] } ?? []
    }
}
