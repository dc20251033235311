import Telemetry
import Transferring

/// One row of the outbox: a notification written out for its channel, the same bytes on every attempt.
struct Delivery: Sendable {
    enum Payload: Sendable {
        /// The body.
        case webhook([UInt8])
        case email(MailEnvelope)
        /// It could not be written out: failed from the beginning, for this reason.
        case unsendable(String)
    }

    /// Also the `Idempotency-Key` of a webhook and the first part of a mail's Message-ID.
    var id: UUID
    var channel: Channel
    var groupKey: String
    var status: String
    var reason: NotifyReason
    var alertCount: Int
    var createdAt: Timestamp
    var payload: Payload
    /// The alerts that it is about; empty when it was read from the store, which knows them.
    var episodes: [EpisodeKey] = []

    /// Writes a notification out for its channel.
    init(_ notification: Notification, config: NotifyingConfig, externalURL: String, id: UUID, at now: Timestamp) {
        (self.id, channel, groupKey) = (id, notification.channel, notification.groupKey)
        episodes = notification.alerts.map(\.episode)
        (status, reason, alertCount, createdAt) = (notification.status, notification.reason, notification.alerts.count, now)
        let receiver = config.receiver(channel.receiver)
        switch channel.kind {
        case .webhook:
            let maxAlerts = receiver?.webhooks[channel.index].maxAlerts ?? 0
            payload = .webhook(WebhookPayload.encode(notification, externalURL: externalURL, maxAlerts: maxAlerts))
        case .email:
            guard let config = receiver?.emails[channel.index] else {
                payload = .unsendable("the receiver \(channel.receiver) is not configured")
                return
            }
            do throws(TransferError) {
                let mail = try MailPayload.message(notification, config: config, externalURL: externalURL, id: id, at: now)
                payload = .email(MailEnvelope(from: mail.from.address, to: mail.to.map(\.address), content: try mail.encoded()))
            } catch {
                payload = .unsendable(error.description)
            }
        }
    }

    /// From the store.
    init(id: UUID, channel: Channel, groupKey: String, status: String, reason: NotifyReason, alertCount: Int, createdAt: Timestamp, payload: Payload)
    {
        (self.id, self.channel, self.groupKey, self.status) = (id, channel, groupKey, status)
        (self.reason, self.alertCount, self.createdAt, self.payload) = (reason, alertCount, createdAt, payload)
    }
}

extension Delivery {
    func decision(_ kind: Decision.Kind, reason: String = "", details: Labels, at now: Timestamp) -> Decision {
        Decision(kind, of: .delivery(id), reason: reason, details: details, at: now)
    }

    /// It lies in the outbox.
    func queued(at now: Timestamp) -> Decision {
        decision(
            .queued,
            reason: reason.rawValue,
            details: ["channel": channel.key, "status": status, "alerts": "\(alertCount)", "group": groupKey],
            at: now
        )
    }
}

/// What became of one attempt.
enum DeliveryOutcome: Sendable, Hashable {
    /// The provider took it, with this reply.
    case delivered(String)
    /// Try again: not before `after`, when the provider said so. `isUnreachable`: nobody answered, so that an answer to another delivery is
    /// news for this one.
    case retry(String, after: Duration?, isUnreachable: Bool)
    /// It will not be taken, however often.
    case failed(String)
}
