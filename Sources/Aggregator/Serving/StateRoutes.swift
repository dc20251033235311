import Answering
import Hummingbird
package import JSON
import Operating
package import Telemetry

/// What is so now: alerts, and the aggregator itself.
struct StateRoutes: Sendable {
    private let alerts: any AlertDirectory
    private let history: any AlertHistory
    private let status: @Sendable () async -> AggregatorStatus

    static let notificationsMax = 1_000

    init(
        alerts: any AlertDirectory,
        history: any AlertHistory,
        status: @escaping @Sendable () async -> AggregatorStatus
    ) {
        (self.alerts, self.history, self.status) = (alerts, history, status)
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
        let state = try parameters.word("state", ShownState.self)
        let host = try parameters.value("host")
        let name = try parameters.value("alertname")
        let found = await alerts.shownAlerts().filter { shown in
            (state?.holds(for: shown) ?? true) && (host == nil || shown.alert.labels["host"] == host) && (name == nil || shown.alert.name == name)
        }
        let acknowledged = await history.acknowledgements()
        return .json { json in
            json.list("alerts", found) { json, shown in
                let alert = shown.alert
                json.alert(shown) { json in json.acknowledgement(alert.state == .firing ? acknowledged[alert.fingerprint] : nil) }
            }
        }
    }

    /// What `state` may ask for: `stale` ones are firing or pending too, as far as is known.
    private enum ShownState: String, CaseIterable {
        case pending, firing, resolved, stale, flapping

        func holds(for shown: ShownAlert) -> Bool {
            switch self {
            case .pending: shown.alert.state == .pending
            case .firing: shown.alert.state == .firing
            case .resolved: shown.alert.state == .resolved
            case .stale: shown.staleSince != nil
            case .flapping: shown.flapping != nil
            }
        }
    }

    private func notifications(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["limit", "state", "receiver", "alertname", "start", "end", "cursor"])
        let limit = try parameters.integer("limit", in: 1...Self.notificationsMax, default: 100)
        // One more tells whether there is another page.
        var query = NotificationQuery(limit: limit + 1)
        query.state = try parameters.word("state", NotificationRecord.State.self)
        (query.receiver, query.alertname) = (try parameters.value("receiver"), try parameters.value("alertname"))
        (query.start, query.end) = (try parameters.timestamp("start"), try parameters.timestamp("end"))
        if let text = try parameters.value("cursor") {
            guard let ordinal = Int64(text) else {
                throw .malformed("cursor=\(text) is none of ours: give back the `next_cursor` of the page before")
            }
            query.after = ordinal
        }
        let asking = query
        let found = try await asked { () async throws(QueryError) in try await history.notifications(asking) }
        let page = found.prefix(limit)
        return .json { json in
            json.page("notifications", page.map(\.record), next: found.count > limit ? page.last.map { "\($0.ordinal)" } : nil) {
                $0.notification($1)
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

    /// With `stale` and `flapping`, for those who look at what is so now.
    mutating func alert(_ shown: ShownAlert, _ more: (inout JSONWriter) -> Void = { _ in }) {
        alert(shown.alert) { json in
            json.member("stale", shown.staleSince != nil)
            json.member("stale_since", shown.staleSince)
            json.member("said_by", shown.saidBy)
            more(&json)
            guard let flapping = shown.flapping else { return }
            json.key("flapping")
            json.beginObject()
            json.member("since", flapping.since)
            json.member("changes", flapping.changes)
            json.endObject()
        }
    }

    /// - Parameter more: further members.
    mutating func alert(_ alert: Alert, _ more: (inout JSONWriter) -> Void = { _ in }) {
        beginObject()
        let id = AlertID.text(of: alert.fingerprint)
        member("id", id)
        member("fingerprint", id)
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
        more(&self)
        endObject()
    }
}
