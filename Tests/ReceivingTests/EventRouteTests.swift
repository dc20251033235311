import Answering
import HTTPTypes
import JSON
import Receiving
import Telemetry
import TestSupport
import Testing
import Wire

struct EventRouteTests {
    @Test(arguments: ["/api/v1/events", "/events"])
    func `one event is collected and its identifier answered`(path: String) async throws {
        let bench = Bench()
        let id = "01234567-89ab-7def-8123-456789abcdef"
        let answer = try await bench.post(
            path,
            #"{"event_id":"\#(id)","timestamp":"2025-12-31T23:59:59.123456789+01:00","source":"shop","type":"order.placed","severity":"error","#
                + #""host":"web-1","correlation_id":"c-1","tags":["a","b","a"],"message":"placed \u00e9","data":{ "n" : 1.50 }}"#
        )
        #expect(answer.status == 201)
        #expect(answer.json == ["event_id": .string(id), "status": "collected"])
        #expect(answer.headers[.location] == "/api/v1/events/\(id)")
        let expected = Event(
            id: UUID(id),
            timestamp: try #require(Timestamp(rfc3339: "2025-12-31T22:59:59.123456789Z")),
            source: "shop",
            type: "order.placed",
            severity: .error,
            host: "web-1",
            correlationID: "c-1",
            tags: ["a", "b"],
            message: "placed é",
            data: #"{"n":1.50}"#
        )
        #expect(bench.admission.events == [expected])
    }

    @Test func `source_system and event_type are other spellings, and a missing time is now`() async throws {
        let bench = Bench()
        let answer = try await bench.post("/events", #"{"source_system":"shop","event_type":"order.placed","severity":"info","host":null}"#)
        #expect(answer.status == 201)
        #expect(bench.admission.events == [Event(timestamp: ManualTime().now(), source: "shop", type: "order.placed", severity: .info)])
    }

    @Test func `an agent's token gives its host to events that name none`() async throws {
        let bench = Bench(as: .known(Principal(name: "web-1", role: .agent, host: "web-1")))
        #expect(try await bench.post("/events", good).status == 201)
        #expect(try await bench.post("/events", #"{"source":"s","type":"t","severity":"info","host":"","x":1}"#).status == 201)
        #expect(bench.admission.events.map(\.host) == ["web-1", "web-1"])
    }

    @Test func `members without a place of their own are kept in data`() async throws {
        let bench = Bench()
        let body = #"{"source":"s","type":"t","severity":"info","user":{"id": 7},"data":{"a":1},"n":null}"#
        #expect(try await bench.post("/events", body).status == 201)
        #expect(bench.admission.events.first?.data == #"{"a":1,"user":{"id":7},"n":null}"#)
        let twice = try await bench.post("/events", #"{"source":"s","type":"t","severity":"info","a":2,"data":{"a":1}}"#)
        #expect(twice.status == 422)
        #expect(twice.pointers == ["/a"])
    }

    /// Body, status, the pointer of the first error.
    @Test(arguments: [
        (#"{"source":"#, 400, ""),
        (#"{"source":"s","type":"t","severity":"info"} x"#, 400, ""),
        (#"{"source":"s","type":"t","severity":"info","message":"\ud800"}"#, 400, ""),
        (
            #"{"source":"s","type":"t","severity":"info","data":"# + String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000) + "}",
            400, ""
        ),
        (#"[]"#, 422, ""),
        (#""text""#, 422, ""),
        (#"{"type":"t","severity":"info"}"#, 422, "/source"),
        (#"{"source":null,"type":"t","severity":"info"}"#, 422, "/source"),
        (#"{"source":"","type":"t","severity":"info"}"#, 422, "/source"),
        (#"{"source":7,"type":"t","severity":"info"}"#, 422, "/source"),
        (#"{"source":"s","source_system":"s","type":"t","severity":"info"}"#, 422, "/source_system"),
        (#"{"source":"tocsin","type":"t","severity":"info"}"#, 422, "/source"),
        (#"{"source":"s\n","type":"t","severity":"info"}"#, 422, "/source"),
        (#"{"source":"s","type":"t","severity":"fatal"}"#, 422, "/severity"),
        (#"{"source":"s","type":"t","severity":"INFO"}"#, 422, "/severity"),
        (#"{"source":"s","type":"t","severity":"info","timestamp":"40000-01-01T00:00:00Z"}"#, 422, "/timestamp"),
        (#"{"source":"s","type":"t","severity":"info","timestamp":"2200-01-01T00:00:00Z"}"#, 422, "/timestamp"),
        (#"{"source":"s","type":"t","severity":"info","timestamp":"1969-12-31T23:59:59Z"}"#, 422, "/timestamp"),
        (#"{"source":"s","type":"t","severity":"info","timestamp":"yesterday"}"#, 422, "/timestamp"),
        (#"{"source":"s","type":"t","severity":"info","timestamp":1767225600}"#, 422, "/timestamp"),
        (#"{"source":"s","type":"t","severity":"info","event_id":"7"}"#, 422, "/event_id"),
        (#"{"source":"s","type":"t","severity":"info","tags":"a"}"#, 422, "/tags"),
        (#"{"source":"s","type":"t","severity":"info","tags":["a",7]}"#, 422, "/tags/1"),
        (#"{"source":"s","type":"t","severity":"info","data":[1]}"#, 422, "/data"),
        (#"{"source":"s","type":"t","severity":"info","a/b":1,"a/b":2}"#, 422, "/a~1b"),
        (#"{"source":"\#(String(repeating: "s", count: 257))","type":"t","severity":"info"}"#, 422, "/source"),
    ])
    func `what is no event is a problem with its place, and nothing is stored`(body: String, status: Int, pointer: String) async throws {
        let bench = Bench()
        let answer = try await bench.post("/api/v1/events", body)
        #expect(answer.status == status, "\(answer.detail)")
        #expect(answer.isProblem)
        #expect(answer.pointers.first == pointer)
        #expect(!answer.detail.isEmpty)
        #expect(bench.admission.submissions.isEmpty)
        #expect(bench.budget.bytesHeld == 0)
    }

    @Test func `every fault of an event is reported at once`() async throws {
        let answer = try await Bench().post("/events", #"{"severity":"loud","tags":7,"timestamp":"no"}"#)
        #expect(answer.status == 422)
        #expect(Set(answer.pointers) == ["/severity", "/tags", "/timestamp", "/source", "/type"])
    }

    @Test func `refusals become their statuses, with the time to wait`() async throws {
        let table: [(Refusal, Int, String?)] = [
            (.forbidden("no"), 403, nil),
            (.conflict("cloned"), 409, nil),
            (.unacceptable("never"), 422, nil),
            (.rateLimited(retryAfter: .milliseconds(1200), "slow down"), 429, "2"),
            (.unavailable(retryAfter: .zero, "full"), 503, "1"),
        ]
        for (refusal, status, wait) in table {
            let bench = Bench()
            bench.admission.refuse(with: refusal)
            let answer = try await bench.post("/events", good)
            #expect(answer.status == status)
            #expect(answer.isProblem)
            #expect(answer.headers[.retryAfter] == wait)
        }
    }

    @Test func `an idempotency key travels with the request, and a useless one is refused`() async throws {
        let bench = Bench()
        let name = try #require(HTTPField.Name("Idempotency-Key"))
        #expect(try await bench.post("/events", good, [name: "k-1"]).status == 201)
        guard case .events(let client)? = bench.admission.submissions.first?.content else { throw Missing() }
        #expect(client.idempotencyKey == "k-1")
        // However it is packed, the same text is the same request.
        #expect(try await bench.post("/events", Gzip.compress(Array(good.utf8)), [name: "k-1", .contentEncoding: "gzip"]).status == 201)
        #expect(try await bench.post("/events", good + " ", [name: "k-1"]).status == 201)
        let checksums = bench.admission.submissions.map { submission -> UInt64? in
            if case .events(let client) = submission.content { client.checksum } else { nil }
        }
        #expect(checksums[0] != nil && checksums[0] == checksums[1] && checksums[0] != checksums[2])
        #expect(try await bench.post("/events", good, [name: String(repeating: "k", count: 256)]).status == 400)
        bench.admission.refuse(with: .keyReused("another body"))
        let reused = try await bench.post("/events", good, [name: "k-1"])
        #expect(reused.status == 422 && reused.json["type"]?.string == "urn:tocsin:problem:idempotency-key-reused")
        #expect(reused.json["title"]?.string == "Idempotency-Key is already used")
        let older = Bench()
        older.admission.answer(with: .events(ids: [UUID(high: 1, low: 1), UUID(high: 1, low: 2)], isRepeat: true))
        #expect(try await older.post("/events", good, [name: "k-1"]).status == 422)
    }

    struct Missing: Error {}
}
