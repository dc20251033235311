/// One delivery of the outbox and what became of it.
package struct NotificationRecord: Sendable, Hashable {
    /// `digested`: it waited for a channel that was down, and is told by the digest that it names.
    package enum State: String, Sendable, Hashable, CaseIterable { case pending, delivered, failed, digested }

    package var id: UUID
    package var receiver: String
    /// `webhook`, `email`, `command` or `file`.
    package var channel: String
    /// Which of the receiver's channels of this kind, from 0.
    package var place = 0
    package var groupKey: String
    /// `firing` or `resolved`.
    package var status: String
    /// Why it was made: a fixed word.
    package var reason = ""
    package var alertCount: Int
    package var state: State
    package var attempts: Int
    package var createdAt: Timestamp
    package var nextAttemptAt: Timestamp?
    package var deliveredAt: Timestamp?
    /// The provider's last reply or the last error.
    package var lastReply: String
    /// The digest that tells it.
    package var digest: UUID?
    /// The delivery in whose place this one went.
    package var fallbackOf: UUID?
    /// What was done otherwise than configured: a template that could not be used.
    package var note: String?
    /// It has failed, and its content is still there.
    package var canBeSentAgain = false

    package init(
        id: UUID,
        receiver: String,
        channel: String,
        groupKey: String,
        status: String,
        alertCount: Int,
        state: State,
        attempts: Int,
        createdAt: Timestamp,
        nextAttemptAt: Timestamp?,
        deliveredAt: Timestamp?,
        lastReply: String
    ) {
        (self.id, self.receiver, self.channel, self.groupKey, self.status) = (id, receiver, channel, groupKey, status)
        (self.alertCount, self.state, self.attempts, self.createdAt) = (alertCount, state, attempts, createdAt)
        (self.nextAttemptAt, self.deliveredAt, self.lastReply) = (nextAttemptAt, deliveredAt, lastReply)
    }
}

/// A delivery with all that it tells.
package struct NotificationDetail: Sendable, Hashable {
    package var record: NotificationRecord
    /// Empty when it has been delivered: its content is gone then.
    package var alerts: [Alert]
    /// Of a digest: what it stands for.
    package var digested: [NotificationRecord]

    package init(record: NotificationRecord, alerts: [Alert], digested: [NotificationRecord]) {
        (self.record, self.alerts, self.digested) = (record, alerts, digested)
    }
}

/// Where one channel stands.
package struct ChannelRecord: Sendable, Hashable {
    /// Of its circuit breaker: `closed` (well), `open` (down; nothing is tried for a moment), `half-open` (one delivery finds out).
    package enum State: String, Sendable, Hashable, CaseIterable {
        case closed, open
        case halfOpen = "half-open"
    }

    /// `ops/webhook/0`.
    package var channel: String
    package var receiver: String
    package var state: State
    package var failuresInARow: Int
    package var downSince: Timestamp?
    /// When the next probe goes out, while it is open.
    package var nextProbeAt: Timestamp?
    /// Deliveries that wait for it.
    package var waiting: Int
    package var lastReply: String?

    package init(
        channel: String,
        receiver: String,
        state: State,
        failuresInARow: Int,
        downSince: Timestamp?,
        nextProbeAt: Timestamp?,
        waiting: Int,
        lastReply: String?
    ) {
        (self.channel, self.receiver, self.state, self.failuresInARow) = (channel, receiver, state, failuresInARow)
        (self.downSince, self.nextProbeAt, self.waiting, self.lastReply) = (downSince, nextProbeAt, waiting, lastReply)
    }
}

/// What a channel answered to a test notification.
package struct ChannelTest: Sendable, Hashable {
    package var channel: String
    package var isDelivered: Bool
    /// The provider's reply, or why there was none.
    package var reply: String
    package var took: Duration
    /// What was done otherwise than configured.
    package var note: String?

    package init(channel: String, isDelivered: Bool, reply: String, took: Duration, note: String? = nil) {
        (self.channel, self.isDelivered, self.reply, self.took, self.note) = (channel, isDelivered, reply, took, note)
    }
}
