import Answering
import HTTPTypes
import JSON
import Receiving
import Telemetry
import Testing

struct BatchRouteTests {
    private func event(_ index: Int) -> String { #"{"source":"shop","type":"order.placed","severity":"info","message":"\#(index)"}"# }

    @Test(arguments: ["array", "lines"])
    func `a batch of a thousand is collected in its order`(form: String) async throws {
        let bench = Bench()
        let all = (0..<1000).map(event)
        let body = form == "array" ? "[" + all.joined(separator: ",\n") + "]" : all.joined(separator: "\r\n") + "\n\n"
        let answer = try await bench.post("/api/v1/events/batch", body, [.contentType: form == "array" ? "application/json" : "application/x-ndjson"])
        #expect(answer.status == 201)
        #expect(answer.json == ["collected": 1000, "failed": 0, "errors": []])
        #expect(bench.admission.events.map(\.message) == (0..<1000).map { "\($0)" })
    }

    @Test(arguments: [
        #"{"source":"shop","type":"t","severity":"loud"}"#,
        #"{"source":"shop","type":"t","severity":"info","message":"\udc00"}"#,
        #"{"source":"shop","type":"t" "severity":"info"}"#,
        #"{"source":"shop","type":"t","severity":"info","data":"# + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}",
        "7",
    ])
    func `one bad event is reported by its index and the others are collected`(bad: String) async throws {
        for separator in [",", "\n"] {
            var all = (0..<1000).map(event)
            all[417] = bad
            let bench = Bench()
            let joined = all.joined(separator: separator)
            let answer = try await bench.post("/events/batch", separator == "," ? "[" + joined + "]" : joined)
            #expect(answer.status == 201)
            #expect(answer.json["collected"]?.integer == 999)
            #expect(answer.json["failed"]?.integer == 1)
            #expect(answer.json["errors"]?[0]?["index"]?.integer == 417)
            #expect(answer.json["errors"]?[0]?["detail"]?.string?.isEmpty == false)
            #expect(bench.admission.events.count == 999)
        }
    }

    @Test(arguments: [
        ("", 400), ("  \n ", 400), ("[", 400), (#"[{"source":"s"#, 400), ("no json", 400), (#"[{"source":"s"] x"#, 400), ("[1,2", 400), ("[] x", 400),
        ("[]", 422), ("[7]", 422), (#"{"source":"s"}"#, 422), (#"[{"a":]"#, 400),
    ])
    func `a batch of which nothing is good is a problem`(body: String, status: Int) async throws {
        let bench = Bench()
        let answer = try await bench.post("/events/batch", body)
        #expect(answer.status == status, "\(answer.detail)")
        #expect(answer.isProblem)
        #expect(bench.admission.submissions.isEmpty)
    }

    @Test func `the counts stand in the problem when none was good`() async throws {
        let answer = try await Bench().post("/events/batch", "[{},{}]")
        #expect(answer.status == 422)
        #expect(answer.json["collected"]?.integer == 0)
        #expect(answer.json["failed"]?.integer == 2)
    }

    @Test func `more events than one request may hold are refused whole`() async throws {
        let bench = Bench(limits: ReceivingLimits(eventsMax: 10))
        let answer = try await bench.post("/events/batch", (0..<11).map(event).joined(separator: "\n"))
        #expect(answer.status == 413)
        #expect(bench.admission.submissions.isEmpty)
    }

    @Test func `errors are listed up to a limit and counted beyond it`() async throws {
        let answer = try await Bench().post("/events/batch", String(repeating: "{}\n", count: 5000) + good)
        #expect(answer.status == 201)
        #expect(answer.json["failed"]?.integer == 5000)
        #expect(answer.json["errors"]?.array?.count == 1000)
    }
}
