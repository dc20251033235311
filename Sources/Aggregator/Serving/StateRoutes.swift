import Answering
import Hummingbird
package import JSON
import Operating
package import Telemetry

/// What is so now: alerts, incidents, notifications, and the aggregator itself.
struct StateRoutes: Sendable {
    private let alerts: any AlertDirectory
    private let notifications: any NotificationDirectory
    private let status: @Sendable () async -> AggregatorStatus

    static let notificationsMax = 1_000

    init(alerts: any AlertDirectory, notifications: any NotificationDirectory, status: @escaping @Sendable () async -> AggregatorStatus) {
        (self.alerts, self.notifications, self.status) = (alerts, notifications, status)
    }

    var routes: [Route] {
        [
            Route(.get, "/api/v1/alerts", .read) { request, _ in try await alerts(request) },
            Route(.get, "/api/v1/notifications", .read) { request, _ in try await notifications(request) },
            Route(.get, "/api/v1/status", .read) { _, _ in await show(status()) },
        ]
    }

    private func alerts(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["state", "host", "alertname"])
        let state = try parameters.word("state", AlertState.self)
        let host = try parameters.value("host")
        let name = try parameters.value("alertname")
        let found = await alerts.alerts().filter { alert in
            (state == nil || alert.state == state) && (host == nil || alert.labels["host"] == host) && (name == nil || alert.name == name)
        }
        return .json { json in json.list("alerts", found) { $0.alert($1) } }
    }

    private func notifications(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["limit", "state"])
        let limit = try parameters.integer("limit", in: 1...Self.notificationsMax, default: 100)
        let state = try parameters.word("state", NotificationRecord.State.self)
        let records = await notifications.notifications(limit: limit).filter { state == nil || $0.state == state }
        return .json { json in
            json.list("notifications", records) { json, record in
                json.beginObject()
                json.member("id", record.id.description)
                json.member("receiver", record.receiver)
                json.member("channel", record.channel)
                json.member("group_key", record.groupKey)
                json.member("status", record.status)
                json.member("alert_count", record.alertCount)
                json.member("state", record.state.rawValue)
                json.member("attempts", record.attempts)
                json.member("created_at", record.createdAt)
                json.member("next_attempt_at", record.nextAttemptAt)
                json.member("delivered_at", record.deliveredAt)
                json.member("last_reply", record.lastReply)
                json.endObject()
            }
        }
    }

    private func show(_ status: AggregatorStatus) async -> Response {
        let hosts = await alerts.hosts()
        let known = await alerts.alerts()
        return .json { json in
            json.beginObject()
            json.member("status", status.health.status.rawValue)
            json.member("version", status.version)
            json.member("started_at", status.startedAt)
            json.member("now", status.now)
            json.member("uptime_seconds", status.uptime.inSeconds.rounded())
            json.counts("hosts", HostRecord.State.allCases.map { state in (state.rawValue, hosts.count { $0.state == state }) })
            json.counts("alerts", AlertState.allCases.map { state in (state.rawValue, known.count { $0.state == state }) })
            json.key("problems")
            json.beginArray()
            for component in status.health.components where !component.detail.isEmpty { json.string("\(component.name): \(component.detail)") }
            json.endArray()
            json.member("storage", status.storage)
            json.endObject()
        }
    }
}

/// What the aggregator knows of itself.
package struct AggregatorStatus: Sendable {
    package var version: String
    package var startedAt: Timestamp
    package var now: Timestamp
    /// By the clock that does not jump.
    package var uptime: Duration
    package var health: HealthReport
    /// The log's own figures, as a JSON object.
    package var storage: JSON

    package init(version: String, startedAt: Timestamp, now: Timestamp, uptime: Duration, health: HealthReport, storage: JSON) {
        (self.version, self.startedAt, self.now, self.uptime) = (version, startedAt, now, uptime)
        (self.health, self.storage) = (health, storage)
    }
}

extension JSONWriter {
    /// `{"<name>": […], "count": n}`.
    mutating func list<Element>(_ name: String, _ elements: [Element], _ write: (inout JSONWriter, Element) -> Void) {
        beginObject()
        key(name)
        beginArray()
        for element in elements { write(&self, element) }
        endArray()
        member("count", elements.count)
        endObject()
    }

    mutating func alert(_ alert: Alert) {
        beginObject()
        member("fingerprint", String(repeating: "0", count: alert.fingerprint.leadingZeroBitCount / 4) + hex(alert.fingerprint))
        member("alertname", alert.name)
        member("state", alert.state.rawValue)
        key("labels")
        labels(alert.labels)
        key("annotations")
        labels(alert.annotations)
        member("active_at", alert.activeAt)
        member("starts_at", alert.startsAt)
        member("ends_at", alert.endsAt)
        member("updated_at", alert.updatedAt)
        member("value", alert.value)
        member("expression", alert.expression)
        endObject()
    }

    private func hex(_ value: UInt64) -> String { value == 0 ? "" : String(value, radix: 16) }
}
