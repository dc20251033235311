import Configuring
import Telemetry
import Testing

@testable import Notifying

@Suite struct RoutedAlertsTests {
    /// Four alerts: one plain, one silenced, one inhibited, one resolved.
    private func scene() throws -> Dispatcher {
        let receivers = ["ops", "db"].map { Receiver(name: $0, webhooks: [WebhookConfig(url: Secret("http://127.0.0.1:1/"))]) }
        let tree = Sample.route(
            wait: 10,
            routes: [
                Sample.route(wait: 10, matchers: "host=~\"db.*\"", continues: true, receiver: "db"),
                Sample.route(wait: 10, matchers: "host=\"db-1\"", receiver: "ops"),
            ]
        )
        let rule = InhibitRule(source: Sample.matchers("alertname=\"Down\""), target: Sample.matchers("severity=\"warning\""), equal: ["host"])
        var dispatcher = Dispatcher(config: Sample.config(tree, inhibit: [rule], receivers: receivers), at: Sample.at(0))
        try dispatcher.silences.add(
            Silence(
                id: UUID(high: 0, low: 1),
                matchers: ["host=\"web-2\""],
                startsAt: Sample.at(0),
                endsAt: Sample.at(100),
                createdBy: "ops",
                comment: "repair"
            ),
            at: Sample.at(0)
        )
        let alerts = [
            Sample.alert("Disk", "web-1"), Sample.alert("Disk", "web-2"), Sample.alert("Disk", "db-1"),
            Sample.alert("Down", "db-1", severity: "critical"), Sample.alert("Gone", "web-1"),
        ]
        for (index, alert) in alerts.enumerated() { dispatcher.accept(Sample.transition(UInt64(index), alert), at: Sample.at(0)) }
        dispatcher.accept(Sample.transition(9, Sample.alert("Gone", "web-1", .resolved, until: 1)), at: Sample.at(1))
        return dispatcher
    }

    private func names(_ selection: AlertSelection, at second: Int = 5) throws -> Set<String> {
        Set(try scene().routed(selection, at: Sample.at(second)).map { "\($0.alert.name)@\($0.alert.labels["host"] ?? "")" })
    }

    @Test func `what fires is listed with who is told of it and what keeps it quiet`() throws {
        let all = try scene().routed(AlertSelection(), at: Sample.at(5))
        #expect(all.map(\.alert.fingerprint) == all.map(\.alert.fingerprint).sorted())
        func one(_ name: String, _ host: String) throws -> RoutedAlert {
            try #require(all.first { $0.alert.name == name && $0.alert.labels["host"] == host })
        }
        #expect(all.count == 4)
        #expect(try one("Disk", "web-1").receivers == ["ops"])
        #expect(try !one("Disk", "web-1").isSuppressed)
        #expect(try one("Disk", "web-2").silencedBy == [UUID(high: 0, low: 1)])
        #expect(try one("Disk", "db-1").receivers == ["db", "ops"])
        #expect(try one("Disk", "db-1").inhibitedBy == [Sample.alert("Down", "db-1", severity: "critical").fingerprint])
        #expect(try scene().routed(AlertSelection(), at: Sample.at(100)).allSatisfy { $0.silencedBy.isEmpty })
    }

    @Test func `flags, filters and the receiver's pattern narrow it as in Alertmanager`() throws {
        #expect(try names(AlertSelection(silenced: false)) == ["Disk@web-1", "Disk@db-1", "Down@db-1"])
        #expect(try names(AlertSelection(inhibited: false)) == ["Disk@web-1", "Disk@web-2", "Down@db-1"])
        #expect(try names(AlertSelection(active: false)) == ["Disk@web-2", "Disk@db-1"])
        #expect(try names(AlertSelection(filters: ["alertname=Disk", "host=~\"web.*\""])) == ["Disk@web-1", "Disk@web-2"])
        #expect(try names(AlertSelection(filters: ["team=\"\"", "host!=db-1"])) == ["Disk@web-1", "Disk@web-2"])
        #expect(try names(AlertSelection(receiver: "d.")) == ["Disk@db-1", "Down@db-1"])
        #expect(try names(AlertSelection(receiver: "d")) == [])
        for bad in [AlertSelection(filters: ["=x"]), AlertSelection(filters: ["a=~\"(\""]), AlertSelection(receiver: "(")] {
            #expect(throws: QueryError.self) { try names(bad) }
        }
    }

    @Test func `groups are those that are told together`() throws {
        let groups = try scene().routedGroups(AlertSelection(), at: Sample.at(5))
        #expect(
            groups.map { "\($0.receiver) \($0.labels) \($0.alerts.count)" }.sorted() == [
                "db {alertname=\"Disk\"} 1", "db {alertname=\"Down\"} 1", "ops {alertname=\"Disk\"} 1", "ops {alertname=\"Disk\"} 2",
                "ops {alertname=\"Down\"} 1",
            ]
        )
        #expect(try scene().routedGroups(AlertSelection(receiver: "db", inhibited: false), at: Sample.at(5)).map(\.labels) == [["alertname": "Down"]])
    }
}
