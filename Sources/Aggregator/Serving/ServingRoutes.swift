package import Answering
package import Operating
package import Telemetry

/// Everything that can be looked at, from the rooms that know it.
package struct ServingRoutes: Sendable {
    package let routes: [Route]

    /// - Parameters:
    ///   - reload: reads the configuration again.
    ///   - status: the aggregator's own state, for `/health` and `/api/v1/status`.
    ///   - makeID: a new identifier for a silence made now.
    package init(
        events: any EventSearching,
        stream: any EventStreaming,
        queries: any MetricQuerying,
        alerts: any AlertDirectory,
        notifications: any NotificationDirectory,
        alertmanager: any AlertmanagerDirectory,
        reload: @escaping @Sendable () async -> ConfigurationReload,
        status: @escaping @Sendable () async -> AggregatorStatus,
        metrics: MetricsRegistry,
        budget: BodyBudget,
        time: any TimeSource,
        makeID: @escaping @Sendable (Timestamp) -> UUID
    ) {
        routes =
            EventRoutes(events).routes
            + EventStreamRoutes(stream).routes
            + MetricRoutes(queries, budget: budget, time: time).routes
            + HostRoutes(alerts).routes
            + IncidentRoutes(alerts).routes
            + StateRoutes(alerts: alerts, notifications: notifications, status: status).routes
            + SilenceRoutes(notifications, budget: budget, time: time, makeID: makeID).routes
            + AlertmanagerRoutes(alertmanager, alerts: alerts, time: time, status: status).routes
            + AlertmanagerSilenceRoutes(alertmanager, silences: notifications, budget: budget, time: time, makeID: makeID).routes
            + ReloadRoutes(reload).routes
            + HealthRoutes(metrics: metrics) { await status().health }.routes
            + PageRoutes.routes
    }
}
