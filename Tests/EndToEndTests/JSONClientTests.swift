import Glibc
import JSON
import TestSupport
import Testing

/// What JSON clients may rely on, and what hostile ones get.
@Suite(.serialized) struct JSONClientTests {
    private func event(_ index: Int, severity: String = "info") -> String {
        #"{"source":"shop","type":"order.placed","severity":"\#(severity)","message":"order \#(index)","data":{"n":\#(index)}}"#
    }

    @Test func `a batch of 1 000 is collected, and one bad event costs only itself`() throws {
        let house = try Installation()
        try house.startAggregator()
        let url = house.address + "/api/v1/events/batch"
        let good = try Curl.post(url, "[" + (0..<1000).map { event($0) }.joined(separator: ",") + "]")
        #expect(good.status == 201)
        #expect(good.json?["collected"]?.integer == 1000)
        #expect(good.json?["failed"]?.integer == 0)

        let lines = (0..<1000).map { $0 == 417 ? event($0, severity: "catastrophic") : event($0) }
        let mixed = try Curl.post(url, lines.joined(separator: "\n"), type: "application/x-ndjson")
        #expect(mixed.status == 201)
        #expect(mixed.json?["collected"]?.integer == 999)
        #expect(mixed.json?["failed"]?.integer == 1)
        let error = try #require(mixed.json?["errors"]?.array?.first)
        print("one bad event of 1 000: \(error.text)")
        #expect(error["index"]?.integer == 417)
        #expect(error["pointer"]?.string?.hasSuffix("/severity") == true)
        #expect(error["detail"]?.string?.contains("catastrophic") == true)
        let stats = try house.get("/api/v1/events/stats")
        #expect(stats["by_source"]?["shop"]?.integer == 1999)
    }

    @Test func `a retry with the client's own id, or with an idempotency key, is stored once`() throws {
        let house = try Installation()
        try house.startAggregator()
        let url = house.address + "/api/v1/events"
        let body = #"{"event_id":"01940c2e-9a1b-7def-8123-456789abcdef","source":"ci","type":"deploy.finished","severity":"info","message":"v42"}"#
        for _ in 0..<3 {
            let answer = try Curl.post(url, body)
            #expect(answer.status == 201)
            #expect(answer.json?["event_id"]?.string == "01940c2e-9a1b-7def-8123-456789abcdef")
        }
        var ids = Set<String>()
        for _ in 0..<3 {
            let answer = try Curl.post(url, event(1), ["-H", "Idempotency-Key: order-1"])
            #expect(answer.status == 201)
            ids.insert(answer.json?["event_id"]?.string ?? "")
        }
        #expect(ids.count == 1)
        #expect(try house.get("/api/v1/events?source=ci")["count"]?.integer == 1)
        #expect(try house.get("/api/v1/events?source=shop")["count"]?.integer == 1)
        house.aggregator?.killHard()
        try house.startAggregator()
        #expect(try Curl.post(url, body).status == 201)
        #expect(try house.get("/api/v1/events?type=deploy.*")["count"]?.integer == 1)
        #expect(try house.get("/api/v1/events/01940c2e-9a1b-7def-8123-456789abcdef")["message"]?.string == "v42")
    }

    @Test func `bad input gets a problem document, stores nothing, and leaves memory flat`() throws {
        let house = try Installation()
        try house.startAggregator()
        let single = house.address + "/api/v1/events"
        let batch = single + "/batch"
        let pid = try #require(house.aggregator?.pid)
        let before = residentBytes(pid)
        let bombPath = house.folder("bomb.gz")
        let (made, complaint) = try ChildProcess.run(["sh", "-c", "head -c 1000000000 /dev/zero | gzip -1 > \(bombPath)"])
        #expect(made == .code(0), "\(complaint)")
        let bigPath = house.folder("big")
        _ = try ChildProcess.run(["sh", "-c", "yes '{\"source\":\"a\",\"type\":\"b\",\"severity\":\"info\"}' | head -c 100000000 > \(bigPath)"])

        let table: [(name: String, status: Set<Int>, answer: Curl.Answer)] = [
            ("malformed JSON", [400], try Curl.post(single, #"{"source":"a","type":"b","severity":"info""#)),
            ("unknown severity", [422], try Curl.post(single, event(1, severity: "loud"))),
            ("a 100 MB body", [413], try Curl.run(["-H", "Content-Type: application/x-ndjson", "--data-binary", "@" + bigPath, batch])),
            (
                "a gzip bomb of 1 GB", [413],
                try Curl.run(["-H", "Content-Type: application/x-ndjson", "-H", "Content-Encoding: gzip", "--data-binary", "@" + bombPath, batch])
            ),
            (
                "a timestamp in the year 40000", [422],
                try Curl.post(single, #"{"source":"a","type":"b","severity":"info","timestamp":"40000-01-01T00:00:00Z"}"#)
            ),
            ("a lone surrogate", [400, 422], try Curl.post(single, #"{"source":"a","type":"b","severity":"info","message":"\ud800"}"#)),
            (
                "1 000 levels of nesting", [400, 422],
                try Curl.post(
                    single,
                    #"{"source":"a","type":"b","severity":"info","data":{"x":"# + String(repeating: "[", count: 1000)
                        + String(repeating: "]", count: 1000) + "}}"
                )
            ),
            ("no such path", [404], try Curl.run([house.address + "/api/v1/nothing"])),
            ("another media type", [415], try Curl.post(single, "<event/>", type: "text/xml")),
        ]
        for (name, allowed, answer) in table {
            let detail = answer.json?["detail"]?.string ?? answer.body
            print("\(name): \(answer.status) \(detail.prefix(160))")
            #expect(allowed.contains(answer.status), "\(name): \(answer.status)")
            #expect(answer.contentType.hasPrefix("application/problem+json"), "\(name): \(answer.contentType)")
            #expect(answer.json?["status"]?.integer == Int64(answer.status), "\(name)")
            #expect(answer.json?["title"]?.string?.isEmpty == false, "\(name)")
        }
        #expect(try house.get("/api/v1/events/stats")["total_events"]?.integer == 0)
        let after = residentBytes(pid)
        print("resident before \(before / 1_048_576) MiB, after \(after / 1_048_576) MiB")
        #expect(after < before + 128 * 1_048_576)
        #expect(try Curl.post(single, event(1)).status == 201)
    }

    /// VmHWM, the peak: a spike that is over counts too. proc_pid_status(5).
    private func residentBytes(_ pid: pid_t) -> Int {
        let status = TestFiles.read("/proc/\(pid)/status") ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }
}
