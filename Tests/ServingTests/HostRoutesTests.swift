import Answering
import HTTPTypes
import JSON
import Serving
import Telemetry
import TestSupport
import Testing

struct HostRoutesTests {
    private var window = Window()

    init() {
        let now = window.time.now()
        window.rooms.set { state in
            state.hosts = [
                HostRecord(
                    host: "web-1.example.org",
                    agent: UUID(high: 1, low: 1),
                    tags: ["site:fra"],
                    state: .planned,
                    firstContact: now,
                    lastContact: now,
                    since: now,
                    reason: "its host is rebooting"
                )
            ]
        }
    }

    @Test func `a host's state is shown with its reason`() async throws {
        let host = try await window.ask("/api/v1/hosts?state=planned").json["hosts"]?[0]
        #expect(host?["host"]?.string == "web-1.example.org")
        #expect(host?["reason"]?.string == "its host is rebooting")
        #expect(try await window.ask("/api/v1/hosts?state=gone").status == 400)
    }

    @Test func `a host is forgotten by an operator only, once`() async throws {
        var viewer = window
        viewer.identification = .known(Principal(name: "v", role: .viewer))
        #expect(try await viewer.ask("/api/v1/hosts/web-1.example.org", method: .delete).status == 403)
        #expect(try await window.ask("/api/v1/hosts/web-1.example.org", method: .delete).status == 204)
        let again = try await window.ask("/api/v1/hosts/web-1.example.org", method: .delete)
        #expect(again.status == 404)
        #expect(again.isProblem)
    }
}
