/// The limits of this room.
package enum NotifyingLimits {
    /// The loop that delivers is taken as stuck when something is overdue by so much: a delivery may take a minute.
    static let stuckAfter = Duration.seconds(300)
    /// Undelivered notifications of one channel, about 1 kB of memory each: one for each group that there may be. When they are reached, its groups
    /// wait with what they have to say and say it, in their state of then, when there is room again: who fired and ended in between is not told of,
    /// and the alert's explanation says so.
    package static let pendingPerChannelMax = 20_000
    /// Alerts in one notification; `truncatedAlerts` counts the others. A thousand are about 700 kB of JSON.
    package static let alertsPerNotificationMax = 1_000
    /// A body for a webhook, a command or a file: alerts beyond it are counted in `truncatedAlerts`. Only labels of many kB get there.
    package static let bodyBytesMax = 4 * 1024 * 1024
    /// Alerts written out in one mail; the others are counted.
    package static let alertsPerMailMax = 100
    /// Groups at a time. Alerts of further groups go into their route's one group without labels.
    package static let groupsMax = 20_000
    /// Firing alerts at a time, about 1 kB each. Further ones are shown by Correlating, but nobody is told of them: they are counted, and the
    /// status says so.
    package static let alertsMax = 50_000
    /// Silences that have not ended.
    package static let silencesMax = 1_000
    /// Matchers of one silence, route or inhibition.
    package static let matchersMax = 50
    /// A silence that ended is shown for so long.
    package static let silenceKeptFor = Duration.seconds(5 * 86_400)
    /// Deliveries under way at once, in all and through one channel: a slow channel holds up neither another nor all of itself.
    package static let deliveriesMax = 32
    package static let deliveriesPerChannelMax = 2
    /// The first retry comes within a second, later ones at the latest every five minutes.
    package static let retryBase = Duration.seconds(1)
    package static let retryCap = Duration.seconds(300)
    /// A notification that could not be delivered for so long has failed: what it told is history by then.
    package static let retryFor = Duration.seconds(7 * 86_400)
    /// Steps of one route's escalation.
    package static let escalationStepsMax = 20
    /// Alerts that one link in a message acknowledges.
    package static let alertsPerLinkMax = 1_000
    /// Notifications told of in one explanation, the latest.
    package static let explainedDeliveriesMax = 200
    /// How often what is older than `history.retention` is deleted.
    package static let historyPruneEvery = Duration.seconds(3600)
    /// A channel whose breaker is open waits as long as the provider asks, up to this.
    package static let channelHeldMax = Duration.seconds(3600)
    /// Failed notifications that can still be sent again.
    package static let deadLettersKept = 1_000
    /// Transitions whose content is remembered, to tell a repeat from a new count after a lost file of Correlating's.
    package static let rememberedTransitions: UInt64 = 2_048
    /// For an answer of a webhook; Alertmanager's own default has none.
    package static let webhookTimeout = Duration.seconds(10)
    package static let mailTimeout = Duration.seconds(30)
    /// For a command, unless its receiver says otherwise; what it may write; which of its exit codes mean that trying again does not help (EX_USAGE
    /// and EX_DATAERR of sysexits(3)).
    package static let commandTimeout = Duration.seconds(30)
    package static let commandOutputBytesMax = 64 * 1024
    package static let commandRefusals: Set<Int32> = [64, 65]
    /// A receiver's fallback is told when this receiver has not taken a notification for so long.
    package static let fallbackAfter = Duration.seconds(300)
    /// What is kept of a provider's reply.
    package static let replyBytesMax = 1_000
    /// A secret or a password in a file.
    package static let secretBytesMax = 4_096
    /// After SIGTERM, deliveries under way get so long to end.
    package static let lastDeliveries = Duration.seconds(3)
    /// A template of the configuration, and what becomes of it: many mail servers refuse more than 10 MB.
    package static let templateBytesMax = 64 * 1024
    /// One value of a label or an annotation as a mail or a chat shows it.
    package static let shownValueMax = 2_000
    package static let renderedBytesMax = 2 * 1024 * 1024
    /// A route tree's depth and size.
    package static let routeDepthMax = 16
    package static let routesMax = 1_000
}
