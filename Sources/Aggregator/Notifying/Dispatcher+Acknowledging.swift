import Telemetry

/// Who takes care of what: an acknowledgement holds for one episode of an alert.
extension Dispatcher {
    /// Of those among these that fire. Returns how many do.
    mutating func acknowledge(_ fingerprints: [UInt64], _ acknowledgement: AlertAcknowledgement, at now: Timestamp) -> Int {
        var (count, fresh) = (0, Set<UInt64>())
        for fingerprint in Set(fingerprints) {
            guard let alert = alerts[fingerprint], alert.state == .firing else { continue }
            count += 1
            // Who says it once more is not told once more.
            if acknowledged[fingerprint] == nil { fresh.insert(fingerprint) }
            acknowledged[fingerprint] = acknowledgement
            changes.acknowledgements[alert.episode] = .some(acknowledgement)
            let details: Labels = ["by": acknowledgement.by, "comment": acknowledgement.comment, "via": acknowledgement.via]
            note(.acknowledged, of: alert, details: details, at: now)
        }
        if config.acknowledge.notify { tell(fresh, acknowledgement, at: now) }
        // Nobody need be called for a group of which somebody takes care.
        for (key, group) in groups where group.escalation != nil && !standing(of: group, at: now).isUnattended { endEscalation(of: key) }
        return count
    }

    /// Whoever was told of these hears that somebody takes care: in the conversation in which he was told, once.
    private mutating func tell(_ fresh: Set<UInt64>, _ acknowledgement: AlertAcknowledgement, at now: Timestamp) {
        for (key, group) in groups.sorted(by: { $0.key < $1.key }) where config.pause(of: group.route, at: now) == nil {
            for (channel, told) in group.told.sorted(by: { $0.key < $1.key }) {
                let alerts = told.firing.intersection(fresh).compactMap { group.alerts[$0] }.filter { $0.state == .firing }
                guard !alerts.isEmpty, let channel = channelsByKey[channel] else { continue }
                let isWhole = told.firing.allSatisfy { acknowledged[$0] != nil }
                let words = Notification.Acknowledged(acknowledgement: acknowledgement, isWhole: isWhole)
                notices.append(
                    Notification(
                        channel: channel,
                        groupKey: key,
                        groupLabels: group.labels,
                        reason: .acknowledged,
                        alerts: Dispatcher.sorted(alerts),
                        openedAt: group.openedAt,
                        remark: words.words,
                        acknowledgement: words
                    )
                )
            }
        }
    }

    /// Those for which there is room; the others are on record as held, and what they say stands in the list of alerts.
    mutating func takeNotices(_ pending: inout [String: Int], at now: Timestamp) -> [Notification] {
        defer { notices = [] }
        return notices.filter { notice in
            guard pending[notice.channel.key, default: 0] < NotifyingLimits.pendingPerChannelMax else {
                noteFull(notice.channel, group: notice.groupKey, notice.alerts, at: now)
                return false
            }
            pending[notice.channel.key, default: 0] += 1
            return true
        }
    }

    /// False when it was not acknowledged.
    mutating func unacknowledge(_ fingerprint: UInt64, by: String, at now: Timestamp) -> Bool {
        guard acknowledged.removeValue(forKey: fingerprint) != nil, let alert = alerts[fingerprint] else { return false }
        changes.acknowledgements[alert.episode] = .some(nil)
        note(.unacknowledged, of: alert, details: ["by": by], at: now)
        return true
    }
}
