import JSON
import Operating
import Serving
import Telemetry
import TestSupport
import Testing

@Suite struct RuleRoutesTests {
    let window = Window()
    var now: Timestamp { window.time.now() }

    func alert(_ state: AlertState) -> Alert {
        Alert(
            labels: ["alertname": "ManyErrors", "source": "shop"],
            annotations: ["summary": "shop fails"],
            state: state,
            activeAt: now,
            startsAt: now,
            value: 12.5,
            updatedAt: now,
            expression: "x > 10"
        )
    }

    init() {
        let groups = [
            EvaluatedGroup(
                name: "events",
                file: "/etc/tocsin/rules/events.yaml",
                interval: .seconds(15),
                limit: 7,
                rules: [
                    EvaluatedRule(
                        kind: .alerting,
                        name: "ManyErrors",
                        expression: "x > 10",
                        holdDuration: .seconds(300),
                        labels: ["severity": "critical"],
                        annotations: ["summary": "{{ $labels.source }} fails"],
                        health: .ok,
                        lastEvaluation: now,
                        evaluationTime: .milliseconds(250),
                        alerts: [alert(.firing), alert(.pending)]
                    ),
                    EvaluatedRule(kind: .recording, name: "source:errors", expression: "sum(x)", health: .err, lastError: "too many series"),
                ],
                lastEvaluation: now,
                evaluationTime: .milliseconds(300),
                missed: 2
            ),
            EvaluatedGroup(name: "empty", file: "b.yaml", interval: .seconds(60), rules: []),
        ]
        window.rooms.set { $0.evaluated = groups }
    }

    @Test func `rules have Prometheus's shape`() async throws {
        let answer = try await window.ask("/api/v1/rules").json
        #expect(answer["status"]?.string == "success")
        let groups = try #require(answer["data"]?["groups"]?.array)
        #expect(groups.map { $0["name"]?.string } == ["events", "empty"])
        let group = groups[0]
        #expect(group["file"]?.string == "/etc/tocsin/rules/events.yaml")
        #expect(group["interval"]?.double == 15)
        #expect(group["limit"]?.integer == 7)
        #expect(group["evaluationTime"]?.double == 0.3)
        #expect(group["lastEvaluation"]?.string == now.rfc3339)
        #expect(group["missedEvaluations"]?.integer == 2)
        let alerting = try #require(group["rules"]?[0])
        #expect(alerting["type"]?.string == "alerting")
        #expect(alerting["state"]?.string == "firing")
        #expect(alerting["query"]?.string == "x > 10")
        #expect(alerting["duration"]?.double == 300)
        #expect(alerting["health"]?.string == "ok")
        #expect(alerting["annotations"]?["summary"]?.string == "{{ $labels.source }} fails")
        #expect(alerting["lastError"] == nil)
        #expect(alerting["alerts"]?.array?.count == 2)
        #expect(alerting["alerts"]?[0]?["state"]?.string == "firing")
        #expect(alerting["alerts"]?[0]?["value"]?.string == "12.5")
        #expect(alerting["alerts"]?[0]?["activeAt"]?.string == now.rfc3339)
        let recording = try #require(group["rules"]?[1])
        #expect(recording["type"]?.string == "recording")
        #expect(recording["state"] == nil)
        #expect(recording["health"]?.string == "err")
        #expect(recording["lastError"]?.string == "too many series")
        #expect(recording["lastEvaluation"]?.string == "0001-01-01T00:00:00Z")
    }

    @Test(arguments: [
        ("type=alert", ["ManyErrors"]), ("type=record", ["source:errors"]), ("rule_name[]=ManyErrors", ["ManyErrors"]),
        ("rule_group[]=empty", []), ("file[]=b.yaml&file[]=/etc/tocsin/rules/events.yaml", ["ManyErrors", "source:errors"]),
    ])
    func `Prometheus's parameters narrow the list`(_ query: String, _ names: [String]) async throws {
        let groups = try await window.ask("/api/v1/rules?\(query)").json["data"]?["groups"]?.array ?? []
        #expect(groups.flatMap { $0["rules"]?.array ?? [] }.compactMap { $0["name"]?.string } == names)
    }

    @Test func `alerts can be left out, and what is not known is refused`() async throws {
        let rule = try await window.ask("/api/v1/rules?exclude_alerts=true").json["data"]?["groups"]?[0]?["rules"]?[0]
        #expect(rule?["alerts"]?.array?.isEmpty == true)
        #expect(rule?["state"]?.string == "firing")
        #expect(try await window.ask("/api/v1/rules?type=alerts").status == 400)
        #expect(try await window.ask("/api/v1/rules?group=x").status == 400)
    }

    @Test func `alerts say whether they are old or flap`() async throws {
        let (fresh, since) = (alert(.firing), now.advanced(by: .seconds(-60)))
        window.rooms.set { state in
            state.shown = [
                ShownAlert(fresh), ShownAlert(fresh, staleSince: since), ShownAlert(fresh, flapping: Flapping(since: since, changes: 5)),
            ]
        }
        let alerts = try #require(try await window.ask("/api/v1/alerts").json["alerts"]?.array)
        #expect(alerts.map { $0["stale"]?.bool } == [false, true, false])
        #expect(alerts[1]["stale_since"]?.string == since.rfc3339)
        #expect(alerts[1]["state"]?.string == "firing")
        #expect(alerts[2]["flapping"]?["changes"]?.integer == 5)
        #expect(alerts[2]["flapping"]?["since"]?.string == since.rfc3339)
        #expect(alerts[0]["flapping"] == nil)
        #expect(try await window.ask("/api/v1/alerts?state=stale").json["count"]?.integer == 1)
        #expect(try await window.ask("/api/v1/alerts?state=flapping").json["count"]?.integer == 1)
        #expect(try await window.ask("/api/v1/alerts?state=firing").json["count"]?.integer == 3)
    }
}
