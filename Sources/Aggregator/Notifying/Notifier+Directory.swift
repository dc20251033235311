import Operating
import SQLite
package import Telemetry

/// What Serving shows and changes.
extension Notifier {
    /// Newest first.
    package func notifications(_ state: NotificationRecord.State? = nil, limit: Int) async -> [NotificationRecord] {
        (try? store?.records(state, limit: limit)) ?? []
    }

    package func notification(_ id: UUID) async -> NotificationDetail? {
        guard let store, let record = try? store.record(id) else { return nil }
        let alerts = (try? store.delivery(id))?.notification?.alerts ?? []
        return NotificationDetail(record: record, alerts: alerts, digested: (try? store.digested(by: id)) ?? [])
    }

    package func channels() async -> [ChannelRecord] {
        config.receivers.flatMap(\.channels).map { channel in
            let lane = outbox.lanes[channel.key]
            let breaker = lane?.breaker ?? CircuitBreaker()
            let (state, probe): (ChannelRecord.State, Timestamp?) =
                switch breaker.state {
                case .closed: (.closed, nil)
                case .open(let until): (.open, until)
                case .halfOpen: (.halfOpen, nil)
                }
            return ChannelRecord(
                channel: channel.key,
                receiver: channel.receiver,
                state: state,
                failuresInARow: breaker.failuresInARow,
                downSince: breaker.downSince,
                nextProbeAt: probe,
                waiting: lane?.count ?? 0,
                lastReply: breaker.lastReply
            )
        }
    }

    /// Newest first, ended ones too for a while.
    package func silences() async -> [Silence] { dispatcher.silences.all }

    package func add(_ silence: Silence) async throws(QueryError) {
        let now = time.now()
        try changeSilences { (_, book) throws(QueryError) in
            try book.add(silence, at: now)
            return ((), [silence], book.prune(at: now))
        }
    }

    package func expireSilence(id: UUID, at now: Timestamp) async throws(QueryError) -> Bool {
        try changeSilences { (_, book) throws(QueryError) in
            let expired = book.expire(id, at: now)
            return (expired != nil, expired.map { [$0] } ?? [], [])
        }
    }

    package func status() async -> NotifyingStatus {
        let now = time.now()
        var (inhibited, silenced) = (0, 0)
        let firing = dispatcher.alerts.values.filter { $0.state == .firing }
        for alert in firing {
            switch dispatcher.muting(of: alert, at: now) {
            case .inhibited: inhibited += 1
            case .silenced: silenced += 1
            case .paused, nil: break
            }
        }
        let failing = outbox.failing
        var problems = failing.map { channel, failures, reply in
            let since = (outbox.lanes[channel]?.breaker.downSince).map { "down since \($0)" } ?? "\(failures) failures in a row"
            return "\(channel) does not take notifications (\(since): \(reply)): check the receiver"
        }
        if let problem { problems.append("notifications cannot be stored: \(problem)") }
        for (channel, count) in outbox.pending.sorted(by: { $0.key < $1.key }) where count >= NotifyingLimits.pendingPerChannelMax {
            problems.append("\(channel) has \(count) undelivered notifications, its limit: further groups wait until it takes some")
        }
        if dispatcher.alerts.count >= NotifyingLimits.alertsMax {
            problems.append(
                "\(dispatcher.alerts.count) alerts fire, the limit: nobody is told of further ones; look for the rule that fires everywhere"
            )
        }
        return NotifyingStatus(
            pending: outbox.count,
            oldestPending: outbox.oldest,
            failed: (try? store?.count(.failed)) ?? 0,
            groups: dispatcher.groups.count,
            activeAlerts: firing.count,
            inhibited: inhibited,
            silenced: silenced,
            failing: failing.map { NotifyingStatus.FailingChannel(channel: $0.channel, failuresInARow: $0.failures, lastReply: $0.reply) },
            problems: problems
        )
    }
}
