import Telemetry

/// Folds notifications that waited for a channel into as few as can hold their alerts, each in its latest state. Pure.
enum Digest {
    struct Waiting {
        var id: UUID
        var notification: Notification
        var createdAt: Timestamp
    }

    struct Folded {
        var notification: Notification
        /// What it stands for.
        var ids: [UUID]
    }

    /// - Parameters:
    ///   - waiting: in their order; never empty.
    ///   - channel: who is told: the channel that is back, or one that stands in for it.
    static func fold(_ waiting: [Waiting], for channel: Channel, reason: NotifyReason, remark: String? = nil) -> [Folded] {
        var (folded, part) = ([Folded](), [Waiting]())
        var known: Set<UInt64> = []
        for one in waiting {
            let fingerprints = one.notification.alerts.map(\.fingerprint)
            if !part.isEmpty, known.union(fingerprints).count > NotifyingLimits.alertsPerNotificationMax {
                folded.append(merge(part, for: channel, reason, remark))
                (part, known) = ([], [])
            }
            part.append(one)
            known.formUnion(fingerprints)
        }
        if !part.isEmpty { folded.append(merge(part, for: channel, reason, remark)) }
        return folded
    }

    private static func merge(_ waiting: [Waiting], for channel: Channel, _ reason: NotifyReason, _ remark: String?) -> Folded {
        var latest: [UInt64: Alert] = [:]
        for one in waiting { for alert in one.notification.alerts { latest[alert.fingerprint] = alert } }
        let notification = Notification(
            channel: channel,
            groupKey: Notification.digestKey + channel.key,
            groupLabels: Notification.common(waiting.map(\.notification.groupLabels)),
            reason: reason,
            alerts: Dispatcher.sorted(Array(latest.values)),
            openedAt: waiting.first?.createdAt,
            parts: waiting.flatMap { one in
                // A digest that waited is told by what it stands for.
                one.notification.parts.isEmpty
                    ? [
                        Notification.Part(
                            id: one.id,
                            groupKey: one.notification.groupKey,
                            groupLabels: one.notification.groupLabels,
                            status: one.notification.status,
                            alertCount: one.notification.alerts.count,
                            createdAt: one.createdAt
                        )
                    ] : one.notification.parts
            },
            remark: remark
        )
        return Folded(notification: notification, ids: waiting.map(\.id))
    }
}
