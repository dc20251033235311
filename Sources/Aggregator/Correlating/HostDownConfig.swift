/// `host_down` of `aggregator.yaml`.
package struct HostDownConfig: Sendable, Hashable {
    /// `after`: a host that sent nothing for so long is called down. At least 1 s. Write more than twice the longest `collect.interval` of your
    /// agents, or they flap.
    package var after: Duration
    /// `planned_for`: how long an agent that said goodbye (shutdown, reboot, upgrade, stop) may stay away before it is called down all the same.
    package var plannedFor: Duration
    /// `forget_after`: a host that is down for so long was taken out of service: its alerts are resolved and it is no longer listed.
    package var forgetAfter: Duration
    /// `site_tags`: tags that say where a host stands; one that ends in `*` stands for all that begin so. A host's site is its first tag that fits. Empty:
    /// there are no sites.
    package var siteTags: [String]
    /// `site_share`: when at least this share of a site's hosts is silent at once, the site is unreachable. More than 0, at most 1.
    package var siteShare: Double
    /// `site_hosts_min`: and at least so many hosts.
    package var siteHostsMin: Int

    package init(
        after: Duration = .seconds(90),
        plannedFor: Duration = .seconds(15 * 60),
        forgetAfter: Duration = .seconds(30 * 86_400),
        siteTags: [String] = ["site:*"],
        siteShare: Double = 0.5,
        siteHostsMin: Int = 3
    ) {
        (self.after, self.plannedFor, self.forgetAfter) = (max(after, .seconds(1)), plannedFor, forgetAfter)
        (self.siteTags, self.siteShare, self.siteHostsMin) = (siteTags, siteShare, max(siteHostsMin, 2))
    }

    /// The first of a host's tags that names a site.
    func site(of tags: [String]) -> String? {
        guard !siteTags.isEmpty else { return nil }
        return tags.first { tag in siteTags.contains { $0.hasSuffix("*") ? tag.hasPrefix($0.dropLast()) : tag == $0 } }
    }
}
