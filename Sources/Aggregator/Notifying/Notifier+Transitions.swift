import Logging
import Operating
import SQLite
package import Telemetry

/// What changed among the alerts, and what time brings: each with all that follows from it in one transaction.
extension Notifier {
    /// Takes a transition; returns when it is on disk with all that follows from it. One that was taken before is passed over.
    package func accept(_ transition: AlertTransition) async throws(SinkError) { try await accept(contentsOf: [transition]) }

    /// The same for several, all in one transaction: in a burst of alerts the disk is waited for once a page.
    package func accept(contentsOf transitions: [AlertTransition]) async throws(SinkError) {
        let store = try opened()
        do throws(SQLiteError) { try take(transitions, store, at: time.now()) } catch {
            closeStore(error)
            throw .failed(error.description)
        }
        // The loop may have to sleep less now, or has something to deliver.
        wake.continuation.yield()
    }

    private func take(_ transitions: [AlertTransition], _ store: NotificationStore, at now: Timestamp) throws(SQLiteError) {
        var (taken, notifications, last) = ([NotificationStore.Taken](), [Notification](), watermark)
        var pending = outbox.pending
        for transition in transitions {
            let digest = StoredAlert.digest(of: transition)
            let beginsAnew = transition.sequence <= last
            if beginsAnew {
                if try store.digest(of: transition.sequence) == digest {
                    metrics.repeats.increment()
                    continue
                }
                logger.notice(
                    "alert changes are counted anew: the state before them was lost",
                    metadata: ["sequence": "\(transition.sequence)", "expected": "\(last + 1)"]
                )
            }
            let refused = dispatcher.refused
            dispatcher.accept(transition, at: now)
            if dispatcher.refused > refused { refuse(transition.alert) }
            // After each: an alert that begins and ends in the same page is told of both.
            for notification in dispatcher.flush(at: now, pending: pending) {
                pending[notification.channel.key, default: 0] += 1
                notifications.append(notification)
            }
            taken.append(NotificationStore.Taken(transition: transition, digest: digest, beginsAnew: beginsAnew))
            last = transition.sequence
        }
        guard !taken.isEmpty else { return }
        try commit(taken, notifications, to: store, at: now)
        watermark = last
        metrics.transitions.increment(by: taken.count)
    }

    private func refuse(_ alert: Alert) {
        metrics.refused.increment()
        logger.error(
            "more alerts fire than can be told; people hear of those that came first",
            metadata: ["limit": "\(NotifyingLimits.alertsMax)", "alert": "\(alert.labels)"]
        )
    }

    /// Groups whose time has come: called by the loop.
    func flush() {
        guard let store = try? opened() else { return }
        let now = time.now()
        if !isStopping { fallBack(store, at: now) }
        guard let deadline = dispatcher.nextDeadline, deadline <= now else { return }
        do throws(SQLiteError) { try commit([], dispatcher.flush(at: now, pending: outbox.pending), to: store, at: now) } catch { closeStore(error) }
    }

    /// Writes everything that changed, in one transaction.
    func commit(
        _ taken: [NotificationStore.Taken],
        _ notifications: [Notification],
        to store: NotificationStore,
        at now: Timestamp
    ) throws(SQLiteError) {
        let deliveries = notifications.map { notification in
            let id = makeID(now)
            return Delivery(linking(notification, id: id, at: now), id: id, at: now)
        }
        let changes = dispatcher.takeChanges()
        if !taken.isEmpty || !changes.isEmpty || !deliveries.isEmpty {
            for item in try store.write(taken, changes: changes, of: dispatcher, deliveries: deliveries, at: now) { add(item) }
        }
        for delivery in deliveries { record(delivery) }
        updateGauges()
        if lastPrune.map({ time.monotonic() - $0 >= NotifyingLimits.historyPruneEvery }) ?? true {
            lastPrune = time.monotonic()
            try store.prune(config.history, at: now)
        }
    }

    func record(_ delivery: Delivery) {
        metrics.countCreated(delivery.channel.kind)
        logger.info(
            "notification made",
            metadata: [
                "channel": "\(delivery.channel.key)", "group": "\(delivery.groupKey)", "reason": "\(delivery.reason.rawValue)",
                "status": "\(delivery.status)", "alerts": "\(delivery.alertCount)", "id": "\(delivery.id)",
            ]
        )
    }
}
