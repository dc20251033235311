import Telemetry

/// Why a host is in its state, for people.
extension HostLeases {
    func record(of lease: HostLease, now: Timestamp) -> HostRecord {
        var record = lease.record
        record.reason = reason(of: lease, now: now)
        return record
    }

    func reason(of lease: HostLease, now: Timestamp) -> String {
        let silent = max(0, Int(now.duration(since: lease.record.lastContact).inSeconds))
        let period = Int(after.inSeconds)
        switch lease.record.state {
        case .up: return "heard \(silent) s ago"
        case .late:
            guard silent >= period, let site = config.site(of: lease.record.tags) else { return "silent for \(silent) s, down after \(period) s" }
            return "silent for \(silent) s; other hosts of \(site) are late too, and it is waited whether the whole site is silent"
        case .planned:
            guard let goodbye = lease.goodbye else { return "its agent said goodbye" }
            return "\(goodbye.kind.words), it said at \(goodbye.saidAt); expected back by \(goodbye.until)"
        case .unknown: return "not heard since the aggregator itself was away; has until \(graceUntil) to come back"
        case .down:
            if let site = lease.foldedInto {
                return "silent since \(lease.record.lastContact), with \(site): the alert SiteUnreachable stands for it"
            }
            if let goodbye = lease.goodbye { return "\(goodbye.kind.words), it said at \(goodbye.saidAt), and it was not back by \(goodbye.until)" }
            return "silent since \(lease.record.lastContact)"
        }
    }
}
