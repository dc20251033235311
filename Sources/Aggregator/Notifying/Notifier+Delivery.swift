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
                for item in begin() { group.addTask { await self.attempt(item) } }
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

    /// What goes out now. Before it does it is on disk that it may arrive.
    private func begin() -> [Outbox.Item] {
        guard let store else { return [] }
        let items = outbox.takeDue(at: time.now())
        do throws(SQLiteError) {
            try store.begin(items)
            return items
        } catch {
            for item in items { outbox.putBack(item, at: time.now()) }
            closeStore(error)
            return []
        }
    }

    private func attempt(_ item: Outbox.Item) async {
        do throws(SQLiteError) {
            guard let delivery = try store?.delivery(item.id) else { return outbox.putBack(item, at: time.now()) }
            let report = await courier.deliver(delivery, config: config)
            if case .retry = report.outcome, Task.isCancelled { return outbox.putBack(item, at: time.now()) }
            try finish(item, delivery.channel, report)
        } catch {
            // It is still pending in the file, and goes again under the same key when the file is open again.
            closeStore(error)
        }
        wake.continuation.yield()
    }

    private func finish(_ item: Outbox.Item, _ channel: Channel, _ report: Courier.Report) throws(SQLiteError) {
        // Closed meanwhile: the row says "pending", and so it is delivered once more.
        guard let store else { return }
        let now = time.now()
        if let note = report.note {
            logger.warning("a notification went out otherwise than configured", metadata: ["id": "\(item.id)", "note": "\(note)"])
        }
        switch report.outcome {
        case .delivered(let reply): try delivered(item, channel, reply, report.note, store, at: now)
        case .failed(let reply): try giveUp(item, channel, reply, report.note, store, at: now)
        case .retry(let failure):
            if now.duration(since: item.queuedAt) < config.outbox.retryFor {
                try postpone(item, channel, failure, report.note, store, at: now)
            } else {
                let days = config.outbox.retryFor.components.seconds / 86_400
                try giveUp(item, channel, "given up after \(days) days of trying: \(failure.reply)", report.note, store, at: now)
            }
        }
        updateGauges()
    }

    private func delivered(
        _ item: Outbox.Item,
        _ channel: Channel,
        _ reply: String,
        _ note: String?,
        _ store: NotificationStore,
        at now: Timestamp
    ) throws(SQLiteError) {
        let waiting = config.receiver(channel.receiver)?.foldsIntoDigest(channel) == true ? outbox.foldable(after: item, at: now) : []
        let wasDown = outbox.lanes[item.channel]?.breaker.isClosed == false
        // The answer that brings the channel back, and what is made of those that waited for it, are one.
        let folded = try store.connection.transaction { () throws(SQLiteError) in
            try store.finish(item, state: .delivered, reply: Notifier.cut(reply), note: note, at: now)
            if wasDown { try store.setUp(item.channel) }
            return waiting.isEmpty ? Folded() : try foldWaiting(waiting, store, at: now)
        }
        outbox.finish(item, failure: nil, at: now)
        outbox.remove(folded.gone)
        for item in folded.items { add(item) }
        for delivery in folded.made { record(delivery) }
        metrics.digested.increment(by: folded.gone.count)
        metrics.countDelivered(channel.kind)
        let seconds = now.duration(since: item.createdAt).inSeconds
        logger.info(
            "notification delivered",
            metadata: ["channel": "\(item.channel)", "id": "\(item.id)", "group": "\(item.group)", "seconds": "\(seconds)"]
        )
        if wasDown {
            logger.notice(
                "a channel takes notifications again",
                metadata: ["channel": "\(item.channel)", "digested": "\(folded.gone.count)", "digests": "\(folded.made.count)"]
            )
        }
    }

    private func postpone(
        _ item: Outbox.Item,
        _ channel: Channel,
        _ failure: DeliveryOutcome.Failure,
        _ note: String?,
        _ store: NotificationStore,
        at now: Timestamp
    ) throws(SQLiteError) {
        let reply = Notifier.cut(failure.reply)
        let next = now.advanced(by: max(retryDelay(afterFailures: item.attempts + 1), failure.after ?? .zero))
        let opens = outbox.wouldOpen(item, failure: reply, askedToWait: failure.after, at: now)
        try store.connection.transaction { () throws(SQLiteError) in
            try store.postpone(item, until: next, failure, reply: reply, note: note, at: now)
            if opens { try store.setDown(item.channel, since: now, reply: reply) }
        }
        // What is in memory follows what is on disk.
        outbox.postpone(
            item,
            until: next,
            failure: reply,
            isUnreachable: failure.isUnreachable,
            isInDoubt: failure.isInDoubt,
            askedToWait: failure.after,
            at: now
        )
        metrics.countRetried(channel.kind)
        logger.warning(
            "a notification was not delivered; it is tried again",
            metadata: [
                "channel": "\(item.channel)", "id": "\(item.id)", "group": "\(item.group)", "error": "\(reply)", "attempts": "\(item.attempts + 1)",
                "next": "\(next)",
            ]
        )
        guard opens else { return }
        logger.error(
            "a channel takes no notifications; one at a time is tried until it does",
            metadata: ["channel": "\(item.channel)", "failures": "\(config.outbox.breakerFailures)", "error": "\(reply)"]
        )
    }

    private func giveUp(
        _ item: Outbox.Item,
        _ channel: Channel,
        _ reply: String,
        _ note: String?,
        _ store: NotificationStore,
        at now: Timestamp
    ) throws(SQLiteError) {
        let reply = Notifier.cut(reply)
        let wasDown = outbox.lanes[item.channel]?.breaker.isClosed == false
        let (items, made) = try store.connection.transaction { () throws(SQLiteError) in
            // Whoever stands in need not wait: it will not be taken any more.
            let standIns = !outbox.canFallBack(item) ? ([], []) : try standIn(for: [item], store, at: now)
            try store.finish(item, state: .failed, reply: reply, note: note, at: now)
            if wasDown { try store.setUp(item.channel) }
            return standIns
        }
        outbox.finish(item, failure: reply, at: now)
        for item in items { add(item) }
        for delivery in made { record(delivery) }
        metrics.fallbacks.increment(by: made.count)
        metrics.countFailed(channel.kind)
        logger.error(
            "a notification was refused for good and has failed; check the receiver, then send it again (agentctl notifications resend)",
            metadata: ["channel": "\(item.channel)", "id": "\(item.id)", "group": "\(item.group)", "error": "\(reply)"]
        )
    }

    static func cut(_ reply: String) -> String { String(reply.prefix(NotifyingLimits.replyBytesMax)) }
}
