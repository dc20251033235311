import Operating
package import Telemetry

/// What this room counts about itself.
struct NotifyingMetrics: Sendable {
    let transitions: Counter
    let repeats: Counter
    let refused: Counter
    let pending: Gauge
    let groups: Gauge
    let channelsDown: Gauge
    let digested: Counter
    let fallbacks: Counter
    let storeFailures: Counter
    private let created: [Channel.Kind: Counter]
    private let delivered: [Channel.Kind: Counter]
    private let failed: [Channel.Kind: Counter]
    private let retried: [Channel.Kind: Counter]

    init(_ registry: MetricsRegistry) {
        transitions = registry.counter("tocsin_notifier_transitions_total", help: "Alert transitions taken.")
        repeats = registry.counter("tocsin_notifier_repeats_total", help: "Alert transitions that were known already.")
        refused = registry.counter("tocsin_notifier_alerts_refused_total", help: "Firing alerts that nobody is told of because too many fire.")
        pending = registry.gauge("tocsin_notifications_pending", help: "Notifications in the outbox that are not delivered yet.")
        groups = registry.gauge("tocsin_notification_groups", help: "Groups of alerts.")
        channelsDown = registry.gauge("tocsin_notification_channels_down", help: "Channels whose circuit breaker is open.")
        digested = registry.counter(
            "tocsin_notifications_digested_total",
            help: "Notifications that a digest told, after an outage of their channel."
        )
        fallbacks = registry.counter("tocsin_notification_fallbacks_total", help: "Notifications made for a fallback.")
        storeFailures = registry.counter("tocsin_notifier_store_failures_total", help: "Transactions of the notifications' store that failed.")
        func each(_ name: String, _ help: String) -> [Channel.Kind: Counter] {
            Dictionary(
                uniqueKeysWithValues: Channel.Kind.allCases.map {
                    ($0, registry.counter(name, help: help, labels: [Label("integration", $0.rawValue)]))
                }
            )
        }
        created = each("tocsin_notifications_created_total", "Notifications put into the outbox.")
        delivered = each("tocsin_notifications_delivered_total", "Notifications that the provider took.")
        failed = each("tocsin_notifications_failed_total", "Notifications that were given up.")
        retried = each("tocsin_notification_retries_total", "Attempts that failed and are repeated.")
    }

    func countCreated(_ kind: Channel.Kind) { created[kind]?.increment() }
    func countDelivered(_ kind: Channel.Kind) { delivered[kind]?.increment() }
    func countFailed(_ kind: Channel.Kind) { failed[kind]?.increment() }
    func countRetried(_ kind: Channel.Kind) { retried[kind]?.increment() }
}

/// How notifying stands, for `/api/v1/status` and `/health`.
package struct NotifyingStatus: Sendable, Hashable {
    package struct FailingChannel: Sendable, Hashable {
        /// `ops/webhook/0`.
        package var channel: String
        package var failuresInARow: Int
        package var lastReply: String
    }

    /// Notifications in the outbox, and when the oldest was made.
    package var pending: Int
    package var oldestPending: Timestamp?
    /// Given up, of those that are still on record.
    package var failed: Int
    package var groups: Int
    package var activeAlerts: Int
    /// Firing alerts that nobody is told of, because another one inhibits them or a silence holds.
    package var inhibited: Int
    package var silenced: Int
    package var failing: [FailingChannel]
    /// Reasons why it is degraded, each a sentence that says what to do; empty when healthy.
    package var problems: [String]
}
