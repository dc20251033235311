import Answering
import HTTPTypes
import JSON
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Alertmanager's API v2, in the shapes of its OpenAPI document.
@Suite struct AlertmanagerRoutesTests {
    private let window = Window()
    private var now: Timestamp { window.time.now() }

    private func alert(_ host: String) -> Alert {
        Alert(
            labels: ["alertname": "Disk", "host": host],
            annotations: ["summary": "s"],
            state: .firing,
            activeAt: now,
            startsAt: now,
            value: 1,
            updatedAt: now,
            expression: "http://p/graph"
        )
    }

    @Test func `alerts are listed with their receivers and what keeps them quiet`() async throws {
        let (own, silence) = (alert("a"), UUID(high: 0, low: 7))
        var heard = own
        heard.updatedAt = now.advanced(by: .seconds(60))
        let latest = heard
        window.rooms.set {
            $0.alerts = [latest]
            $0.routed = [RoutedAlert(alert: own, receivers: ["ops"], silencedBy: [silence], inhibitedBy: [15])]
        }
        let answer = try await window.ask(
            "/api/v2/alerts?filter=alertname%3D%22Disk%22&filter=host%3Da&silenced=false&inhibited=true&active=true&unprocessed=true&receiver=o.*"
        )
        #expect(answer.status == 200)
        let shown = answer.json[0]
        #expect(shown?["labels"] == ["alertname": "Disk", "host": "a"])
        #expect(shown?["annotations"] == ["summary": "s"])
        #expect(shown?["startsAt"]?.string == now.rfc3339)
        #expect(shown?["endsAt"]?.string == now.advanced(by: .seconds(300)).rfc3339)
        #expect(shown?["updatedAt"]?.string == now.advanced(by: .seconds(60)).rfc3339)
        #expect(shown?["receivers"] == [["name": "ops"]])
        #expect(shown?["generatorURL"]?.string == "http://p/graph")
        #expect(shown?["fingerprint"]?.string?.count == 16)
        #expect(shown?["status"] == ["state": "suppressed", "silencedBy": [.string("\(silence)")], "inhibitedBy": ["000000000000000f"]])
        #expect(
            window.rooms.state.withLock { $0.selections } == [
                AlertSelection(filters: ["alertname=\"Disk\"", "host=a"], receiver: "o.*", silenced: false)
            ]
        )
    }

    @Test func `groups hold their alerts`() async throws {
        let own = RoutedAlert(alert: alert("a"), receivers: ["db"])
        window.rooms.set { $0.groups = [RoutedGroup(labels: ["alertname": "Disk"], receiver: "db", alerts: [own])] }
        let group = try await window.ask("/api/v2/alerts/groups?active=false").json[0]
        #expect(group?["labels"] == ["alertname": "Disk"])
        #expect(group?["receiver"] == ["name": "db"])
        #expect(group?["alerts"]?[0]?["status"]?["state"]?.string == "active")
        #expect(window.rooms.state.withLock { $0.selections.map(\.active) } == [false])
    }

    @Test func `errors are a JSON string`() async throws {
        for path in ["/api/v2/alerts?active=maybe", "/api/v2/alerts?actve=true", "/api/v2/silence/nonsense"] {
            let answer = try await window.ask(path)
            #expect(answer.status == 400)
            #expect(answer.json.string?.isEmpty == false, "\(answer.text)")
        }
        window.rooms.set { $0.error = .invalid("\"=x\" is not a matcher") }
        let answer = try await window.ask("/api/v2/alerts?filter=%3Dx")
        #expect((400..<500).contains(answer.status))
        #expect(answer.json.string == "\"=x\" is not a matcher")
    }

    @Test func `status and receivers`() async throws {
        #expect(try await window.ask("/api/v2/receivers").json == [["name": "ops"], ["name": "db"]])
        let status = try await window.ask("/api/v2/status").json
        #expect(status["config"]?["original"]?.string == "route:\n  receiver: ops\n")
        #expect(status["versionInfo"]?["version"]?.string == "1.2.3")
        #expect(status["cluster"]?["status"]?.string == "disabled")
        #expect(status["uptime"]?.string == now.rfc3339)
        for path in ["/-/healthy", "/-/ready"] { #expect(try await window.ask(path).text == "OK") }
    }

    @Test func `a silence is made, changed, shown, listed and ended`() async throws {
        let body = """
            {"matchers":[{"name":"a","value":"b\\\\.c","isRegex":true,"isEqual":false},{"name":"d","value":"e\\"f","isRegex":false}],
             "startsAt":"2026-01-01T00:00:00.000Z","endsAt":"2026-01-01T02:00:00.000Z","createdBy":"ops","comment":"repair"}
            """
        let made = try await window.ask("/api/v2/silences", method: .post, body)
        let id = UUID(high: 0xABC, low: 1)
        #expect(made.json == ["silenceID": .string("\(id)")])
        let silence = try #require(window.rooms.state.withLock { $0.silences.first })
        #expect(silence.matchers == [#"a!~"b\\.c""#, #"d="e\"f""#])
        #expect((silence.createdBy, silence.comment) == ("ops", "repair"))
        let shown = try await window.ask("/api/v2/silence/\(id)").json
        #expect(shown["id"]?.string == "\(id)")
        #expect(shown["status"]?["state"]?.string == "active")
        #expect(shown["matchers"] == [["name": "a", "value": "b.*", "isRegex": true, "isEqual": false]])
        #expect(try await window.ask("/api/v2/silences").json[0] == shown)
        let longer = body.split(separator: "T02:00").joined(separator: "T03:00").dropFirst()
        let changed = try await window.ask("/api/v2/silences", method: .post, "{\"id\":\"\(id)\"," + longer)
        #expect(changed.json["silenceID"]?.string == "\(id)")
        #expect(window.rooms.state.withLock { $0.silences.map(\.endsAt) } == [now.advanced(by: .seconds(10_800))])
        #expect(try await window.ask("/api/v2/silence/\(id)", method: .delete).status == 200)
        #expect(try await window.ask("/api/v2/silence/\(id)").json["status"]?["state"]?.string == "expired")
        let other = UUID(high: 0, low: 1)
        #expect(try await window.ask("/api/v2/silence/\(other)").status == 404)
        #expect(try await window.ask("/api/v2/silence/\(other)", method: .delete).status == 404)
        #expect(try await window.ask("/api/v2/silences", method: .post, "{\"id\":\"\(other)\"," + longer).status == 404)
    }

    @Test(arguments: ["{", "[]", "{}", #"{"matchers":[]}"#, #"{"matchers":[{"name":"a","value":"b"}],"startsAt":"x"}"#])
    func `a wrong silence is refused`(body: String) async throws {
        let answer = try await window.ask("/api/v2/silences", method: .post, body)
        #expect((400..<500).contains(answer.status))
        #expect(answer.json.string != nil)
        #expect(window.rooms.state.withLock { $0.silences.isEmpty })
    }

    @Test func `silences in force come first, then those ahead, then those that are over`() async throws {
        func silence(_ number: UInt64, _ start: Int, _ end: Int) -> Silence {
            Silence(
                id: UUID(high: 0, low: number),
                matchers: ["a=\"b\""],
                startsAt: now.advanced(by: .seconds(start)),
                endsAt: now.advanced(by: .seconds(end)),
                createdBy: "",
                comment: ""
            )
        }
        let all = [silence(1, -9, -5), silence(2, 20, 30), silence(3, -9, 100), silence(4, 10, 30), silence(5, -9, 50), silence(6, -9, -1)]
        window.rooms.set { $0.silences = all }
        let ids = try await window.ask("/api/v2/silences").json.array?.compactMap { $0["id"]?.string.flatMap { UUID($0) }?.low }
        #expect(ids == [5, 3, 4, 2, 6, 1])
    }

    @Test func `a reload says what is wrong, or that it is in force`() async throws {
        for path in ["/-/reload", "/api/v1/reload"] {
            window.rooms.set { $0.report = ConfigurationReload(needsRestart: ["listen"]) }
            let fine = try await window.ask(path, method: .post)
            #expect(fine.status == 200)
            #expect(fine.json == ["problems": [], "needs_restart": ["listen"]])
            window.rooms.set { $0.report = ConfigurationReload(problems: ["a.yaml:3: route: missing"]) }
            let refused = try await window.ask(path, method: .post)
            #expect(refused.status == 422)
            #expect(refused.json["problems"] == ["a.yaml:3: route: missing"])
        }
    }

    @Test func `viewers read, operators write, agents neither`() async throws {
        var window = window
        let reads = ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences", "/api/v2/status", "/api/v2/receivers"]
        let id = UUID(high: 0, low: 1)
        let writes: [(HTTPRequest.Method, String)] = [
            (.post, "/api/v2/silences"), (.delete, "/api/v2/silence/\(id)"), (.post, "/-/reload"), (.post, "/api/v1/reload"),
        ]
        for (role, reading) in [(Principal.Role.viewer, 200), (.agent, 403)] {
            window.identification = .known(Principal(name: "x", role: role))
            for path in reads { #expect(try await window.ask(path).status == reading, "\(role) \(path)") }
            for (method, path) in writes { #expect(try await window.ask(path, method: method).status == 403, "\(role) \(path)") }
        }
        window.identification = .missing
        for path in reads { #expect(try await window.ask(path).status == 401) }
        #expect(try await window.ask("/-/healthy").status == 200)
    }
}
