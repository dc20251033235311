import Answering
import HTTPTypes
import Hummingbird
import Telemetry
import TestSupport
import Testing

@testable import AggregatorApp

/// Posts that come in one piece, beside the same ones on the common way.
struct ShortPostTests {
    /// Opened by a request or a test, waited for by requests.
    private actor Gate {
        private var isOpen = false
        private var waiting: [CheckedContinuation<Void, Never>] = []
        private var watching: [CheckedContinuation<Void, Never>] = []

        func open() {
            isOpen = true
            for one in waiting { one.resume() }
            waiting = []
        }

        func wait() async {
            for one in watching { one.resume() }
            watching = []
            if !isOpen { await withCheckedContinuation { waiting.append($0) } }
        }

        /// Returns when somebody waits.
        func isWaitedFor() async {
            if waiting.isEmpty { await withCheckedContinuation { watching.append($0) } }
        }
    }

    /// Answers with the way that the request took, and its body. `wait` is answered after an `open`, `odd` on the common way only, `bad` not at all.
    private func routes(_ gate: Gate = Gate()) -> [Route] {
        let reader = BodyReader(limits: BodyLimits(), budget: BodyBudget())
        @Sendable func short(_ post: ShortPost) async throws(Problem) -> WholeAnswer? {
            let text = String(decoding: post.body, as: UTF8.self)
            switch text {
            case "wait": await gate.wait()
            case "open": await gate.open()
            case "odd": return nil
            case "bad": throw .unacceptable("bad")
            default: break
            }
            return WholeAnswer(.created, type: "text/plain", Array("short \(text);".utf8))
        }
        @Sendable func common(_ request: Request, _ context: DoorContext) async throws -> Response {
            let (bytes, _) = try await reader.read(request, context)
            return .text(.created, type: "text/plain", "common \(String(decoding: bytes, as: UTF8.self));")
        }
        return [
            Route(.post, "/post", .send, short: short, common)
        ]
    }

    private func post(_ body: String, _ fields: String = "") -> String {
        "POST /post HTTP/1.1\r\nHost: x\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// The bodies of so many answers, as far as the `;`.
    private func bodies(_ count: Int, _ client: SocketClient) async throws -> [String] {
        var bodies: [String] = []
        for _ in 0..<count {
            _ = try await client.receive(through: "\r\n\r\n")
            bodies.append(String(try await client.receive(through: ";").dropLast()))
        }
        return bodies
    }

    @Test func `a post in one piece is short, and one that comes in pieces is not`() async throws {
        try await FrontDoorScene.run(routes()) { port in
            let client = try SocketClient(port: port)
            for _ in 0..<3 {
                try await client.send(post("a"))
                #expect(try await bodies(1, client) == ["short a"])
                try await client.send(post("bcd").dropLast(3).description)
                // The server has read the head when it answers a request that came behind it on another connection of the same thread.
                for _ in 0..<4 {
                    let other = try SocketClient(port: port)
                    try await other.send(post("x"))
                    #expect(try await bodies(1, other) == ["short x"])
                }
                try await client.send("bcd")
                #expect(try await bodies(1, client) == ["common bcd"])
            }
        }
    }

    @Test(
        arguments: [
            "Connection: close\r\n", "Expect: 100-continue\r\n", "Content-Encoding: identity\r\n", "Upgrade: h2c\r\n", "Origin: http://x\r\n",
        ]
    )
    func `what is out of the ordinary goes the common way`(field: String) async throws {
        try await FrontDoorScene.run(routes()) { port in
            let client = try SocketClient(port: port)
            try await client.send(post("a", field))
            if field.hasPrefix("Expect") { _ = try await client.receive(through: "100 Continue\r\n\r\n") }
            #expect(try await bodies(1, client) == ["common a"])
            let large = try SocketClient(port: port)
            let body = String(repeating: "l", count: ShortPosts.bodyBytesMax + 1)
            try await large.send(post(body))
            #expect(try await bodies(1, large) == ["common \(body)"])
            let chunks = try SocketClient(port: port)
            try await chunks.send("POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
            #expect(try await bodies(1, chunks) == ["common a"])
        }
    }

    @Test func `answers come in the order of the requests, whichever way each takes`() async throws {
        try await FrontDoorScene.run(routes()) { port in
            let client = try SocketClient(port: port)
            try await client.send(["a", "wait", "b", "odd", "c"].map { post($0) }.joined() + post("d", "Origin: http://x\r\n") + post("e"))
            // Behind the one that waits nothing is answered.
            #expect(try await bodies(1, client) == ["short a"])
            let other = try SocketClient(port: port)
            try await other.send(post("open"))
            #expect(try await bodies(1, other) == ["short open"])
            #expect(try await bodies(3, client) == ["short wait", "short b", "common odd"])
            // What stands behind one of the common way takes it too, unless it came later.
            #expect(try await bodies(3, client).map { $0.suffix(1) } == ["c", "d", "e"])
            // More than the connection reads at once.
            let bodies = (0..<5_000).map { "\($0)" }
            try await client.send(bodies.map { post($0) }.joined())
            #expect(try await self.bodies(5_000, client).map { $0.split(separator: " ").last.map(String.init) ?? "" } == bodies)
        }
    }

    @Test func `a client that has said its last word is answered, then the connection ends`() async throws {
        try await FrontDoorScene.run(routes()) { port in
            let client = try SocketClient(port: port)
            try await client.send(post("wait") + post("b"))
            await client.finish()
            let other = try SocketClient(port: port)
            try await other.send(post("open"))
            #expect(try await bodies(1, other) == ["short open"])
            #expect(try await bodies(2, client) == ["short wait", "short b"])
            #expect(try await client.isAtEnd())
        }
    }

    @Test func `what is no HTTP behind a short post is refused after its answer`() async throws {
        try await FrontDoorScene.run(routes()) { port in
            let client = try SocketClient(port: port)
            try await client.send(post("a") + "nonsense\r\n\r\n")
            #expect(try await bodies(1, client) == ["short a"])
            #expect(try await client.receive(through: "\r\n").hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test func `a connection is closed when nothing happens on it after a short post, and not before`() async throws {
        try await FrontDoorScene.run(routes(), idleTimeout: .milliseconds(300)) { port in
            let (client, other) = (try SocketClient(port: port), try SocketClient(port: port))
            try await client.send(post("wait"))
            // Longer than the timeout: what is under way is no silence.
            #expect(try await other.isAtEnd())
            let third = try SocketClient(port: port)
            try await third.send(post("open"))
            #expect(try await bodies(1, third) == ["short open"])
            #expect(try await bodies(1, client) == ["short wait"])
            #expect(try await client.isAtEnd())
        }
    }

    @Test func `a shutdown waits for what is under way`() async throws {
        let gate = Gate()
        let (answers, end) = AsyncStream.makeStream(of: [String].self)
        try await FrontDoorScene.run(routes(gate)) { port in
            let (client, idle) = (try SocketClient(port: port), try SocketClient(port: port))
            try await idle.send(post("a"))
            #expect(try await bodies(1, idle) == ["short a"])
            try await client.send(post("wait"))
            await gate.isWaitedFor()
            Task {
                // The shutdown closes what is idle first.
                _ = try? await idle.isAtEnd()
                await gate.open()
                end.yield((try? await bodies(1, client)) ?? [])
                end.finish()
            }
        }
        for await answer in answers { #expect(answer == ["short wait"]) }
    }

    @Test func `who may not send is told so, and a problem is a problem, on either way`() async throws {
        let identify: @Sendable (String?) -> Door.Identification = { $0 == "good" ? .known(.loopback) : .unknown }
        try await FrontDoorScene.run(routes(), as: identify) { port in
            let client = try SocketClient(port: port)
            try await client.send(post("a", "Authorization: Bearer wrong\r\n"))
            #expect(try await client.receive(through: "unauthorized").hasPrefix("HTTP/1.1 401 "))
            let known = try SocketClient(port: port)
            try await known.send(post("bad", "Authorization: Bearer good\r\n"))
            let answer = try await known.receive(through: #""detail":"bad"}"#)
            #expect(answer.hasPrefix("HTTP/1.1 422 "))
            #expect(answer.contains("application/problem+json"))
            try await known.send(post("b", "Authorization: Bearer good\r\nConnection: keep-alive\r\n"))
            #expect(try await bodies(1, known) == ["short b"])
        }
    }
}
