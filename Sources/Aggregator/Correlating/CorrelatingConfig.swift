/// What Correlating is told by `aggregator.yaml`; checked once, by the wiring.
package struct CorrelatingConfig: Sendable, Hashable {
    /// The SQLite file with the cursor, the alert states, the hosts' leases, the incidents and what is still to be told.
    /// Default: `correlation.db` in `storage.path`.
    package var path: String
    /// `host_down.after`: a host that sent nothing for so long is called down. Default 90 s, at least 1 s. Write more than twice the
    /// longest `collect.interval` of your agents, or they flap.
    package var hostDownAfter: Duration
    /// `host_down.forget_after`: a host that is down for so long was taken out of service: its alerts are resolved and it is no longer
    /// listed. Default 30 days.
    package var forgetHostsAfter: Duration
    /// A firing alert that its agent does not repeat for so long, though the host is up and newer data came, is taken as resolved. Agents
    /// repeat what fires every minute. Default 5 minutes.
    package var expireAlertsAfter: Duration
    /// Closed incidents older than this are deleted. Default 90 days.
    package var keepIncidentsFor: Duration
    /// Incidents kept, open ones included; the oldest closed ones go first. Default 10 000.
    package var incidentsMax: Int

    package init(
        path: String,
        hostDownAfter: Duration = .seconds(90),
        forgetHostsAfter: Duration = .seconds(30 * 86_400),
        expireAlertsAfter: Duration = .seconds(300),
        keepIncidentsFor: Duration = .seconds(90 * 86_400),
        incidentsMax: Int = 10_000
    ) {
        self.path = path
        self.hostDownAfter = max(hostDownAfter, .seconds(1))
        (self.forgetHostsAfter, self.expireAlertsAfter) = (forgetHostsAfter, expireAlertsAfter)
        (self.keepIncidentsFor, self.incidentsMax) = (keepIncidentsFor, incidentsMax)
    }
}
