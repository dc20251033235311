import Answering
import JSON
import Operating
import Serving
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct ExplanationRoutesTests {
    private let window = Window()
    private var now: Timestamp { window.time.now() }

    private func alert(_ name: String, _ state: AlertState = .firing, since seconds: Int = 0) -> Alert {
        let start = now.advanced(by: .seconds(seconds))
        return Alert(
            labels: ["alertname": name, "host": "web-1"],
            annotations: ["summary": "<b>full</b> & more"],
            state: state,
            activeAt: start,
            startsAt: start,
            endsAt: state == .resolved ? start.advanced(by: .seconds(10)) : nil,
            value: 1,
            updatedAt: start,
            expression: "x > 0"
        )
    }

    private func episode(_ alert: Alert, _ ordinal: Int64 = 1) -> AlertEpisode {
        AlertEpisode(
            ordinal: ordinal,
            alert: alert,
            reason: "fired",
            isHistoryOnly: false,
            incident: UUID(high: 5, low: 5),
            notifications: 2,
            pages: 1
        )
    }

    private func id(_ alert: Alert) -> String { String(alert.fingerprint, radix: 16) }

    @Test func `an alert is explained by the beginning of its id, with the decisions of all rooms`() async throws {
        let disk = alert("Disk")
        window.rooms.set { [now = now, episode = episode(disk)] state in
            state.alerts = [disk]
            state.episodes = [episode]
            state.decisions = [Decision(.routed, of: disk, details: ["route": "{}", "receiver": "ops"], at: now)]
            state.correlated = [
                Decision(.firing, of: disk, reason: "fired", details: ["value": "1", "expression": "x > 0", "starts_at": now.rfc3339], at: now)
            ]
        }
        let answer = try await window.ask("/api/v1/alerts/\(id(disk).prefix(6))/explanation").json
        #expect(answer["id"]?.string == id(disk))
        #expect(answer["decisions"]?.array?.compactMap { $0["kind"]?.string } == ["firing", "routed"])
        #expect(answer["decisions"]?[1]?["sentence"]?.string == "The route {} took it: receiver ops.")
        #expect(answer["decisions"]?[1]?["details"]?["receiver"]?.string == "ops")
        #expect(answer["verdict"]?.string?.hasPrefix("Nobody was told") == true)
        #expect(answer["alert"]?["acknowledged"]?.isNull == true)
    }

    @Test func `an earlier time is told when it is asked for, and what was pending between is not mixed in`() async throws {
        let (past, present) = (alert("Disk", .resolved), alert("Disk", since: 1000))
        let pending = alert("Disk", .pending, since: 500)
        window.rooms.set { [episodes = [episode(present, 2), episode(past, 1)]] state in
            state.alerts = [present]
            state.episodes = episodes
            state.correlated = [past, pending, present].map { Decision($0.state == .pending ? .pending : .firing, of: $0, at: $0.startsAt) }
        }
        let latest = try await window.ask("/api/v1/alerts/\(id(past))/explanation").json
        #expect(latest["decisions"]?.array?.compactMap { $0["at"]?.string } == [present.startsAt.rfc3339])
        #expect(latest["other_episodes"]?.array?.compactMap { $0["starts_at"]?.string } == [past.startsAt.rfc3339])
        let moment = past.startsAt.advanced(by: .seconds(700)).rfc3339
        let earlier = try await window.ask("/api/v1/alerts/\(id(past))/explanation?at=\(moment)").json
        #expect(earlier["decisions"]?.array?.compactMap { $0["at"]?.string } == [past.startsAt.rfc3339])
        let before = past.startsAt.advanced(by: .seconds(-1)).rfc3339
        #expect(try await window.ask("/api/v1/alerts/\(id(past))/explanation?at=\(before)").status == 404)
    }

    @Test func `an id that is none, names nothing or names several is refused`() async throws {
        let disk = alert("Disk")
        window.rooms.set { $0.alerts = [disk] }
        #expect(try await window.ask("/api/v1/alerts/xyz1/explanation").status == 400)
        #expect(try await window.ask("/api/v1/alerts/abc/explanation").status == 400)
        #expect(try await window.ask("/api/v1/alerts/00000000000000001/explanation").status == 400)
        let other = String(disk.fingerprint ^ 0xF000_0000_0000_0000, radix: 16)
        #expect(try await window.ask("/api/v1/alerts/\(other)/explanation").status == 404)
        // Two label sets whose ids begin alike: found by trying, as no one can make them.
        let names = (0..<2000).map { alert("A\($0)") }
        let groups = Dictionary(grouping: names) { String(id($0).prefix(4)) }.filter { $0.value.count > 1 && $0.key.count == 4 }
        let (prefix, twins) = try #require(groups.first { $0.value.allSatisfy { id($0).utf8.count == 16 } })
        window.rooms.set { $0.alerts = twins }
        let answer = try await window.ask("/api/v1/alerts/\(prefix)/explanation")
        #expect(answer.status == 409)
        #expect(answer.json["detail"]?.string?.contains(id(twins[0])) == true)
    }

    @Test func `the history is given page by page`() async throws {
        window.rooms.set { [episodes = (1...3).map { episode(alert("A\($0)"), Int64($0)) }] state in state.episodes = episodes }
        let first = try await window.ask("/api/v1/alerts/history?limit=2&host=web-1&alertname=A&start=2026-01-01T00:00:00Z").json
        #expect(first["count"]?.integer == 2)
        #expect(first["alerts"]?[0]?["pages"]?.integer == 1)
        let next = try #require(first["next_cursor"]?.string)
        let asked = try #require(window.rooms.state.withLock { $0.episodeQueries.last })
        #expect((asked.host, asked.alertname, asked.limit) == ("web-1", "A", 3))
        #expect(asked.start == Timestamp(rfc3339: "2026-01-01T00:00:00Z"))
        _ = try await window.ask("/api/v1/alerts/history?cursor=\(next)")
        #expect(window.rooms.state.withLock { $0.episodeQueries.last?.after?.text } == next)
        #expect(try await window.ask("/api/v1/alerts/history?cursor=nonsense").status == 400)
        #expect(try await window.ask("/api/v1/alerts/history?hots=a").status == 400)
    }

    @Test func `noise and duty are shown`() async throws {
        window.rooms.set { [now = now] state in
            state.noise = [
                RuleNoise(alertname: "Disk", episodes: 4, notifications: 9, pages: 5, acknowledged: 1, flaps: 2, medianLength: .seconds(90))
            ]
            let turn = OnCallRecord.Turn(person: "ann", start: now, end: now.advanced(by: .seconds(60)), isOverride: true)
            state.onCall = [OnCallRecord(name: "primary", timeZone: "Europe/Berlin", turns: [turn])]
        }
        let rule = try await window.ask("/api/v1/reports/noise?start=2026-01-01T00:00:00Z").json["rules"]?[0]
        #expect(rule?["pages"]?.integer == 5)
        #expect(rule?["median_seconds"]?.double == 90)
        #expect(try await window.ask("/api/v1/reports/noise").status == 400)
        let rota = try await window.ask("/api/v1/oncall").json["oncall"]?[0]
        #expect(rota?["person"]?.string == "ann")
        #expect(rota?["turns"]?[0]?["override"]?.bool == true)
    }
}
