import Configuring
import Correlating

extension AggregatorConfig {
    /// `host_down:`, when a silent host is called down, and which hosts belong together.
    mutating func readHostDown(_ reader: ConfigReader) {
        let time: ClosedRange<Duration> = .seconds(1) ... .seconds(365 * 86_400)
        var hostDown = correlating.hostDown
        hostDown.after = reader.duration("after", default: hostDown.after, in: time)
        hostDown.plannedFor = reader.duration("planned_for", default: hostDown.plannedFor, in: time)
        hostDown.forgetAfter = reader.duration("forget_after", default: hostDown.forgetAfter, in: time)
        hostDown.siteTags = reader.strings("site_tags") ?? hostDown.siteTags
        hostDown.siteShare = reader.number("site_share", default: hostDown.siteShare, in: 0.01...1)
        hostDown.siteHostsMin = reader.integer("site_hosts_min", default: hostDown.siteHostsMin, in: 2...100_000)
        if hostDown.forgetAfter <= hostDown.after {
            reader.report("forget_after", "hosts would be forgotten before they are called down", "write more than host_down.after")
        }
        if let tag = hostDown.siteTags.first(where: { $0.isEmpty || $0 == "*" }) {
            reader.report("site_tags", "\"\(tag)\" would make one site of all hosts", "write whole tags, or beginnings of tags as site:*")
        }
        correlating.hostDown = hostDown
        reader.finish()
    }
}
