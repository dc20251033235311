package import Configuring
import Telemetry

/// Providers whose webhooks work from a few keys: what they are told, where, and what their answers mean.
package enum WebhookPreset: String, Sendable, Hashable, CaseIterable {
    case slack, discord, teams, telegram, ntfy, pagerduty, opsgenie

    /// Where it is told when `url` is not given; nil: the address is the account's own.
    var addressDefault: String? {
        switch self {
        case .slack, .discord, .teams: nil
        case .telegram: "https://api.telegram.org"
        case .ntfy: "https://ntfy.sh"
        case .pagerduty: "https://events.pagerduty.com/v2/enqueue"
        case .opsgenie: "https://api.opsgenie.com"
        }
    }

    /// The key of the configuration that proves who we are, and the one beside it for a file that holds it.
    var secretKey: String? {
        switch self {
        case .telegram: "bot_token"
        case .pagerduty: "routing_key"
        case .opsgenie: "api_key"
        case .slack, .discord, .teams, .ntfy: nil
        }
    }

    /// The key of the configuration that says whom to tell.
    var targetKey: String? {
        switch self {
        case .telegram: "chat_id"
        case .ntfy: "topic"
        default: nil
        }
    }

    /// It keeps a state for each conversation: each has to be told of its own beginning and end, and none can be told in a digest.
    var keepsState: Bool { self == .pagerduty || self == .opsgenie }
}

/// An entry of `webhook_configs` with `preset`.
package struct PresetConfig: Sendable {
    package var preset: WebhookPreset
    /// The file wins.
    package var secret: Secret?
    package var secretFile: String?
    package var target: String
    /// Nil: ours.
    package var title: NotificationTemplate?
    package var text: NotificationTemplate?

    package init(
        _ preset: WebhookPreset,
        secret: Secret? = nil,
        secretFile: String? = nil,
        target: String = "",
        title: NotificationTemplate? = nil,
        text: NotificationTemplate? = nil
    ) {
        (self.preset, self.secret, self.secretFile, self.target) = (preset, secret, secretFile, target)
        (self.title, self.text) = (title, text)
    }
}
