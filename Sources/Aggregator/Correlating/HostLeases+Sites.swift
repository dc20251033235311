import Telemetry

/// Many hosts of one site that vanished together: one alert stands for all of theirs.
struct SiteOutage: Sendable, Hashable {
    var site: String
    /// When it was called unreachable.
    var since: Timestamp
    /// When the last of its hosts that are silent was heard.
    var lastContact: Timestamp
    /// Hosts that are silent now, sorted; also those that were told on their own before.
    var silent: [String]
    /// Hosts of the site that were expected to be heard.
    var expected: Int
    /// The site can be reached again; hosts that stay silent are told on their own at this moment.
    var releaseAt: Timestamp?
}

/// Power and uplinks fail for a whole site, and five hundred pages hide what one would say.
///
/// A host's lease that ends is looked at together with those of its site. When so many are silent that it is an outage, the site is told and the hosts
/// are folded into it. While it may yet become one, because others are late as well, its alert waits: at most until their leases end. When the site can be
/// reached again, hosts that stay silent are told after they had the time that agents need to come back.
extension HostLeases {
    /// A site's hosts, by what is expected of them. Planned absences are not, nor is a host that was down before all this.
    private struct Count {
        var expected = 0
        /// Their leases have ended.
        var gone: [HostLease] = []
        /// Silent for more than half of their leases.
        var late = 0
    }

    /// Decides about hosts whose leases have just ended, and about outages.
    mutating func judgeSites(_ ended: [HostLease], now: Timestamp) -> [HostVerdict] {
        var verdicts: [HostVerdict] = []
        var bySite: [String: [HostLease]] = [:]
        for lease in ended {
            // Whoever said goodbye and did not come back did not vanish with the others.
            if lease.goodbye == nil, let site = config.site(of: lease.record.tags) {
                bySite[site, default: []].append(lease)
            } else {
                let startsAt = startOfDown(lease)
                verdicts.append(.down(call(.down, lease, now: now), startsAt: startsAt))
            }
        }
        let counts = count(Set(bySite.keys).union(outages.keys), now: now)
        for (site, hosts) in bySite.sorted(by: { $0.key < $1.key }) {
            verdicts += judge(hosts, of: site, counts[site] ?? Count(), now: now)
        }
        for site in outages.keys.sorted() { verdicts += look(at: site, counts[site] ?? Count(), now: now) }
        return verdicts
    }

    private func count(_ sites: Set<String>, now: Timestamp) -> [String: Count] {
        guard !sites.isEmpty else { return [:] }
        var counts: [String: Count] = [:]
        for lease in leases.values {
            guard let site = config.site(of: lease.record.tags), sites.contains(site), lease.record.state != .planned else { continue }
            let silent = now.duration(since: lease.record.lastContact)
            let isOld = lease.record.state == .down && lease.foldedInto == nil && silent >= after * 3
            guard !isOld, lease.goodbye == nil else { continue }
            counts[site, default: Count()].expected += 1
            if silent >= after { counts[site]?.gone.append(lease) } else if silent >= after / 2 { counts[site]?.late += 1 }
        }
        return counts
    }

    private func isOutage(_ silent: Int, of expected: Int) -> Bool {
        silent >= config.siteHostsMin && Double(silent) >= config.siteShare * Double(expected)
    }

    private mutating func judge(_ hosts: [HostLease], of site: String, _ count: Count, now: Timestamp) -> [HostVerdict] {
        let isOpen = outages[site] != nil
        if isOpen || isOutage(count.gone.count, of: count.expected) {
            return hosts.map { lease in
                let startsAt = startOfDown(lease)
                return .folded(call(.down, lease, foldedInto: site, now: now), startsAt: startsAt)
            } + (isOpen ? [] : [open(site, count, now: now)])
        }
        let mayBecomeOne = isOutage(count.gone.count + count.late, of: count.expected)
        var verdicts: [HostVerdict] = []
        for lease in hosts {
            if mayBecomeOne, now.duration(since: lease.record.lastContact) < after * 2 {
                if lease.record.state != .late { _ = call(.late, lease, now: now) }
                continue
            }
            let startsAt = startOfDown(lease)
            verdicts.append(.down(call(.down, lease, now: now), startsAt: startsAt))
        }
        return verdicts
    }

    private mutating func open(_ site: String, _ count: Count, now: Timestamp) -> HostVerdict {
        let outage = outage(site, since: now, count)
        set(outage)
        return .siteUnreachable(outage)
    }

    private func outage(_ site: String, since: Timestamp, _ count: Count) -> SiteOutage {
        SiteOutage(
            site: site,
            since: since,
            lastContact: count.gone.map(\.record.lastContact).max() ?? since,
            silent: count.gone.map(\.record.host).sorted(),
            expected: count.expected
        )
    }

    /// An outage as time goes on: more hosts, fewer hosts, its end, and what is left of it.
    private mutating func look(at site: String, _ count: Count, now: Timestamp) -> [HostVerdict] {
        guard let known = outages[site] else { return [] }
        var outage = outage(site, since: known.since, count)
        outage.lastContact = max(outage.lastContact, known.lastContact)
        outage.releaseAt = known.releaseAt
        if let releaseAt = known.releaseAt {
            if isOutage(count.gone.count, of: count.expected) {
                (outage.releaseAt, outage.since) = (nil, now)
                set(outage)
                return [.siteUnreachable(outage)]
            }
            guard now >= releaseAt || count.gone.isEmpty else { return [] }
            outages[site] = nil
            changedSites.insert(site)
            return unfold(site, now: now)
        }
        if !isOutage(count.gone.count, of: count.expected) {
            outage.releaseAt = now.advanced(by: max(after, CorrelatingLimits.agentsReturnWithin))
            set(outage)
            return [.siteReachable(outage)]
        }
        guard outage.silent != known.silent else { return [] }
        set(outage)
        return [.siteChanged(outage)]
    }

    /// The site is there, these are not: each is told for itself.
    private mutating func unfold(_ site: String, now: Timestamp) -> [HostVerdict] {
        leases.values.filter { $0.foldedInto == site && $0.record.state == .down }.map { lease in
            let startsAt = max(lease.record.since, lease.record.lastContact.advanced(by: after))
            return .unfolded(call(.down, lease, now: now), startsAt: startsAt)
        }
    }

    private mutating func set(_ outage: SiteOutage) {
        outages[outage.site] = outage
        changedSites.insert(outage.site)
    }
}
