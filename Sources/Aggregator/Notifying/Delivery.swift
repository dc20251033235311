import Telemetry
import Transferring

/// One row of the outbox: what a channel is to be told. It is written out for the channel at each attempt, from the same content to the same
/// bytes while the receiver's configuration stays, and always under the same key.
struct Delivery: Sendable {
    enum Content: Sendable {
        case notification(Notification)
        /// Written out when it was made, by a version before the first release.
        case written(Written)
        /// Not readable by this version.
        case unreadable
    }

    /// Also the `Idempotency-Key` of a webhook and the first part of a mail's Message-ID.
    var id: UUID
    var channel: Channel
    var groupKey: String
    var status: String
    var reason: NotifyReason
    var alertCount: Int
    var createdAt: Timestamp
    var content: Content
    /// The delivery in whose place this one goes, through another channel.
    var fallbackOf: UUID?
    /// The alerts that it is about; empty when it was read from the store, which knows them.
    var episodes: [EpisodeKey] = []

    /// A new one.
    init(_ notification: Notification, id: UUID, at now: Timestamp, fallbackOf: UUID? = nil) {
        (self.id, channel, groupKey) = (id, notification.channel, notification.groupKey)
        (status, reason, alertCount, createdAt) = (notification.recordStatus, notification.reason, notification.alerts.count, now)
        (content, self.fallbackOf) = (.notification(notification), fallbackOf)
        episodes = notification.alerts.map(\.episode)
    }

    /// From the store.
    init(id: UUID, channel: Channel, groupKey: String, status: String, reason: NotifyReason, alertCount: Int, createdAt: Timestamp, content: Content)
    {
        (self.id, self.channel, self.groupKey, self.status) = (id, channel, groupKey, status)
        (self.reason, self.alertCount, self.createdAt, self.content) = (reason, alertCount, createdAt, content)
    }

    var notification: Notification? { if case .notification(let notification) = content { notification } else { nil } }
}

extension Delivery {
    func decision(_ kind: Decision.Kind, reason: String = "", details: Labels, at now: Timestamp) -> Decision {
        Decision(kind, of: .delivery(id), reason: reason, details: details, at: now)
    }

    /// It lies in the outbox.
    var queued: Decision {
        decision(
            .queued,
            reason: reason.rawValue,
            details: ["channel": channel.key, "status": status, "alerts": "\(alertCount)", "group": groupKey],
            at: createdAt
        )
    }
}

/// A notification as its channel carries it.
enum Written: Sendable, Hashable {
    /// - Parameters:
    ///   - path: is added to the configured address.
    ///   - headers: besides those that every webhook has.
    case webhook(body: [UInt8], headers: [HTTPHeader] = [], path: String = "")
    case email(MailEnvelope)
    /// For a command's standard input.
    case command([UInt8])
    /// A line, with its end.
    case file([UInt8])
}

/// What became of one attempt.
enum DeliveryOutcome: Sendable, Hashable {
    struct Failure: Sendable, Hashable {
        var reply: String
        /// Not before so long, when the provider said so.
        var after: Duration?
        /// Nobody answered, so that an answer to another delivery is news for this one.
        var isUnreachable = false
        /// Somebody may have taken it although nobody said so.
        var isInDoubt = false
    }

    /// The provider took it, with this reply.
    case delivered(String)
    /// Try again.
    case retry(Failure)
    /// It will not be taken, however often.
    case failed(String)

    static func retry(_ reply: String, after: Duration? = nil, isUnreachable: Bool = false, isInDoubt: Bool = false) -> DeliveryOutcome {
        .retry(Failure(reply: reply, after: after, isUnreachable: isUnreachable, isInDoubt: isInDoubt))
    }
}
