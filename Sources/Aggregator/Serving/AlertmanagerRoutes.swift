import Answering
import Hummingbird
import JSON
import Operating
import Telemetry

/// Alertmanager's API v2 as its clients read it (amtool, dashboards): what fires, groups, receivers, the configuration.
struct AlertmanagerRoutes: Sendable {
    private let directory: any AlertmanagerDirectory
    private let alerts: any AlertDirectory
    private let status: @Sendable () async -> AggregatorStatus
    private let time: any TimeSource

    /// - Parameter alerts: knows of each alert what was heard of it last.
    init(
        _ directory: any AlertmanagerDirectory,
        alerts: any AlertDirectory,
        time: any TimeSource,
        status: @escaping @Sendable () async -> AggregatorStatus
    ) {
        (self.directory, self.alerts, self.time, self.status) = (directory, alerts, time, status)
    }

    /// How long what fires is said to go on, where nobody has told an end: Alertmanager's clients expect one.
    static let shownFor = Duration.seconds(300)

    var routes: [Route] {
        [
            Route(.get, "/api/v2/alerts", .read) { request, _ in try await alertmanager { () throws(Problem) in try await list(request) } },
            Route(.get, "/api/v2/alerts/groups", .read) { request, _ in try await alertmanager { () throws(Problem) in try await groups(request) } },
            Route(.get, "/api/v2/receivers", .read) { _, _ in await receivers() },
            Route(.get, "/api/v2/status", .read) { _, _ in await show() },
            // Alertmanager's words for who asks whether it lives.
            Route(.get, "/-/healthy", .open) { _, _ in .text(type: "text/plain; charset=utf-8", "OK") },
            Route(.get, "/-/ready", .open) { _, _ in .text(type: "text/plain; charset=utf-8", "OK") },
        ]
    }

    private func list(_ request: Request) async throws(Problem) -> Response {
        let selection = try AlertSelection(try request.parameters())
        let found = try await asked { () async throws(QueryError) in try await directory.alerts(selection) }
        let latest = await heardOf()
        let now = time.now()
        return .json { json in
            json.beginArray()
            for routed in found { json.alert(routed, latest: latest[routed.alert.fingerprint], now: now) }
            json.endArray()
        }
    }

    private func groups(_ request: Request) async throws(Problem) -> Response {
        let selection = try AlertSelection(try request.parameters())
        let found = try await asked { () async throws(QueryError) in try await directory.groups(selection) }
        let latest = await heardOf()
        let now = time.now()
        return .json { json in
            json.beginArray()
            for group in found {
                json.beginObject()
                json.key("labels")
                json.labels(group.labels)
                json.key("receiver")
                json.receiver(group.receiver)
                json.key("alerts")
                json.beginArray()
                for routed in group.alerts { json.alert(routed, latest: latest[routed.alert.fingerprint], now: now) }
                json.endArray()
                json.endObject()
            }
            json.endArray()
        }
    }

    /// Notifying keeps an alert as it was when it changed; Correlating has heard of it since.
    private func heardOf() async -> [UInt64: Alert] {
        let firing = await alerts.alerts().filter { $0.state == .firing }
        return Dictionary(firing.map { ($0.fingerprint, $0) }) { first, _ in first }
    }

    private func receivers() async -> Response {
        let names = await directory.receivers()
        return .json { json in
            json.beginArray()
            for name in names { json.receiver(name) }
            json.endArray()
        }
    }

    private func show() async -> Response {
        let (status, original) = (await status(), await directory.configurationText())
        return .json { json in
            json.beginObject()
            json.key("cluster")
            json.beginObject()
            // One aggregator is no cluster: what Alertmanager says without --cluster.listen-address.
            json.member("status", "disabled")
            json.member("peers", [String]())
            json.endObject()
            json.key("versionInfo")
            json.beginObject()
            json.member("version", status.version)
            for name in ["revision", "branch", "buildUser", "buildDate", "goVersion"] { json.member(name, "") }
            json.endObject()
            json.key("config")
            json.beginObject()
            json.member("original", original)
            json.endObject()
            json.member("uptime", status.startedAt)
            json.endObject()
        }
    }
}

/// Alertmanager's clients read an error as a JSON string.
func alertmanager(_ answer: () async throws(Problem) -> Response) async throws(Problem) -> Response {
    do throws(Problem) { return try await answer() } catch {
        guard (400..<500).contains(error.status.code) else { throw error }
        return .json(error.status) { $0.string(error.detail) }
    }
}

extension AlertSelection {
    fileprivate init(_ parameters: FormParameters) throws(Problem) {
        try parameters.refuseOthers(than: ["filter", "receiver", "active", "silenced", "inhibited", "unprocessed"])
        func flag(_ name: String) throws(Problem) -> Bool {
            switch try parameters.value(name) {
            case nil, "true": return true
            case "false": return false
            case let other?: throw .malformed("\(name)=\(other): write true or false")
            }
        }
        // Here every alert is looked at before it is listed: none is unprocessed.
        _ = try flag("unprocessed")
        self.init(
            filters: parameters.values("filter").filter { !$0.isEmpty },
            receiver: try parameters.value("receiver"),
            active: try flag("active"),
            silenced: try flag("silenced"),
            inhibited: try flag("inhibited")
        )
    }
}

extension JSONWriter {
    fileprivate mutating func receiver(_ name: String) {
        beginObject()
        member("name", name)
        endObject()
    }

    /// Alertmanager's `gettableAlert`.
    fileprivate mutating func alert(_ routed: RoutedAlert, latest: Alert?, now: Timestamp) {
        let alert = routed.alert
        let digits = String(alert.fingerprint, radix: 16)
        beginObject()
        key("labels")
        labels(alert.labels)
        key("annotations")
        labels(latest?.annotations ?? alert.annotations)
        member("startsAt", alert.startsAt)
        member("endsAt", alert.endsAt ?? now.advanced(by: AlertmanagerRoutes.shownFor))
        member("updatedAt", latest?.updatedAt ?? alert.updatedAt)
        member("fingerprint", String(repeating: "0", count: 16 - digits.count) + digits)
        if alert.isFromElsewhere { member("generatorURL", alert.expression) }
        key("receivers")
        beginArray()
        for name in routed.receivers { receiver(name) }
        endArray()
        key("status")
        beginObject()
        member("state", routed.isSuppressed ? "suppressed" : "active")
        member("silencedBy", routed.silencedBy.map(\.description))
        member(
            "inhibitedBy",
            routed.inhibitedBy.map { String(repeating: "0", count: $0.leadingZeroBitCount / 4) + ($0 == 0 ? "" : String($0, radix: 16)) }
        )
        endObject()
        endObject()
    }
}
