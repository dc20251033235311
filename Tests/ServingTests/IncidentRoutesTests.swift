import Answering
import HTTPTypes
import JSON
import Serving
import Synchronization
import Telemetry
import TestSupport
import Testing

struct IncidentRoutesTests {
    private var window = Window()
    private let id = UUID(high: 2, low: 2)

    init() {
        let now = window.time.now()
        let alert = Alert(
            labels: ["alertname": "DiskFull", "host": "web-1"],
            state: .resolved,
            activeAt: now,
            startsAt: now,
            endsAt: now,
            value: 1,
            updatedAt: now
        )
        let event = Event(id: UUID(high: 3, low: 3), timestamp: now, source: "app", type: "deploy.finished", severity: .info, message: "v7")
        let series = MetricPoints(labels: ["__name__": "node_load1"], points: [MetricPoints.Point(now, 0.5)])
        let incident = Incident(
            id: id,
            name: "DiskFull",
            hosts: ["web-1", "web-2"],
            keys: ["host:web-1"],
            openedAt: now,
            closedAt: now,
            closing: .resolved,
            collection: .timeout,
            missing: ["web-2"],
            alerts: [alert],
            evidence: [event],
            changes: [event],
            metrics: [series]
        )
        var whole = incident
        (whole.mergedInto, whole.mergedFrom) = (UUID(high: 7, low: 7), [UUID(high: 8, low: 8)])
        let merged = whole
        window.rooms.set { state in state.incidents = [merged, Incident(id: UUID(high: 4, low: 4), hosts: [], openedAt: now, alerts: [])] }
    }

    @Test func `the list counts what an incident holds, the incident itself shows it`() async throws {
        let listed = try await window.ask("/api/v1/incidents").json["incidents"]?[0]
        #expect(listed?["state"]?.string == "closed")
        #expect(listed?["closing"]?.string == "resolved")
        #expect(listed?["evidence_count"]?.integer == 1)
        #expect(listed?["evidence"] == nil)
        #expect(listed?["alerts"]?[0]?["alertname"]?.string == "DiskFull")
        let whole = try await window.ask("/api/v1/incidents/\(id)").json
        #expect(whole["hosts"]?.array?.count == 2)
        #expect(whole["collection"]?.string == "timeout")
        #expect(whole["missing"] == ["web-2"])
        #expect(whole["merged_into"]?.string == UUID(high: 7, low: 7).description)
        #expect(whole["merged_from"]?[0]?.string == UUID(high: 8, low: 8).description)
        #expect(whole["evidence"]?[0]?["message"]?.string == "v7")
        #expect(whole["changes"]?[0]?["type"]?.string == "deploy.finished")
        #expect(whole["metrics"]?[0]?["metric"]?["__name__"]?.string == "node_load1")
        #expect(whole["metrics"]?[0]?["values"]?[0]?[1]?.string == "0.5")
        #expect(try await window.ask("/api/v1/incidents/\(UUID(high: 9, low: 9))").status == 404)
        #expect(try await window.ask("/api/v1/incidents/nine").status == 400)
    }

    @Test func `filters and pages are asked for as they are given`() async throws {
        let first = try await window.ask("/api/v1/incidents?limit=1").json
        let cursor = try #require(first["next_cursor"]?.string)
        _ = try await window.ask(
            "/api/v1/incidents?state=open&host=web-1&name=A&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&cursor=\(cursor)"
        )
        let asked = try #require(window.rooms.state.withLock { $0.askedIncidents.last })
        #expect(asked.isOpen == true && asked.host == "web-1" && asked.name == "A")
        #expect(asked.start == Timestamp(rfc3339: "2026-01-01T00:00:00Z") && asked.end == Timestamp(rfc3339: "2026-01-02T00:00:00Z"))
        #expect(asked.cursor == IncidentCursor(openedAt: window.time.now(), id: id))
        for wrong in ["state=lit", "cursor=x", "colour=red", "limit=0"] {
            #expect(try await window.ask("/api/v1/incidents?\(wrong)").status == 400, "\(wrong)")
        }
    }
}
