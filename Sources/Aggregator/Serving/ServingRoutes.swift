package import Answering
package import Operating
package import Telemetry

/// Everything that can be looked at, from the rooms that know it.
package struct ServingRoutes: Sendable {
    package let routes: [Route]

    /// - Parameters:
    ///   - reload: reads the configuration again.
    ///   - correlated: the decisions on the state of alerts; those on who is told come with the history.
    ///   - status: the aggregator's own state, for `/health` and `/api/v1/status`.
    ///   - makeID: a new identifier for a silence made now.
    package init(
        events: any EventSearching,
        stream: any EventStreaming,
        queries: any MetricQuerying,
        alerts: any AlertDirectory,
        rules: any RuleDirectory,
        notifications: any NotificationDirectory,
        alertmanager: any AlertmanagerDirectory,
        reload: @escaping @Sendable () async -> ConfigurationReload,
        history: any AlertHistory,
        correlated: any DecisionDirectory,
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
            + RuleRoutes(rules).routes
            + StateRoutes(alerts: alerts, history: history, status: status).routes
            + ExplanationRoutes(alerts: alerts, history: history, correlated: correlated).routes
            + AcknowledgeRoutes(alerts: alerts, history: history, budget: budget, time: time).routes
            + NotificationRoutes(notifications, budget: budget).routes
            + SilenceRoutes(notifications, budget: budget, time: time, makeID: makeID).routes
            + AlertmanagerRoutes(alertmanager, alerts: alerts, time: time, status: status).routes
            + AlertmanagerSilenceRoutes(alertmanager, silences: notifications, budget: budget, time: time, makeID: makeID).routes
            + ReloadRoutes(reload).routes
            + HealthRoutes(metrics: metrics) { await status().health }.routes
            + PageRoutes.routes
    }
}
