import Exposing
import Glibc
import Logging
import Operating
import ServiceLifecycle
import Synchronization
import Telemetry
import TestSupport
import Testing
import Wire

@Suite(.timeLimit(.minutes(1))) struct MetricsListenerTests {
    /// A listener on a port of the kernel's choice, whose page a test makes.
    private final class House: Sendable {
        let listener: MetricsListener
        let metrics = MetricsRegistry()
        private let group: ServiceGroup
        private let gate: AsyncStream<Void>
        private let opener: AsyncStream<Void>.Continuation
        let asked: AsyncStream<Int>
        private let asking: AsyncStream<Int>.Continuation

        /// - Parameter waits: each page is made only when `open` is called.
        init(text: String = "a 1\n", waits: Bool = false, freshFor: Duration = .seconds(3600)) throws {
            let (gate, opener) = AsyncStream<Void>.makeStream()
            let (asked, asking) = AsyncStream<Int>.makeStream()
            (self.gate, self.opener, self.asked, self.asking) = (gate, opener, asked, asking)
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let address = try #require(ListenAddress("127.0.0.1:0"))
            let number = Numbers()
            listener = MetricsListener(
                at: address,
                metrics: metrics,
                logger: logger,
                freshFor: freshFor,
                compress: { Gzip.compress($0) },
                page: {
                    let page = number.next()
                    asking.yield(page)
                    if waits { for await _ in gate { break } }
                    return Array("# page \(page)\n\(text)".utf8)
                }
            )
            try listener.open()
            group = ServiceGroup(services: [listener], logger: logger)
        }

        func open() { opener.yield() }

        var port: Int { Int(listener.port ?? 0) }

        /// Runs the listener while the test talks to it.
        func whileRunning(_ body: (House) async throws -> Void) async throws {
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await self.group.run() }
                do { try await body(self) } catch {
                    await group.triggerGracefulShutdown()
                    throw error
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }

        func connect() throws -> SocketClient { try SocketClient(port: port) }

        func answers(_ code: String) -> Double {
            metrics.samples(at: SystemTime().now()).first { $0.series.name == "tocsin_metrics_answers_total" && $0.series["code"] == code }?.value
                ?? 0
        }
    }

    private final class Numbers: Sendable {
        private let last = Atomic(0)
        func next() -> Int { last.wrappingAdd(1, ordering: .relaxed).newValue }
    }

    private static let get = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Reads one answer: its head, and as many bytes as it says.
    private func answer(_ client: SocketClient, hasBody: Bool = true) async throws -> (head: String, body: [UInt8]) {
        let head = try await client.receive(through: "\r\n\r\n")
        let length = head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) }
        return (head, hasBody ? try await client.receive(try #require(length)) : [])
    }

    @Test func `a scrape gets the page, on a connection that is kept`() async throws {
        try await House().whileRunning { house in
            let client = try house.connect()
            try await client.send(Self.get)
            let (head, body) = try await answer(client)
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(String(decoding: body, as: UTF8.self) == "# page 1\na 1\n")
            try await client.send("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            let headOnly = try await answer(client, hasBody: false)
            #expect(headOnly.head.contains("Content-Length: 13\r\n"))
            try await client.send("GET /metrics HTTP/1.0\r\n\r\n")
            #expect(try await answer(client).head.contains("Connection: close\r\n"))
            #expect(try await client.isAtEnd())
            #expect(house.answers("200") == 3)
        }
    }

    @Test func `gzip goes to who asks for it`() async throws {
        let text = String(repeating: "metric{label=\"value\"} 1\n", count: 5000)
        try await House(text: text).whileRunning { house in
            let client = try house.connect()
            try await client.send("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
            let (head, body) = try await answer(client)
            #expect(head.contains("Content-Encoding: gzip\r\n") && head.contains("Vary: Accept-Encoding\r\n"))
            #expect(body.count < 5000)
            #expect(try Gzip.inflate(body, outputMax: 1 << 20) == Array("# page 1\n\(text)".utf8))
            try await client.send(Self.get)
            #expect(try await answer(client).body.count == text.utf8.count + 9)
        }
    }

    @Test func `who asks while a page is being made gets that one, and who asks within a second gets it again`() async throws {
        try await House(waits: true).whileRunning { house in
            let clients = try (0..<5).map { _ in try house.connect() }
            try await clients[0].send(Self.get)
            var asked = house.asked.makeAsyncIterator()
            #expect(await asked.next() == 1)
            for client in clients.dropFirst() { try await client.send(Self.get) }
            // An answer that needs no page shows that the requests before it were read.
            let other = try house.connect()
            try await other.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await answer(other).head.hasPrefix("HTTP/1.1 404"))
            house.open()
            for client in clients { #expect(String(decoding: try await answer(client).body, as: UTF8.self).hasPrefix("# page 1\n")) }
            try await clients[0].send(Self.get)
            let again = String(decoding: try await answer(clients[0]).body, as: UTF8.self)
            #expect(again.hasPrefix("# page 1\n"))
        }
    }

    @Test func `a page that is no longer fresh is made anew`() async throws {
        try await House(freshFor: .zero).whileRunning { house in
            let client = try house.connect()
            for number in 1...3 {
                try await client.send(Self.get)
                #expect(String(decoding: try await answer(client).body, as: UTF8.self) == "# page \(number)\na 1\n")
            }
        }
    }

    @Test func `requests sent in one go are answered in their order`() async throws {
        try await House().whileRunning { house in
            let client = try house.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get + "GET /x HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get)
            var statuses: [String] = []
            for _ in 0..<4 { statuses.append(String(try await answer(client).head.prefix(12))) }
            #expect(statuses == ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 200"])
        }
    }

    @Test(arguments: [
        ("DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "405", false), ("GET /metric HTTP/1.1\r\nHost: a\r\n\r\n", "404", false),
        ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "x", count: 100_000), "413", true),
        ("nonsense\r\n\r\n", "400", true), ("GET / HTTP/1.1\r\n" + String(repeating: "a", count: 20_000), "431", true),
    ])
    func `what is refused is told so, and a connection that makes no sense any more is closed`(request: String, code: String, closes: Bool)
        async throws
    {
        try await House().whileRunning { house in
            let client = try house.connect()
            try await client.send(request)
            let head = try await answer(client).head
            #expect(head.hasPrefix("HTTP/1.1 \(code) "))
            #expect(head.contains("Connection: close") == closes)
            #expect(!head.hasPrefix("HTTP/1.1 405") || head.contains("Allow: GET, HEAD\r\n"))
            if closes { #expect(try await client.isAtEnd()) }
            #expect(house.answers(code) == 1)
        }
    }

    @Test func `more connections than the limit: the longest idle one gives way, and when none is idle the new one is told`() async throws {
        try await House(waits: true).whileRunning { house in
            var clients: [SocketClient] = []
            for _ in 0..<ExposingLimits.connectionsMax {
                let client = try house.connect()
                try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try await answer(client)
                clients.append(client)
            }
            let late = try house.connect()
            try await late.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await answer(late).head.hasPrefix("HTTP/1.1 200"))
            #expect(try await clients[0].isAtEnd(), "the first was idle longest")
            clients[0] = late
            // All of them wait for a page that does not come.
            for client in clients { try await client.send(Self.get) }
            var refused = ""
            while !refused.hasPrefix("HTTP/1.1 503") {
                let another = try house.connect()
                refused = try await answer(another).head
            }
            house.open()
            for client in clients { #expect(try await answer(client).head.hasPrefix("HTTP/1.1 200")) }
        }
    }

    @Test func `an address that is taken is explained`() throws {
        let house = try House()
        let taken = try #require(ListenAddress("127.0.0.1:\(house.port)"))
        let second = MetricsListener(at: taken, metrics: MetricsRegistry(), logger: Logger(label: "t"), compress: { $0 }, page: { [] })
        let error = #expect(throws: ExposingError.self) { try second.open() }
        #expect(error?.description.contains("127.0.0.1:\(house.port) cannot be listened on (Address already in use)") == true)
    }

    @Test func `a shutdown ends it with connections open`() async throws {
        let house = try House(waits: true)
        let client = try house.connect()
        try await house.whileRunning { _ in
            try await client.send(Self.get)
            var asked = house.asked.makeAsyncIterator()
            _ = await asked.next()
            house.open()
        }
        _ = try await client.receive(1 << 20)
        #expect(try await client.isAtEnd())
    }
}
