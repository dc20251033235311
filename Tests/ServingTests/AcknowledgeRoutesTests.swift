import Answering
import HTTPTypes
import JSON
import Serving
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct AcknowledgeRoutesTests {
    private let window = Window()

    private var disk: Alert {
        Alert(
            labels: ["alertname": "Disk", "host": "<script>alert(1)</script>"],
            annotations: ["summary": "a & b"],
            state: .firing,
            activeAt: window.time.now(),
            startsAt: window.time.now(),
            value: 1,
            updatedAt: window.time.now()
        )
    }

    private var id: String { String(disk.fingerprint, radix: 16) }

    private func link(_ alerts: [Alert]) {
        let episodes = alerts.map { AlertEpisode(ordinal: 1, alert: $0, reason: "fired", isHistoryOnly: false, incident: UUID(high: 1, low: 1)) }
        window.rooms.set { [now = window.time.now()] state in
            state.alerts = alerts
            state.links = ["good": LinkedAlerts(alerts: episodes, receiver: "ops", expiresAt: now.advanced(by: .seconds(60)))]
        }
    }

    @Test func `by the interface: who, and why, shown with the alert and taken back`() async throws {
        link([disk])
        let made = try await window.ask("/api/v1/alerts/\(id)/acknowledge", method: .post, #"{"comment":"on it","by":"ann"}"#)
        #expect(made.status == 200)
        #expect(made.json["acknowledged"]?["by"]?.string == "ann")
        let shown = try await window.ask("/api/v1/alerts").json["alerts"]?[0]
        #expect(shown?["id"]?.string == id)
        #expect(shown?["acknowledged"]?["comment"]?.string == "on it")
        #expect(shown?["acknowledged"]?["via"]?.string == "api")
        #expect(try await window.ask("/api/v1/alerts/\(id)/acknowledge", method: .delete).status == 204)
        #expect(try await window.ask("/api/v1/alerts/\(id)/acknowledge", method: .delete).status == 409)
        // Without a body: whose token it is.
        #expect(try await window.ask("/api/v1/alerts/\(id)/acknowledge", method: .post).json["acknowledged"]?["by"]?.string == "loopback")
        #expect(try await window.ask("/api/v1/alerts/\(id)/acknowledge", method: .post, "[]").status == 400)
        #expect(try await window.ask("/api/v1/alerts/\(id)/acknowledge", method: .post, #"{"comment":7}"#).status == 422)
    }

    @Test func `a viewer's token does not acknowledge`() async throws {
        link([disk])
        var window = self.window
        window.identification = .known(Principal(name: "v", role: .viewer))
        #expect(try await window.ask("/api/v1/alerts/\(id)/acknowledge", method: .post).status == 403)
    }

    @Test func `a scanner that opens the link of a message changes nothing, a person who confirms does`() async throws {
        link([disk])
        var window = self.window
        // Whoever has the message needs no token.
        window.identification = .missing
        for method in [HTTPRequest.Method.get, .head, .get] {
            #expect(try await window.ask("/acknowledge/good", method: method).status == 200)
        }
        #expect(window.rooms.state.withLock { $0.acknowledgements.isEmpty })
        let page = try await window.ask("/acknowledge/good")
        #expect(page.text.contains("<form method=\"post\">"))
        #expect(page.text.contains("&lt;script&gt;") && !page.text.contains("<script"))
        #expect(page.headers[.contentSecurityPolicy]?.contains("form-action 'self'") == true)
        #expect(page.headers[.cacheControl] == "no-store")
        let form: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        let done = try await window.ask("/acknowledge/good", method: .post, "by=Ann+B&comment=on+it%21", headers: form)
        #expect(done.status == 200)
        #expect(done.text.contains("Acknowledged: 1 alert."))
        let known = try #require(window.rooms.state.withLock { $0.acknowledgements[disk.fingerprint] })
        #expect((known.by, known.comment, known.via) == ("Ann B", "on it!", "link"))
    }

    @Test func `a link that is none, or over, says so to a person`() async throws {
        link([disk])
        for method in [HTTPRequest.Method.get, .post] {
            let answer = try await window.ask("/acknowledge/bad", method: method)
            #expect(answer.status == 410)
            #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
        }
        #expect(window.rooms.state.withLock { $0.acknowledgements.isEmpty })
    }

    @Test func `what is over asks for nothing`() async throws {
        var over = disk
        (over.state, over.endsAt) = (.resolved, window.time.now())
        link([over])
        let page = try await window.ask("/acknowledge/good")
        #expect(!page.text.contains("<form"))
        #expect(page.text.contains("This is over"))
        #expect(try await window.ask("/acknowledge/good", method: .post).text.contains("nothing to acknowledge"))
    }
}
