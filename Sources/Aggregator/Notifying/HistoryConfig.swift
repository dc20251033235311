import Configuring

/// `history`: how long past alerts, notifications and decisions are kept, and how much of them.
package struct HistoryConfig: Sendable, Hashable {
    /// Ended episodes, finished notifications and decisions older than this are deleted. Default 90 days.
    package var retention: Duration
    /// Bytes of `notifications.db`; over it the oldest of the history goes, a tenth at a time. Default 512 MiB.
    package var maxSize: UInt64
    /// Decisions kept of one label set, in each room. Default 500.
    package var decisionsPerAlert: Int

    package init(retention: Duration = .seconds(90 * 86_400), maxSize: UInt64 = 512 << 20, decisionsPerAlert: Int = 500) {
        (self.retention, self.maxSize, self.decisionsPerAlert) = (retention, maxSize, decisionsPerAlert)
    }
}

extension NotifyingConfig {
    /// `history` and `acknowledge`.
    mutating func readHistory(_ root: ConfigReader) {
        let section = root.section("history")
        history.retention = section.duration("retention", default: history.retention, in: .seconds(3600) ... .seconds(3650 * 86_400))
        history.maxSize = section.bytes("max_size", default: history.maxSize, in: (1 << 20)...(1 << 40))
        history.decisionsPerAlert = section.integer("decisions_per_alert", default: history.decisionsPerAlert, in: 10...100_000)
        section.finish()
        let links = root.section("acknowledge")
        acknowledge.linkLifetime = links.duration("link_lifetime", default: acknowledge.linkLifetime, in: .zero ... .seconds(365 * 86_400))
        acknowledge.notify = links.bool("notify", default: acknowledge.notify)
        links.finish()
    }
}
