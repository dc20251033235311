package import Configuring

/// Who is told what, and how: Alertmanager's `receivers`, `route` and `inhibit_rules` under Alertmanager's keys. Checked when it is made.
package struct NotifyingConfig: Sendable {
    package var receivers: [Receiver]
    package var route: RouteTree
    package var inhibitRules: [InhibitRule]

    package init(receivers: [Receiver], route: RouteTree, inhibitRules: [InhibitRule] = []) {
        (self.receivers, self.route, self.inhibitRules) = (receivers, route, inhibitRules)
    }

    /// Without configuration: alerts are kept and shown, and nobody is told.
    package static let silent = NotifyingConfig(
        receivers: [Receiver(name: "nobody")],
        route: RouteTree(root: RouteTree.Node(receiver: "nobody"))
    )

    func receiver(_ name: String) -> Receiver? { receivers.first { $0.name == name } }
}

/// A name and the channels behind it.
package struct Receiver: Sendable {
    package var name: String
    package var webhooks: [WebhookConfig]
    package var emails: [EmailConfig]

    package init(name: String, webhooks: [WebhookConfig] = [], emails: [EmailConfig] = []) {
        (self.name, self.webhooks, self.emails) = (name, webhooks, emails)
    }

    /// The channels in the order of the configuration, webhooks first.
    var channels: [Channel] {
        webhooks.enumerated().map { Channel(receiver: name, kind: .webhook, index: $0.offset, sendsResolved: $0.element.sendResolved) }
            + emails.enumerated().map { Channel(receiver: name, kind: .email, index: $0.offset, sendsResolved: $0.element.sendResolved) }
    }
}

/// One `webhook_configs` or `email_configs` entry, by its place.
struct Channel: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable, CaseIterable { case webhook, email }

    var receiver: String
    var kind: Kind
    var index: Int
    var sendsResolved: Bool

    /// `ops/webhook/0`: what the outbox, the notification log and messages call it.
    var key: String { "\(receiver)/\(kind.rawValue)/\(index)" }
}

/// An entry of `webhook_configs`.
package struct WebhookConfig: Sendable {
    /// Often holds a secret in its path.
    package var url: Secret
    /// The key of the HMAC, read before each delivery so that a new one counts at once; nil: no signature.
    package var secretFile: String?
    package var sendResolved: Bool
    /// More alerts than this are cut off and counted; 0: the limit of ``NotifyingLimits/alertsPerNotificationMax``.
    package var maxAlerts: Int
    package var timeout: Duration
    /// `Authorization: Bearer …`; the file wins.
    package var bearerToken: Secret?
    package var bearerTokenFile: String?
    package var caFile: String?
    package var insecureSkipVerify: Bool

    package init(
        url: Secret,
        secretFile: String? = nil,
        sendResolved: Bool = true,
        maxAlerts: Int = 0,
        timeout: Duration = NotifyingLimits.webhookTimeout,
        bearerToken: Secret? = nil,
        bearerTokenFile: String? = nil,
        caFile: String? = nil,
        insecureSkipVerify: Bool = false
    ) {
        (self.url, self.secretFile, self.sendResolved, self.maxAlerts, self.timeout) = (url, secretFile, sendResolved, maxAlerts, timeout)
        (self.bearerToken, self.bearerTokenFile, self.caFile) = (bearerToken, bearerTokenFile, caFile)
        self.insecureSkipVerify = insecureSkipVerify
    }
}

/// An entry of `email_configs`.
package struct EmailConfig: Sendable {
    /// Addresses separated by commas, checked.
    package var to: String
    package var from: String
    package var host: String
    package var port: Int
    package var hello: String?
    /// STARTTLS, or TLS from the first byte on port 465; false: neither, except on port 465.
    package var requireTLS: Bool
    package var username: String?
    /// The file wins.
    package var password: Secret?
    package var passwordFile: String?
    package var caFile: String?
    package var insecureSkipVerify: Bool
    package var sendResolved: Bool
    /// `Subject` replaces ours.
    package var headers: [(name: String, value: NotificationTemplate)]
    /// Nil: ours.
    package var text: NotificationTemplate?
    package var html: NotificationTemplate?

    package init(
        to: String,
        from: String,
        host: String,
        port: Int,
        hello: String? = nil,
        requireTLS: Bool = true,
        username: String? = nil,
        password: Secret? = nil,
        passwordFile: String? = nil,
        caFile: String? = nil,
        insecureSkipVerify: Bool = false,
        sendResolved: Bool = false,
        headers: [(name: String, value: NotificationTemplate)] = [],
        text: NotificationTemplate? = nil,
        html: NotificationTemplate? = nil
    ) {
        (self.to, self.from, self.host, self.port, self.hello, self.requireTLS) = (to, from, host, port, hello, requireTLS)
        (self.username, self.password, self.passwordFile, self.caFile) = (username, password, passwordFile, caFile)
        (self.insecureSkipVerify, self.sendResolved, self.headers, self.text, self.html) = (insecureSkipVerify, sendResolved, headers, text, html)
    }
}
