import Admitting
import Correlating
import JSON
import Logging
import Operating
import Storing
import Telemetry
import TestSupport
import Testing

@testable import AggregatorApp

/// The whole aggregator in this process, on a real socket and a real disk, asked by curl.
struct AggregatorTests {
    private func withAggregator(
        _ folder: TemporaryFolder,
        tokens: TokenBook? = nil,
        _ body: @Sendable @escaping (_ address: String) async throws -> Void
    ) async throws {
        var config = AggregatorConfig()
        config.listen.port = 0
        config.keepState(in: folder("state"))
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        let aggregator = Aggregator(config: config, tokens: tokens, systemd: ServiceNotifier(socketPath: nil), time: SystemTime(), logger: quiet)
        let (ports, gate) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { gate.finish() }
                // Cancelled when the test is done: the group says so by throwing.
                do {
                    try await aggregator.run(
                        reload: { () throws(AggregatorConfig.Mistakes) in throw .init(sentences: []) },
                        onListening: { gate.yield($0) }
                    )
                } catch is CancellationError {}
            }
            for await port in ports {
                defer { group.cancelAll() }
                try await body("http://127.0.0.1:\(port)")
            }
            try await group.waitForAll()
        }
    }

    private func curl(_ arguments: String...) async throws -> String { try await curl(arguments) }

    private func curl(_ arguments: [String]) async throws -> String {
        let child = try ChildProcess.start("/usr/bin/env", ["curl", "-s"] + arguments)
        await child.wait()
        return child.output
    }

    private func json(_ arguments: String...) async throws -> JSON {
        let child = try ChildProcess.start("/usr/bin/env", ["curl", "-s"] + arguments)
        await child.wait()
        return try JSON.parse(child.output)
    }

    @Test func `what a POST acknowledged is visible to the next request, and after a restart`() async throws {
        let folder = try TemporaryFolder()
        try await withAggregator(folder) { address in
            let lines = (0..<1000).map { #"{"source":"shop","type":"order.placed","severity":"info","message":"order \#($0)"}"# }.joined(
                separator: "\n"
            )
            try TestFiles.write(lines, to: folder("lines"))
            let collected = try await curl("--data-binary", "@\(folder("lines"))", "\(address)/api/v1/events/batch")
            #expect(collected == #"{"collected":1000,"failed":0,"errors":[]}"#)
            let found = try await json("\(address)/events?q=order+417")
            #expect(found["count"]?.integer == 1)
        }
        try await withAggregator(folder) { address in
            let totals = try await json("\(address)/api/v1/events/stats")
            #expect(totals["by_source"]?["shop"]?.integer == 1000)
            let health = try await json("\(address)/health")
            #expect(health["status"]?.string == "healthy")
            let answer = try await json("\(address)/api/v1/query?query=1")
            #expect(answer["status"]?.string == "success")
        }
    }

    @Test func `a short post is answered field by field as the common way answers it`() async throws {
        try await withAggregator(try TemporaryFolder()) { address in
            let event = #"{"event_id":"01234567-89ab-7def-8123-456789abcdef","source":"s","type":"t","severity":"info"}"#
            func ask(_ body: String, _ fields: String...) async throws -> [String] {
                let answer = try await curl(["-i", "-H", "Expect:"] + fields.flatMap { ["-H", $0] } + ["-d", body, "\(address)/events"])
                return answer.split(whereSeparator: \.isNewline).map { $0.hasPrefix("Date: ") ? "Date: \($0.utf8.count)" : String($0) }.sorted()
            }
            // An encoding that is none sends a post the common way.
            let common = "Content-Encoding: identity"
            let answers = (try await ask(event), try await ask(event, common))
            #expect(answers.0.contains("HTTP/1.1 201 Created"))
            #expect(answers.0.contains("Location: /api/v1/events/01234567-89ab-7def-8123-456789abcdef"))
            #expect(answers.0 == answers.1)
            for wrong in ["{", "[]", "{}", #"{"source":"s","type":"t","severity":"loud"}"#] {
                let (short, long) = (try await ask(wrong), try await ask(wrong, common))
                #expect(short == long)
                #expect(short.contains { $0.hasPrefix("HTTP/1.1 4") })
            }
            for field in ["Content-Type: text/html", "Idempotency-Key: \u{e9}"] {
                let (short, long) = (try await ask(event, field), try await ask(event, field, common))
                #expect(short == long)
                #expect(short.contains { $0.hasPrefix("HTTP/1.1 4") })
            }
            #expect(try await json("\(address)/events")["count"]?.integer == 1)
        }
    }

    @Test func `an event's own id and an idempotency key are stored once`() async throws {
        try await withAggregator(try TemporaryFolder()) { address in
            let event = #"{"event_id":"01234567-89ab-7def-8123-456789abcdef","source":"s","type":"t","severity":"info"}"#
            for _ in 0..<3 {
                let answer = try await json("-d", event, "\(address)/events")
                #expect(answer["event_id"]?.string == "01234567-89ab-7def-8123-456789abcdef")
            }
            var answers: Set<String> = []
            for _ in 0..<3 {
                answers.insert(try await curl("-H", "Idempotency-Key: k", "-d", #"{"source":"k","type":"t","severity":"info"}"#, "\(address)/events"))
            }
            #expect(answers.count == 1)
            let totals = try await json("\(address)/events/stats")
            #expect(totals["by_source"] == ["k": 1, "s": 1] || totals["by_source"] == ["s": 1, "k": 1])
        }
    }

    @Test func `a revoked token is refused at once`() async throws {
        let entry = try #require(TokenEntry(principal: Principal(name: "o", role: .operator), sha256: TokenEntry.digest(of: "secret")))
        let book = TokenBook([entry])
        try await withAggregator(try TemporaryFolder(), tokens: book) { address in
            func code() async throws -> String {
                try await curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer secret", "\(address)/events")
            }
            let before = try await code()
            #expect(before == "200")
            book.replace(with: [])
            let after = try await code()
            #expect(after == "401")
        }
    }
}
