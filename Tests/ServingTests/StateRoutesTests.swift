import Answering
import HTTPTypes
import JSON
import Serving
import Synchronization
import Telemetry
import TestSupport
import Testing

struct StateRoutesTests {
    private var window = Window()
    private let now = Timestamp(milliseconds: 1_767_225_600_000)

    @Test func `hosts, alerts, incidents and notifications`() async throws {
        let alert = Alert(
            labels: ["alertname": "DiskFull", "host": "web-1", "severity": "critical"],
            annotations: ["summary": "full"],
            state: .firing,
            activeAt: now,
            startsAt: now,
            value: 0.97,
            updatedAt: now,
            expression: "x > 0.9"
        )
        window.rooms.set { [now] state in
            state.hosts = [
                HostRecord(host: "web-1", agent: UUID(high: 1, low: 1), tags: ["a"], state: .up, firstContact: now, lastContact: now, since: now)
            ]
            state.alerts = [alert]
            state.incidents = [Incident(id: UUID(high: 2, low: 2), hosts: ["web-1"], openedAt: now, alerts: [alert])]
            state.notifications = [
                NotificationRecord(
                    id: UUID(high: 3, low: 3),
                    receiver: "ops",
                    channel: "webhook",
                    groupKey: "{}",
                    status: "firing",
                    alertCount: 1,
                    state: .delivered,
                    attempts: 1,
                    createdAt: now,
                    nextAttemptAt: nil,
                    deliveredAt: now,
                    lastReply: "200 OK"
                )
            ]
        }
        let hosts = try await window.ask("/api/v1/hosts").json
        #expect(hosts["hosts"]?[0]?["state"]?.string == "up")
        #expect(hosts["count"]?.integer == 1)
        #expect(try await window.ask("/api/v1/hosts?state=down").json["count"]?.integer == 0)
        let shown = try await window.ask("/api/v1/alerts?state=firing&host=web-1").json["alerts"]?[0]
        #expect(shown?["labels"]?["alertname"]?.string == "DiskFull")
        #expect(shown?["fingerprint"]?.string?.count == 16)
        #expect(shown?["ends_at"]?.isNull == true)
        #expect(shown?["value"]?.double == 0.97)
        #expect(try await window.ask("/api/v1/alerts?state=lit").status == 400)
        #expect(try await window.ask("/api/v1/incidents").json["incidents"]?[0]?["state"]?.string == "open")
        #expect(try await window.ask("/api/v1/notifications?state=delivered").json["notifications"]?[0]?["last_reply"]?.string == "200 OK")
        let status = try await window.ask("/api/v1/status").json
        #expect(status["version"]?.string == "1.2.3")
        #expect(status["hosts"]?["up"]?.integer == 1)
        #expect(status["alerts"]?["firing"]?.integer == 1)
        #expect(status["storage"]?["bytes"]?.integer == 12)
    }

    @Test func `a silence is made in either spelling, listed and ended`() async throws {
        let body =
            #"{"matchers":[{"name":"host","value":"web-.*","isRegex":true},"severity=\"info\""],"startsAt":"2026-01-01T00:00:00Z","duration":"2h"}"#
        let made = try await window.ask("/api/v1/silences", method: .post, body)
        #expect(made.status == 201)
        let id = UUID(high: 0xABC, low: 1)
        #expect(made.json == ["silence_id": .string("\(id)")])
        let silence = try #require(window.rooms.state.withLock { $0.silences.first })
        #expect(silence.matchers == [#"host=~"web-.*""#, #"severity="info""#])
        #expect(silence.endsAt == now.advanced(by: .seconds(7200)))
        #expect(silence.createdBy == "loopback")
        #expect(try await window.ask("/api/v1/silences").json["silences"]?[0]?["state"]?.string == "active")
        #expect(try await window.ask("/api/v1/silences/\(id)", method: .delete).status == 204)
        #expect(try await window.ask("/api/v1/silences").json["silences"]?[0]?["state"]?.string == "expired")
        #expect(try await window.ask("/api/v1/silences/\(UUID(high: 0, low: 1))", method: .delete).status == 404)
    }

    @Test(arguments: [
        ("{", 400), ("[]", 400), ("{}", 422), (#"{"matchers":[]}"#, 422), (#"{"matchers":[7]}"#, 422),
        (#"{"matchers":["a=\"b\""],"ends_at":"no"}"#, 422), (#"{"matchers":["a=\"b\""],"ends_at":"2020-01-01T00:00:00Z"}"#, 422),
        (#"{"matchers":["a=\"b\""],"duration":"-1h"}"#, 422),
    ])
    func `a wrong silence is refused`(body: String, status: Int) async throws {
        let answer = try await window.ask("/api/v1/silences", method: .post, body)
        #expect(answer.status == status)
        #expect(answer.isProblem)
        #expect(window.rooms.state.withLock { $0.silences.isEmpty })
    }

    @Test func `health is open and says which part is ill`() async throws {
        var window = Window()
        window.identification = .missing
        #expect(try await window.ask("/health").json == ["status": "healthy", "components": ["storage": ["status": "healthy"]]])
        window.components.append(.init(name: "outbox", status: .degraded, detail: "3 wait"))
        #expect(try await window.ask("/health").status == 200)
        window.components.append(.init(name: "log", status: .unhealthy, detail: "disk full"))
        let ill = try await window.ask("/health")
        #expect(ill.status == 503)
        #expect(ill.json["status"]?.string == "unhealthy")
        #expect(ill.json["components"]?["log"]?["detail"]?.string == "disk full")
    }

    @Test func `the page is open and brings nothing from elsewhere`() async throws {
        var window = Window()
        window.identification = .missing
        for path in ["/", "/assets/tocsin.css", "/assets/tocsin.js", "/assets/live.js"] {
            let answer = try await window.ask(path)
            #expect(answer.status == 200)
            #expect(!answer.text.contains("http://") && !answer.text.contains("https://"))
            #expect(answer.headers[.contentSecurityPolicy]?.contains("default-src 'none'") == true)
        }
        #expect(try await window.ask("/api/v1/hosts").status == 401)
    }

    @Test func `an agent's token reads nothing, a viewer's changes nothing`() async throws {
        var window = Window()
        window.identification = .known(Principal(name: "a", role: .agent))
        #expect(try await window.ask("/api/v1/events").status == 403)
        #expect(try await window.ask("/metrics").status == 403)
        window.identification = .known(Principal(name: "v", role: .viewer))
        #expect(try await window.ask("/api/v1/events").status == 200)
        #expect(try await window.ask("/api/v1/silences", method: .post, "{}").status == 403)
    }

    @Test func `requests are counted and shown as metrics`() async throws {
        _ = try await window.ask("/api/v1/hosts")
        _ = try await window.ask("/nowhere")
        let text = try await window.ask("/metrics").text
        #expect(text.contains(#"tocsin_http_requests_total{code="200",endpoint="/api/v1/hosts"} 1"#))
        #expect(text.contains(#"code="404""#))
    }

    @Test func `unknown paths and wrong methods are problems`() async throws {
        let unknown = try await window.ask("/api/v2/hosts")
        #expect(unknown.status == 404)
        #expect(unknown.isProblem)
        let wrong = try await window.ask("/api/v1/hosts", method: .delete)
        #expect(wrong.status == 405)
        #expect(wrong.isProblem)
        #expect(wrong.headers[.allow] == "GET, HEAD")
        #expect(try await window.ask("/api/v1/hosts", method: .head).status == 200)
    }

    @Test func `a failed notification is shown and sent again, another state is refused, and an unknown one is not there`() async throws {
        let window = Window()
        let now = window.time.now()
        func record(_ low: UInt64, _ state: NotificationRecord.State) -> NotificationRecord {
            NotificationRecord(
                id: UUID(high: 1, low: low),
                receiver: "ops",
                channel: "webhook",
                groupKey: "{}",
                status: "firing",
                alertCount: 1,
                state: state,
                attempts: 1,
                createdAt: now,
                nextAttemptAt: nil,
                deliveredAt: nil,
                lastReply: "HTTP 404"
            )
        }
        let (failed, delivered) = (record(1, .failed), record(2, .delivered))
        window.rooms.set { $0.notifications = [failed, delivered] }
        #expect(try await window.ask("/api/v1/notifications?state=failed").json["count"]?.integer == 1)
        #expect(try await window.ask("/api/v1/notifications/\(failed.id)").json["notification"]?["last_reply"]?.string == "HTTP 404")
        let again = try await window.ask("/api/v1/notifications/\(failed.id)/resend", method: .post)
        #expect(again.status == 202)
        #expect(again.json["state"]?.string == "pending")
        let refused = try await window.ask("/api/v1/notifications/\(delivered.id)/resend", method: .post)
        #expect(refused.status == 422)
        #expect(refused.isProblem)
        #expect(try await window.ask("/api/v1/notifications/\(UUID(high: 9, low: 9))/resend", method: .post).status == 404)
        #expect(try await window.ask("/api/v1/notifications/x").status == 400)
    }

    @Test func `channels are listed with their breakers, and tested with what each answered`() async throws {
        let window = Window()
        let now = window.time.now()
        window.rooms.set {
            $0.channels = [
                ChannelRecord(
                    channel: "ops/webhook/0",
                    receiver: "ops",
                    state: .open,
                    failuresInARow: 5,
                    downSince: now,
                    nextProbeAt: now,
                    waiting: 7,
                    lastReply: "HTTP 500"
                )
            ]
            $0.tests = ["ops": [ChannelTest(channel: "ops/webhook/0", isDelivered: true, reply: "HTTP 200: ok", took: .milliseconds(12))]]
        }
        let channel = try await window.ask("/api/v1/channels").json["channels"]?[0]
        #expect(channel?["state"]?.string == "open")
        #expect(channel?["waiting"]?.integer == 7)
        let test = try await window.ask("/api/v1/channels/test", method: .post, "{\"receiver\": \"ops\"}")
        #expect(test.json["channels"]?[0]?["reply"]?.string == "HTTP 200: ok")
        #expect(test.json["channels"]?[0]?["seconds"]?.double == 0.012)
        #expect(try await window.ask("/api/v1/channels/test", method: .post, "{\"receiver\": \"x\"}").status == 404)
        #expect(try await window.ask("/api/v1/channels/test", method: .post, "{}").status == 422)
        #expect(try await window.ask("/api/v1/channels/test", method: .post, "no").status == 400)
    }
}
