import Answering
import Hummingbird
import JSON
import Operating
import Telemetry

/// The rules that the aggregator evaluates itself, in Prometheus's HTTP interface: Grafana and promtool read it.
struct RuleRoutes: Sendable {
    private let rules: any RuleDirectory

    init(_ rules: any RuleDirectory) { self.rules = rules }

    var routes: [Route] { [Route(.get, "/api/v1/rules", .read) { request, _ in try await rules(request) }] }

    /// Prometheus's parameters: `type=alert|record`, `rule_name[]`, `rule_group[]`, `file[]`, `exclude_alerts=true`.
    private func rules(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["type", "rule_name[]", "rule_group[]", "file[]", "exclude_alerts"])
        var kind: EvaluatedRule.Kind?
        switch try parameters.value("type") {
        case nil: break
        case "alert": kind = .alerting
        case "record": kind = .recording
        case .some(let other):
            throw .malformed("type=\(other): write alert or record", errors: [Problem.Item(pointer: "?type", detail: "write alert or record")])
        }
        let (names, groups, files) = (
            Set(parameters.values("rule_name[]")), Set(parameters.values("rule_group[]")), Set(parameters.values("file[]"))
        )
        let showsAlerts = try parameters.value("exclude_alerts") != "true"
        let found = await rules.ruleGroups().filter { (groups.isEmpty || groups.contains($0.name)) && (files.isEmpty || files.contains($0.file)) }
        let shown = found.map { group in
            var group = group
            group.rules = group.rules.filter { (kind == nil || $0.kind == kind) && (names.isEmpty || names.contains($0.name)) }
            return group
        }
        let isNarrowed = kind != nil || !names.isEmpty
        return .json { json in
            json.beginObject()
            json.member("status", "success")
            json.key("data")
            json.beginObject()
            json.key("groups")
            json.beginArray()
            for group in shown where !isNarrowed || !group.rules.isEmpty { json.group(group, showsAlerts: showsAlerts) }
            json.endArray()
            json.endObject()
            json.endObject()
        }
    }
}

extension JSONWriter {
    fileprivate mutating func group(_ group: EvaluatedGroup, showsAlerts: Bool) {
        beginObject()
        member("name", group.name)
        member("file", group.file)
        member("interval", group.interval.inSeconds)
        member("limit", group.limit)
        key("rules")
        beginArray()
        for rule in group.rules { self.rule(rule, showsAlerts: showsAlerts) }
        endArray()
        member("evaluationTime", group.evaluationTime.inSeconds)
        member("lastEvaluation", group.lastEvaluation?.rfc3339 ?? Self.never)
        // Not Prometheus's: evaluations that were left out.
        member("missedEvaluations", Int(clamping: group.missed))
        endObject()
    }

    private mutating func rule(_ rule: EvaluatedRule, showsAlerts: Bool) {
        beginObject()
        if rule.kind == .alerting { member("state", rule.state?.rawValue ?? "inactive") }
        member("name", rule.name)
        member("query", rule.expression)
        if rule.kind == .alerting {
            member("duration", rule.holdDuration.inSeconds)
            member("keepFiringFor", rule.keepFiringFor.inSeconds)
        }
        key("labels")
        labels(rule.labels)
        if rule.kind == .alerting {
            key("annotations")
            labels(rule.annotations)
            key("alerts")
            beginArray()
            for alert in showsAlerts ? rule.alerts : [] { ruled(alert) }
            endArray()
        }
        member("health", rule.health.rawValue)
        if let error = rule.lastError { member("lastError", error) }
        member("evaluationTime", rule.evaluationTime.inSeconds)
        member("lastEvaluation", rule.lastEvaluation?.rfc3339 ?? Self.never)
        member("type", rule.kind.rawValue)
        endObject()
    }

    private mutating func ruled(_ alert: Alert) {
        beginObject()
        key("labels")
        labels(alert.labels)
        key("annotations")
        labels(alert.annotations)
        member("state", alert.state.rawValue)
        member("activeAt", alert.activeAt.rfc3339)
        member("value", MetricsRegistry.format(alert.value))
        endObject()
    }

    /// As Go writes a time that was never set.
    private static let never = "0001-01-01T00:00:00Z"
}
