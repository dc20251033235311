import Logging
import Operating
import SQLite
import ServiceLifecycle
import Telemetry

extension Notifier {
    /// Delivers until it is told to stop; then lets deliveries under way end, for a moment. What has not been delivered stays in the outbox.
    package func run() async throws {
        // What is wrong with the store is logged, and tried again: an aggregator that cannot notify still collects.
        try? open()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.deliver() }
            group.addTask {
                try? await gracefulShutdown()
                await self.stop()
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func stop() {
        isStopping = true
        wake.continuation.yield()
    }

    private func deliver() async {
        await withDiscardingTaskGroup { group in
            await loop(&group)
            group.cancelAll()
        }
    }

    private func loop(_ group: inout DiscardingTaskGroup) async {
        var wakes = wake.stream.makeAsyncIterator()
        while !Task.isCancelled {
            flush()
            if isStopping {
                guard outbox.underWay > 0, !isGraceOver else { return }
                setAlarm(time.now().advanced(by: NotifyingLimits.lastDeliveries), isLast: true, in: &group)
            } else {
                for item in outbox.takeDue(at: time.now()) { group.addTask { await self.attempt(item) } }
                if let deadline = nextDeadline { setAlarm(deadline, isLast: false, in: &group) }
            }
            guard await wakes.next(isolation: self) != nil else { return }
        }
    }

    /// Wakes the loop at this moment, unless somebody wakes it before anyway.
    private func setAlarm(_ moment: Timestamp, isLast: Bool, in group: inout DiscardingTaskGroup) {
        if isLast ? isLastAlarmSet : alarms.contains(where: { $0 <= moment }) { return }
        if isLast { isLastAlarmSet = true } else { alarms.insert(moment) }
        // Looking again after a minute costs little, and a wall clock that was set cannot make it sleep through a moment.
        let wait = min(max(.zero, moment.duration(since: time.now())), .seconds(60))
        group.addTask {
            try? await self.time.sleep(for: wait)
            await self.ring(moment, isLast: isLast)
        }
    }

    private func ring(_ moment: Timestamp, isLast: Bool) {
        if isLast { isGraceOver = true } else { alarms.remove(moment) }
        wake.continuation.yield()
    }

    private func attempt(_ item: Outbox.Item) async {
        do throws(SQLiteError) {
            guard let delivery = try store?.delivery(item.id) else { return outbox.putBack(item) }
            let outcome = await courier.deliver(delivery, config: config)
            if case .retry = outcome, Task.isCancelled { return outbox.putBack(item) }
            try finish(item, delivery, outcome)
        } catch {
            // It is still pending in the file, and goes again under the same key when the file is open again.
            closeStore(error)
        }
        wake.continuation.yield()
    }

    private func finish(_ item: Outbox.Item, _ delivery: Delivery, _ outcome: DeliveryOutcome) throws(SQLiteError) {
        // Closed meanwhile: the row says "pending", and so it is delivered once more.
        guard let store else { return }
        let now = time.now()
        var metadata: Logger.Metadata = ["channel": "\(item.channel)", "id": "\(item.id)", "group": "\(item.group)"]
        switch outcome {
        case .delivered(let reply):
            let details: Labels = ["attempt": "\(item.attempts + 1)", "reply": Notifier.cut(reply), "channel": item.channel]
            let decision = delivery.decision(.delivered, details: details, at: now)
            try store.finish(item.id, state: .delivered, reply: Notifier.cut(reply), decision: decision, at: now)
            outbox.finish(item, failure: nil, at: now)
            metrics.countDelivered(delivery.channel.kind)
            metadata["seconds"] = "\(now.duration(since: item.createdAt).inSeconds)"
            logger.info("notification delivered", metadata: metadata)
        case .failed(let reply):
            try giveUp(item, delivery, reply, store: store, at: now)
        case .retry(let reply, let after, let isUnreachable):
            guard now.duration(since: item.createdAt) < NotifyingLimits.retryFor else {
                return try giveUp(
                    item,
                    delivery,
                    "given up after \(NotifyingLimits.retryFor.components.seconds / 86_400) days of trying: \(reply)",
                    store: store,
                    at: now
                )
            }
            let next = now.advanced(by: max(retryDelay(afterFailures: item.attempts + 1), after ?? .zero))
            let details: Labels = [
                "attempt": "\(item.attempts + 1)", "reply": Notifier.cut(reply), "until": next.rfc3339, "channel": item.channel,
            ]
            let decision = delivery.decision(.attempted, reason: isUnreachable ? "unreachable" : "refused", details: details, at: now)
            try store.postpone(item.id, until: next, reply: Notifier.cut(reply), decision: decision)
            outbox.postpone(item, until: next, failure: Notifier.cut(reply), isUnreachable: isUnreachable)
            metrics.countRetried(delivery.channel.kind)
            metadata["error"] = "\(Notifier.cut(reply))"
            metadata["attempts"] = "\(item.attempts + 1)"
            metadata["next"] = "\(next)"
            logger.warning("a notification was not delivered; it is tried again", metadata: metadata)
        }
        updateGauges()
    }

    private func giveUp(_ item: Outbox.Item, _ delivery: Delivery, _ reply: String, store: NotificationStore, at now: Timestamp) throws(SQLiteError) {
        let details: Labels = ["attempt": "\(item.attempts + 1)", "reply": Notifier.cut(reply), "channel": item.channel]
        let decision = delivery.decision(.failed, details: details, at: now)
        try store.finish(item.id, state: .failed, reply: Notifier.cut(reply), decision: decision, at: now)
        outbox.finish(item, failure: Notifier.cut(reply), at: now)
        metrics.countFailed(delivery.channel.kind)
        logger.error(
            "a notification was refused for good and has failed; check the receiver",
            metadata: ["channel": "\(item.channel)", "id": "\(item.id)", "group": "\(item.group)", "error": "\(Notifier.cut(reply))"]
        )
    }

    private static func cut(_ reply: String) -> String { String(reply.prefix(NotifyingLimits.replyBytesMax)) }
}
