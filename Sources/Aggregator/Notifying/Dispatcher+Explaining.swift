import Telemetry

/// What this room decided, in words that are stored: each with what it changed, in one transaction.
extension Dispatcher {
    /// - Parameter details: see ``Decision/Kind``.
    mutating func note(_ kind: Decision.Kind, of alert: Alert, reason: String = "", details: Labels = .empty, at now: Timestamp) {
        changes.decisions.append(Decision(kind, of: alert, reason: reason, details: details, at: now))
    }

    /// An alert took a route and joined a group there.
    mutating func noteJoining(_ alert: Alert, group key: String, of route: Route, at now: Timestamp) {
        note(.routed, of: alert, details: ["route": route.key, "receiver": route.receiver], at: now)
        guard let group = groups[key] else { return }
        let isSpare = group.labels.isEmpty && !route.groupLabels(of: alert.labels).isEmpty
        let reason = isSpare ? "groups_max" : !group.hasFlushed ? "group_wait" : "group_interval"
        note(.grouped, of: alert, reason: reason, details: ["group": key, "until": group.nextFlush.rfc3339], at: now)
    }

    /// Alerts of a group that are kept back now and were not, or for another cause, or no longer.
    mutating func noteMuting(in key: String, at now: Timestamp) {
        guard let group = groups[key] else { return }
        let pause = config.pause(of: group.route, at: now).map { Muting.paused($0) }
        var muted: [UInt64: Muting] = [:]
        for (fingerprint, alert) in group.alerts where alert.state == .firing {
            let (before, muting) = (group.muted[fingerprint], muting(of: alert, at: now) ?? pause)
            muted[fingerprint] = muting
            guard muting != before else { continue }
            if let muting { note(muting, of: alert, at: now) } else { note(.released, of: alert, reason: before?.word ?? "", at: now) }
        }
        groups[key]?.muted = muted
    }

    private mutating func note(_ muting: Muting, of alert: Alert, at now: Timestamp) {
        switch muting {
        case .inhibited(let source):
            note(.inhibited, of: alert, details: ["source": "\(source)"], at: now)
        case .silenced(let id):
            let silence = silences.all.first { $0.id == id }
            let details: Labels = [
                "silence": "\(id)", "author": silence?.createdBy ?? "", "comment": silence?.comment ?? "", "until": silence?.endsAt.rfc3339 ?? "",
            ]
            note(.silenced, of: alert, details: details, at: now)
        case .paused(.muted(let interval)): note(.muted, of: alert, reason: "mute_time_intervals", details: ["interval": interval], at: now)
        case .paused(.inactive): note(.muted, of: alert, reason: "active_time_intervals", at: now)
        }
    }

    /// A group is over its route's or its receiver's rate limit.
    mutating func noteLimit(_ alerts: [Alert], _ key: String, at now: Timestamp) {
        guard let limit = limits[key] else { return }
        let details: Labels = ["limit": "\(limit.count)/\(Int(limit.window.inSeconds))s", "until": limit.nextToken.rfc3339]
        for alert in alerts { note(.limited, of: alert, reason: "rate_limit", details: details, at: now) }
    }

    /// A channel has as many undelivered notifications as it may.
    mutating func noteFull(_ channel: Channel, group key: String, _ alerts: [Alert], at now: Timestamp) {
        guard groups[key]?.fullChannels.insert(channel.key).inserted == true else { return }
        for alert in alerts { note(.held, of: alert, reason: "pending_max", details: ["channel": channel.key], at: now) }
    }
}

extension Dispatcher.Muting {
    /// The kind of decision that it was.
    var word: String {
        switch self {
        case .inhibited: Decision.Kind.inhibited.rawValue
        case .silenced: Decision.Kind.silenced.rawValue
        case .paused: Decision.Kind.muted.rawValue
        }
    }
}
