package import Rules

/// What Ruling is told by `aggregator.yaml`; checked once, by the wiring, and again at each reload.
package struct RulingConfig: Sendable, Hashable {
    /// The SQLite file with the states of rules and alerts. Default: `rules.db` in `storage.path`. A change counts after a restart.
    package var path: String
    /// Of `rule_files`, read and checked.
    package var groups: [RuleGroup]
    /// `evaluation_interval`: of groups that have none of their own. Default 15 s.
    package var interval: Duration
    /// `evaluation_delay`: rules look at the moment that lies so long before their evaluation, for data that arrive late. Default 0.
    package var delay: Duration

    package init(path: String, groups: [RuleGroup] = [], interval: Duration = .seconds(15), delay: Duration = .zero) {
        (self.path, self.groups, self.interval, self.delay) = (path, groups, interval, delay)
    }
}

/// The limits of this room: numbers, units, and why.
enum RulingLimits {
    /// Groups that are evaluated at once: each waits for queries, which have threads of their own.
    static let groupsAtOnce = 4
    /// How often what is pending and firing is written and told although nothing changed: so that after a crash it is known how long nobody looked, and that
    /// what is shown has the value of now.
    static let refreshEvery = Duration.seconds(60)
    /// The aggregator was away for longer than this: agents come back within their longest back-off, and deliver what they have.
    static let awayMin = Duration.seconds(30)
    /// How long after such an absence that of a series proves nothing.
    static let agentsReturnWithin = Duration.seconds(90)
    /// Longest time that the absence of a restored alert means nothing, however long the ranges of its rule are.
    static let heldMax = Duration.seconds(3600)
    /// The wall clock and the monotonic clock may drift apart so far between two looks; more is a clock that was set.
    static let clockStepMin = Duration.seconds(2)
    /// Bytes kept of a rule's error.
    static let errorBytesMax = 1_024
    /// The first wait after a failure to store or to hand over; doubled up to `retryCap`.
    static let retryBase = Duration.milliseconds(250)
    static let retryCap = Duration.seconds(30)
}

/// Why the room cannot begin. While it runs it reports failures, waits and tries again instead.
package enum RulingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file of the room's state cannot be used; the sentence says why and what to do. Nothing was changed.
    case stateUnusable(String)

    package var description: String {
        switch self {
        case .stateUnusable(let reason): "cannot open the state of rules: \(reason)"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString { "state_unusable" }
}
