/// What Correlating is told by `aggregator.yaml`; checked once, by the wiring.
package struct CorrelatingConfig: Sendable, Hashable {
    /// The SQLite file with the cursor, the alert states, the hosts' leases, the incidents and what is still to be told.
    /// Default: `correlation.db` in `storage.path`.
    package var path: String
    /// `host_down`.
    package var hostDown: HostDownConfig
    /// A firing alert that its agent does not repeat for so long, though the host is up and newer data came, is taken as resolved. Agents
    /// repeat what fires every minute. Default 5 minutes.
    package var expireAlertsAfter: Duration
    /// Closed incidents older than this are deleted. Default 90 days.
    package var keepIncidentsFor: Duration
    /// Incidents kept, open ones included; the oldest closed ones go first. Default 10 000.
    package var incidentsMax: Int

    package init(
        path: String,
        hostDown: HostDownConfig = HostDownConfig(),
        expireAlertsAfter: Duration = .seconds(300),
        keepIncidentsFor: Duration = .seconds(90 * 86_400),
        incidentsMax: Int = 10_000
    ) {
        (self.path, self.hostDown, self.expireAlertsAfter) = (path, hostDown, expireAlertsAfter)
        (self.keepIncidentsFor, self.incidentsMax) = (keepIncidentsFor, incidentsMax)
    }
}
