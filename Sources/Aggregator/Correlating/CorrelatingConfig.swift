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
    /// `incidents`.
    package var incidents: IncidentsConfig
    /// `history.retention` and `history.decisions_per_alert`: what was decided on alerts, for their explanation. Default 90 days, 500 of each.
    package var keepDecisionsFor = Duration.seconds(90 * 86_400)
    package var decisionsPerAlert = 500
    /// `flapping`: alerts that come and go are held. Nil: none is. Default: 4 changes within 10 minutes, until it is steady for 10.
    package var flapping: FlappingConfig?

    package init(
        path: String,
        hostDown: HostDownConfig = HostDownConfig(),
        expireAlertsAfter: Duration = .seconds(300),
        incidents: IncidentsConfig = IncidentsConfig(),
        flapping: FlappingConfig? = FlappingConfig()
    ) {
        (self.path, self.hostDown, self.expireAlertsAfter) = (path, hostDown, expireAlertsAfter)
        (self.incidents, self.flapping) = (incidents, flapping)
    }
}
