import Blocks
import HTTPTypes
import JSON
import Receiving
import Telemetry
import TestSupport
import Testing
import Wire

struct IngestRouteTests {
    private let identity = HostIdentity(agent: UUID(high: 1, low: 2), host: "web-1")

    private func sealed(_ sequence: UInt64, _ lane: Lane = .logs) -> [UInt8] {
        let event = Event(
            timestamp: ManualTime().now(),
            source: "s",
            type: Event.logLine,
            severity: .info,
            host: "web-1",
            message: "line \(sequence)"
        )
        let batch = Batch(
            identity: identity,
            lane: lane,
            sequence: sequence,
            createdAt: ManualTime().now(),
            blocks: [EventBlock.encode([event])]
        )
        return Wire.seal(batch).bytes
    }

    @Test func `several batches in one body are handed on and acknowledged by lane`() async throws {
        let bench = Bench()
        let answer = try await bench.post("/api/v1/ingest", sealed(6) + sealed(7) + sealed(3, .alerts), [.contentType: Wire.contentType])
        #expect(answer.status == 200)
        #expect(answer.json == ["lanes": ["alerts": 3, "logs": 7]])
        guard case .native(let batches)? = bench.admission.submissions.first?.content else { throw EventRouteTests.Missing() }
        #expect(batches.map(\.batch.sequence) == [6, 7, 3])
        #expect(batches.map(\.batch.identity) == [identity, identity, identity])
    }

    @Test func `damaged bodies are refused for good`() async throws {
        var flipped = sealed(1)
        flipped[flipped.count / 2] ^= 0x10
        for body in [[], Array("no gzip".utf8), Gzip.compress(Array("no batch".utf8)), flipped, Array(sealed(1).dropLast(9))] {
            let bench = Bench()
            let answer = try await bench.post("/api/v1/ingest", body)
            #expect(answer.status == 400)
            #expect(answer.isProblem)
            #expect(bench.admission.submissions.isEmpty)
        }
    }

    @Test func `a clone is told so, and a full log keeps the agent waiting`() async throws {
        let bench = Bench()
        bench.admission.refuse(with: .conflict("cloned"))
        #expect(try await bench.post("/api/v1/ingest", sealed(1)).status == 409)
        bench.admission.refuse(with: .unavailable(retryAfter: .seconds(30), "full"))
        let answer = try await bench.post("/api/v1/ingest", sealed(1))
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "30")
    }
}
