/// `incidents` of `aggregator.yaml`.
package struct IncidentsConfig: Sendable, Hashable {
    /// `group_by`: alerts that have the same values of all these labels are one incident. Default: none; alerts of one host are.
    package var groupBy: [String]
    /// `window`: an alert that begins so long after an incident of its key has closed belongs to it. Default 5 minutes.
    package var window: Duration
    /// `timeout`: how long what belongs to an incident is waited for: metrics of all its hosts past its opening. Default 15 minutes.
    package var timeout: Duration
    /// `changes`: types of events that say that something changed; `.*` at the end as in searches.
    package var changes: [String]
    /// `changes_before`: how long before the opening they are looked for. Default 1 hour.
    package var changesBefore: Duration
    /// `patterns`.
    package var patterns: [IncidentPattern]
    /// `keep`: closed incidents older than this are deleted. Default 90 days.
    package var keep: Duration
    /// `max`: incidents kept, open ones included; the oldest closed ones go first. Default 10 000.
    package var countMax: Int

    package static let changesDefault = [
        "deploy.*", "release.*", "config.*", "package.*", "host.booted", "agent.started", "agent.stopped",
    ]

    package init(
        groupBy: [String] = [],
        window: Duration = .seconds(300),
        timeout: Duration = .seconds(900),
        changes: [String] = changesDefault,
        changesBefore: Duration = .seconds(3600),
        patterns: [IncidentPattern] = [],
        keep: Duration = .seconds(90 * 86_400),
        countMax: Int = 10_000
    ) {
        (self.groupBy, self.window, self.timeout) = (groupBy, window, timeout)
        (self.changes, self.changesBefore, self.patterns) = (changes, changesBefore, patterns)
        (self.keep, self.countMax) = (keep, countMax)
    }
}
