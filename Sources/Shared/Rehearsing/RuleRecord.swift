import Rules
package import Telemetry

/// What one rule would have done over a time: how often its alerts fired, how long, how much they flapped, how many pages they mean.
package struct RuleRecord: Sendable {
    /// How pages are counted: as a route that groups by `alertname` would send them.
    package struct Paging: Sendable, Hashable {
        /// New alerts of a group that was told wait this long.
        package var groupInterval: Duration
        /// What goes on firing is told again after this long.
        package var repeatInterval: Duration
        /// An alert that fires again within this time after it was resolved has flapped.
        package var flapWindow: Duration

        package init(groupInterval: Duration = .seconds(300), repeatInterval: Duration = .seconds(4 * 3600), flapWindow: Duration = .seconds(3600)) {
            (self.groupInterval, self.repeatInterval, self.flapWindow) = (groupInterval, repeatInterval, flapWindow)
        }
    }

    package let group: String
    package let rule: String
    /// Alerts that began to fire.
    package private(set) var fired = 0
    /// Alerts that waited for `for` in vain.
    package private(set) var cancelled = 0
    /// Alerts that fired again within ``Paging/flapWindow`` after they were resolved.
    package private(set) var flaps = 0
    /// Notifications that fire; the resolved ones are not counted.
    package private(set) var pages = 0
    /// Together, of all alerts.
    package private(set) var firingTime = Duration.zero
    package private(set) var longest = Duration.zero
    /// Different label sets that fired.
    package var alerts: Int { lastResolved.count + firing.keys.count { lastResolved[$0] == nil } }
    package private(set) var lastFired: Timestamp?

    private var firing: [Labels: Timestamp] = [:]
    private var lastResolved: [Labels: Timestamp] = [:]
    private var told: (alerts: Set<Labels>, at: Timestamp)?
    private let paging: Paging

    package init(group: String, rule: String, paging: Paging = Paging()) { (self.group, self.rule, self.paging) = (group, rule, paging) }

    package var stillFiring: Int { firing.count }

    /// Takes what an evaluation at `now` changed of this rule's alerts.
    package mutating func take(_ steps: [Rehearsal.Step], at now: Timestamp) {
        for step in steps {
            let labels = step.alert.labels
            switch step.change {
            case .pending: break
            case .cancelled: cancelled += 1
            case .fired:
                fired += 1
                lastFired = now
                if let ended = lastResolved[labels], now.duration(since: ended) <= paging.flapWindow { flaps += 1 }
                firing[labels] = now
            case .resolved:
                end(labels, at: now)
                lastResolved[labels] = now
            }
        }
        page(at: now)
    }

    /// The time is over: what still fires has fired until here.
    package mutating func finish(at end: Timestamp) { for labels in firing.keys { add(labels, until: end) } }

    private mutating func end(_ labels: Labels, at now: Timestamp) {
        add(labels, until: now)
        firing[labels] = nil
    }

    private mutating func add(_ labels: Labels, until end: Timestamp) {
        guard let start = firing[labels] else { return }
        let time = end.duration(since: start)
        firingTime += time
        longest = max(longest, time)
    }

    private mutating func page(at now: Timestamp) {
        guard !firing.isEmpty else {
            told = nil
            return
        }
        let present = Set(firing.keys)
        guard let last = told else {
            (pages, told) = (pages + 1, (present, now))
            return
        }
        let waited = now.duration(since: last.at)
        let hasNew = !present.isSubset(of: last.alerts)
        if hasNew && waited >= paging.groupInterval || waited >= paging.repeatInterval { (pages, told) = (pages + 1, (present, now)) }
    }
}
