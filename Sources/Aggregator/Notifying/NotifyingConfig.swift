package import Configuring
package import Transferring

/// Who is told what, and how: Alertmanager's `receivers`, `route`, `inhibit_rules` and `time_intervals` under Alertmanager's keys. Checked
/// when it is made.
package struct NotifyingConfig: Sendable {
    package var receivers: [Receiver]
    package var route: RouteTree
    package var inhibitRules: [InhibitRule]
    /// By the name under which routes mention them.
    package var timeIntervals: [String: [TimeInterval]]
    /// An alert that was sent here without an end is over when it was not sent again for so long.
    package var resolveTimeout: Duration
    /// Who has the duty: `oncall`.
    package var onCall: [OnCallSchedule] = []
    package var history = HistoryConfig()
    package var acknowledge = AcknowledgeConfig()
    /// How the outbox treats its channels.
    package var outbox = OutboxConfig()

    /// Alertmanager's default.
    package static let resolveTimeoutDefault = Duration.seconds(300)

    package init(
        receivers: [Receiver],
        route: RouteTree,
        inhibitRules: [InhibitRule] = [],
        timeIntervals: [String: [TimeInterval]] = [:],
        resolveTimeout: Duration = NotifyingConfig.resolveTimeoutDefault
    ) {
        (self.receivers, self.route, self.inhibitRules) = (receivers, route, inhibitRules)
        (self.timeIntervals, self.resolveTimeout) = (timeIntervals, resolveTimeout)
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
    package var commands: [CommandConfig]
    package var files: [FileConfig]
    /// For everything that goes to it, whatever route it comes from; nil: no limit of its own.
    package var rateLimit: RouteTree.RateLimit?
    /// Who is told when this one takes nothing.
    package var fallback: Fallback?

    package init(
        name: String,
        webhooks: [WebhookConfig] = [],
        emails: [EmailConfig] = [],
        commands: [CommandConfig] = [],
        files: [FileConfig] = [],
        rateLimit: RouteTree.RateLimit? = nil,
        fallback: Fallback? = nil
    ) {
        (self.name, self.webhooks, self.emails, self.commands, self.files) = (name, webhooks, emails, commands, files)
        (self.rateLimit, self.fallback) = (rateLimit, fallback)
    }

    /// Its limit, under a key beside those of routes, which begin with a brace.
    var limit: (key: String, count: Int, window: Duration)? {
        guard case .of(let count, let window)? = rateLimit else { return nil }
        return ("receiver:\(name)", count, window)
    }

    /// The channels in the order of the configuration, webhooks first.
    var channels: [Channel] {
        func channels(_ kind: Channel.Kind, _ sendsResolved: [Bool]) -> [Channel] {
            sendsResolved.enumerated().map { Channel(receiver: name, kind: kind, index: $0.offset, sendsResolved: $0.element) }
        }
        return channels(.webhook, webhooks.map(\.sendResolved)) + channels(.email, emails.map(\.sendResolved))
            + channels(.command, commands.map(\.sendResolved)) + channels(.file, files.map(\.sendResolved))
    }

    /// Whether what waits for a channel may be told in one digest: not where each conversation has a state, nor where a program reads each line.
    func foldsIntoDigest(_ channel: Channel) -> Bool {
        switch channel.kind {
        case .webhook: channel.index < webhooks.count && webhooks[channel.index].preset?.preset.keepsState != true
        case .email, .command: true
        case .file: false
        }
    }
}

/// One `webhook_configs`, `email_configs`, `command_configs` or `file_configs` entry, by its place.
struct Channel: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable, CaseIterable { case webhook, email, command, file }

    var receiver: String
    var kind: Kind
    var index: Int
    var sendsResolved: Bool

    /// `ops/webhook/0`: what the outbox, the notification log and messages call it.
    var key: String { "\(receiver)/\(kind.rawValue)/\(index)" }

    /// The receiver of a channel's key. A receiver's name may hold a slash itself.
    static func receiver(ofKey key: String) -> String {
        key.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    }
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
    package var http: HTTPClientConfig
    /// Holds the address, instead of ``url``; read before each delivery.
    package var urlFile: String?
    /// A provider whose shape is known; nil: Alertmanager's JSON, or ``body``.
    package var preset: PresetConfig?
    /// A JSON text with templates in its strings, instead of what we would send.
    package var body: NotificationTemplate?
    package var contentType = "application/json"
    /// Besides ours; one of the same name takes its place.
    package var headers: [(name: String, value: NotificationTemplate)] = []

    package init(
        url: Secret,
        secretFile: String? = nil,
        sendResolved: Bool = true,
        maxAlerts: Int = 0,
        timeout: Duration = NotifyingLimits.webhookTimeout,
        http: HTTPClientConfig = HTTPClientConfig()
    ) {
        (self.url, self.secretFile, self.sendResolved, self.maxAlerts, self.timeout) = (url, secretFile, sendResolved, maxAlerts, timeout)
        self.http = http
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
    /// TLS from the first byte; as it is on port 465.
    package var implicitTLS = false
    package var username: String?
    /// The file wins.
    package var password: Secret?
    package var passwordFile: String?
    package var tls: TLSOptions
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
        tls: TLSOptions = TLSOptions(),
        sendResolved: Bool = false,
        headers: [(name: String, value: NotificationTemplate)] = [],
        text: NotificationTemplate? = nil,
        html: NotificationTemplate? = nil
    ) {
        (self.to, self.from, self.host, self.port, self.hello, self.requireTLS) = (to, from, host, port, hello, requireTLS)
        (self.username, self.password, self.passwordFile, self.tls) = (username, password, passwordFile, tls)
        (self.sendResolved, self.headers, self.text, self.html) = (sendResolved, headers, text, html)
    }
}
