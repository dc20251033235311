package import Transferring

/// `local_receivers` of agent.yaml: who is told on this host while the aggregator takes nothing.
package struct AlarmConfig: Sendable, Hashable {
    package enum Receiver: Sendable, Hashable {
        case webhook(Webhook)
        case email(Email)
        case command(Command)

        /// For logs and the status; holds no secret.
        package var name: String {
            switch self {
            case .webhook(let webhook): "webhook \(webhook.origin)"
            case .email(let email): "mail to \(email.to)"
            case .command(let command): "command \(command.arguments.first ?? "")"
            }
        }
    }

    package struct Webhook: Sendable, Hashable {
        package var url: String
        /// A file with what stands behind `Bearer`; nil: none is sent.
        package var tokenFile: String?
        package var tls: TLSOptions

        package init(url: String, tokenFile: String? = nil, tls: TLSOptions = TLSOptions()) {
            (self.url, self.tokenFile, self.tls) = (url, tokenFile, tls)
        }

        /// Scheme and host: the rest of the address often holds a secret.
        var origin: String { HTTPRequest(method: "POST", url: url).origin }
    }

    package struct Email: Sendable, Hashable {
        package var server: SMTPServer
        package var passwordFile: String?
        package var from: String
        package var to: String

        package init(server: SMTPServer, passwordFile: String? = nil, from: String, to: String) {
            (self.server, self.passwordFile, self.from, self.to) = (server, passwordFile, from, to)
        }
    }

    package struct Command: Sendable, Hashable {
        /// The program's absolute path and its arguments; no shell.
        package var arguments: [String]
        package var timeout: Duration

        package init(arguments: [String], timeout: Duration = AlarmLimits.commandTimeout) { (self.arguments, self.timeout) = (arguments, timeout) }
    }

    /// `after`: how long the aggregator must have taken nothing.
    package var after: Duration
    package var receivers: [Receiver]
    /// `watch_aggregator.after`: local receivers are told when the aggregator is away or unwell for so long, whatever fires. Nil: they are not.
    package var watchAfter: Duration?
    /// `watch_aggregator.interval`: how often its `/health` is asked.
    package var watchInterval: Duration

    package init(
        after: Duration = AlarmLimits.after,
        receivers: [Receiver],
        watchAfter: Duration? = nil,
        watchInterval: Duration = AlarmLimits.watchInterval
    ) {
        (self.after, self.receivers) = (after, receivers)
        (self.watchAfter, self.watchInterval) = (watchAfter, watchInterval)
    }
}

/// The limits of the room Alarming.
package enum AlarmLimits {
    /// Long enough for a restart of the aggregator, short enough for somebody's sleep.
    package static let after = Duration.seconds(300)
    package static let afterRange = Duration.seconds(10)...Duration.seconds(86_400)
    package static let commandTimeout = Duration.seconds(30)
    package static let commandTimeoutRange = Duration.seconds(1)...Duration.seconds(300)
    /// How often the aggregator's state is looked at.
    static let lookInterval = Duration.seconds(1)
    static let webhookTimeout = Duration.seconds(10)
    /// How often the aggregator's `/health` is asked where this agent watches it, how long an answer may take, and how much of it is read.
    package static let watchInterval = Duration.seconds(30)
    package static let watchIntervalRange = Duration.seconds(1)...Duration.seconds(3600)
    static let healthTimeout = Duration.seconds(10)
    static let healthBytesMax = 64 * 1024
    /// As often as the judge repeats what fires: the aggregator takes what is not repeated as over.
    static let repeatInterval = Duration.seconds(60)
    /// What a command writes goes nowhere; one that writes more is ended.
    static let commandOutputBytesMax = 1 << 20
    /// Alerts in one notification; the rest is counted in it.
    static let alertsMax = 100
    /// Alerts that are remembered; what is over it is not told here.
    static let entriesMax = 10_000
    static let retryBase = Duration.seconds(1)
    static let retryCap = Duration.seconds(60)
    /// Bytes of an error shown in the status.
    static let errorBytesMax = 300
}
