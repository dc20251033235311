import Logging
import Operating
import SQLite
package import Telemetry

/// What becomes of deliveries besides being tried: digests after an outage, fallbacks, and those that are sent again.
extension Notifier {
    /// What waits in the file, and which channels were down.
    func outbox(from store: NotificationStore, at now: Timestamp) throws(SQLiteError) -> Outbox {
        var outbox = Outbox(settings: config.outbox)
        for (item, hasFallenBack) in try store.pending() {
            var item = item
            item.hasFallenBack = hasFallenBack
            item.fallbackAt = hasFallenBack ? nil : fallbackAt(item)
            outbox.add(item)
        }
        for (channel, since, reply) in try store.down() { outbox.restoreDown(channel, since: since, reply: reply, at: now) }
        return outbox
    }

    /// A row that has just been written.
    func add(_ item: Outbox.Item) {
        var item = item
        item.fallbackAt = fallbackAt(item)
        outbox.add(item)
    }

    func fallbackAt(_ item: Outbox.Item) -> Timestamp? {
        config.receiver(Channel.receiver(ofKey: item.channel))?.fallback.map { item.queuedAt.advanced(by: $0.after) }
    }

    // MARK: Digests

    /// The rows of digests that stand for what waited while the channel was down, written in the caller's transaction; empty when few waited.
    func foldWaiting(_ waiting: [Outbox.Item], _ store: NotificationStore, at now: Timestamp) throws(SQLiteError) -> Folded {
        var (readable, folded) = ([Digest.Waiting](), Folded())
        for item in waiting {
            guard let delivery = try store.delivery(item.id), let notification = delivery.notification else { continue }
            readable.append(Digest.Waiting(id: item.id, notification: notification, createdAt: item.createdAt))
            folded.gone.append(item)
        }
        guard let channel = readable.first?.notification.channel else { return Folded() }
        for digest in Digest.fold(readable, for: channel, reason: .outageDigest) {
            let delivery = Delivery(digest.notification, id: makeID(now), at: now)
            folded.items.append(try store.insert(delivery))
            try store.fold(digest.ids, into: delivery.id, at: now)
            folded.made.append(delivery)
        }
        return folded
    }

    struct Folded {
        /// What waited and is told by digests now.
        var gone: [Outbox.Item] = []
        /// The digests.
        var items: [Outbox.Item] = []
        var made: [Delivery] = []
    }

    // MARK: Fallbacks

    /// Tells the fallbacks of receivers that have not taken what they should have by now. The deliveries themselves go on.
    func fallBack(_ store: NotificationStore, at now: Timestamp) {
        let due = outbox.fallbackDue(at: now)
        guard !due.isEmpty else { return }
        do throws(SQLiteError) {
            let (items, made) = try store.connection.transaction { () throws(SQLiteError) in try standIn(for: due, store, at: now) }
            outbox.clearFallback(due)
            for item in items { add(item) }
            for delivery in made { record(delivery) }
            metrics.fallbacks.increment(by: made.count)
            updateGauges()
        } catch {
            closeStore(error)
        }
    }

    /// Writes, in the caller's transaction, what the fallback's channels are told in place of these; more than a few in a digest.
    func standIn(for items: [Outbox.Item], _ store: NotificationStore, at now: Timestamp) throws(SQLiteError) -> (
        items: [Outbox.Item], made: [Delivery]
    ) {
        var (rows, made) = ([Outbox.Item](), [Delivery]())
        for (key, group) in Dictionary(grouping: items, by: \.channel).sorted(by: { $0.key < $1.key }) {
            guard let fallback = config.receiver(Channel.receiver(ofKey: key))?.fallback, let stand = config.receiver(fallback.receiver) else {
                continue
            }
            try store.markFallback(group, to: stand.name, at: now)
            var waiting: [Digest.Waiting] = []
            for item in group {
                guard let notification = try store.delivery(item.id)?.notification else { continue }
                waiting.append(Digest.Waiting(id: item.id, notification: notification, createdAt: item.createdAt))
            }
            let reply = outbox.failing.first { $0.channel == key }?.reply ?? ""
            let remark = OneLine.of("told here because \(key) has not taken it\(reply.isEmpty ? "" : " (\(reply))")", charactersMax: 300)
            for channel in stand.channels {
                for delivery in Notifier.standIns(
                    waiting,
                    for: channel,
                    remark,
                    digestAbove: config.outbox.digestAbove,
                    makeID: { makeID(now) },
                    at: now
                ) {
                    rows.append(try store.insert(delivery))
                    made.append(delivery)
                }
            }
        }
        return (rows, made)
    }

    private static func standIns(
        _ waiting: [Digest.Waiting],
        for channel: Channel,
        _ remark: String,
        digestAbove: Int,
        makeID: () -> UUID,
        at now: Timestamp
    ) -> [Delivery] {
        let told = waiting.filter { channel.sendsResolved || $0.notification.status == "firing" }
        if told.count > digestAbove {
            return Digest.fold(told, for: channel, reason: .fallback, remark: remark).map { Delivery($0.notification, id: makeID(), at: now) }
        }
        return told.map { one in
            var notification = one.notification
            (notification.channel, notification.reason, notification.remark) = (channel, .fallback, remark)
            return Delivery(notification, id: makeID(), at: now, fallbackOf: one.id)
        }
    }

    // MARK: Sent again

    /// A failed delivery is tried again, under its old key.
    package func resend(_ id: UUID) async throws(QueryError) -> Bool {
        guard let store else { throw .failed("the notifications' store is not open: \(problem ?? "it is being opened")") }
        let requeued: (record: NotificationRecord, item: Outbox.Item?)?
        do throws(SQLiteError) {
            let now = time.now()
            requeued = try store.connection.transaction { () throws(SQLiteError) in
                guard let record = try store.record(id) else { return nil }
                return (record, try store.requeue(id, at: now))
            }
        } catch {
            closeStore(error)
            throw .failed(error.description)
        }
        guard let requeued else { return false }
        guard let item = requeued.item else { throw .invalid(Notifier.whyNotAgain(requeued.record)) }
        add(item)
        logger.notice("a failed notification is sent again", metadata: ["channel": "\(item.channel)", "id": "\(id)"])
        updateGauges()
        wake.continuation.yield()
        return true
    }

    private static func whyNotAgain(_ record: NotificationRecord) -> String {
        switch record.state {
        case .pending: "\(record.id) is still being tried (\(record.attempts) attempts): it need not be sent again"
        case .delivered: "\(record.id) was delivered: its content is not kept"
        case .digested: "\(record.id) was told by the digest \(record.digest.map { "\($0)" } ?? ""): send that one again"
        case .failed: "the content of \(record.id) is gone: only the last \(NotifyingLimits.deadLettersKept) failed ones are kept"
        }
    }

    // MARK: A test

    /// Sends a test notification through each channel, one after the other, past the outbox: it is tried once, and the answer is what counts.
    package func test(receiver name: String) async throws(QueryError) -> [ChannelTest]? {
        guard let receiver = config.receiver(name) else { return nil }
        let config = config
        var tests: [ChannelTest] = []
        for channel in receiver.channels {
            var notification = Notification.sample(for: name, at: time.now())
            notification.channel = channel
            let delivery = Delivery(notification, id: makeID(time.now()), at: time.now())
            let start = time.monotonic()
            let report = await courier.deliver(delivery, config: config)
            let took = time.monotonic() - start
            let (isDelivered, reply) =
                switch report.outcome {
                case .delivered(let reply): (true, reply)
                case .retry(let failure): (false, "\(failure.reply) (a notification would be tried again)")
                case .failed(let reply): (false, reply)
                }
            tests.append(ChannelTest(channel: channel.key, isDelivered: isDelivered, reply: Notifier.cut(reply), took: took, note: report.note))
        }
        return tests
    }
}
