import Admitting
import Answering
import Correlating
import HTTPTypes
import JSON
import Logging
import Operating
import ServiceLifecycle
import Storing
import Telemetry
import TestSupport
import Testing

@testable import AggregatorApp

/// The live stream of the whole aggregator, over real sockets.
struct EventStreamTests {
    private func withAggregator(
        tokens: TokenBook? = nil,
        _ change: (inout AggregatorConfig) -> Void = { _ in },
        _ body: @Sendable @escaping (_ port: Int, _ group: ServiceStopper) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        var config = AggregatorConfig()
        config.listen.port = 0
        config.keepState(in: folder("state"))
        config.admitting.burst = 1_000_000
        change(&config)
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        let aggregator = Aggregator(config: config, tokens: tokens, systemd: ServiceNotifier(socketPath: nil), time: SystemTime(), logger: quiet)
        let (ports, gate) = AsyncStream.makeStream(of: Int.self)
        let stopper = ServiceStopper(quiet) {
            defer { gate.finish() }
            // Cancelled when the test is done: the group says so by throwing.
            do {
                try await aggregator.run(
                    reload: { () throws(AggregatorConfig.Mistakes) in throw .init(sentences: []) },
                    onListening: { gate.yield($0) }
                )
            } catch is CancellationError {}
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await stopper.run() }
            for await port in ports {
                defer { group.cancelAll() }
                try await body(port, stopper)
            }
            try await group.waitForAll()
        }
    }

    private func post(_ messages: [String], source: String = "shop", on socket: SocketClient) async throws {
        let body = messages.map { #"{"source":"\#(source)","type":"order.placed","severity":"info","message":"\#($0)"}"# }.joined(separator: "\n")
        try await socket.send(
            "POST /api/v1/events/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
        let head = try await socket.receive(through: "\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 201 "))
        let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }?.split(separator: " ").last.flatMap {
            Int($0)
        }
        _ = try await socket.receive(try #require(length))
    }

    private func message(_ frame: WebSocketClient.Frame?) throws -> String? {
        let frame = try #require(frame)
        #expect(frame.opcode == WebSocketClient.text)
        return try JSON.parse(frame.text)["message"]?.string
    }

    @Test func `events come as text messages as soon as they are stored, on a fresh connection and on a used one`() async throws {
        try await withAggregator { port, _ in
            let sender = try SocketClient(port: port)
            let fresh = try await WebSocketClient(port: port, "/api/v1/events/stream?source=shop")
            #expect(fresh.isOpen)
            #expect(fresh.head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            let used = try SocketClient(port: port)
            try await post(["before"], on: used)
            let second = try await WebSocketClient(on: used, "/events/stream?since=0&source=shop")
            #expect(second.isOpen)
            try await post(["other"], source: "other", on: sender)
            try await post(["one", "two"], on: sender)
            for message in ["before", "one", "two"] { #expect(try self.message(try await fresh.receive()) == message) }
            for message in ["before", "one", "two"] { #expect(try self.message(try await second.receive()) == message) }
        }
    }

    /// Bytes behind an offer are those of the WebSocket, and none may be sent before the answer (RFC 6455 §4.1): a request that hides there is never one.
    @Test func `a request behind an offer is not answered, on a fresh connection and on a used one`() async throws {
        try await withAggregator { port, _ in
            for isUsed in [false, true] {
                let socket = try SocketClient(port: port)
                if isUsed { try await post(["before"], on: socket) }
                try await socket.send(WebSocketClient.offer("/events/stream") + "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await socket.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 101 "))
                try await socket.send(WebSocketClient.frame(WebSocketClient.ping, [7]))
                #expect(try await socket.receive(3) == [0x8A, 1, 7])
                try await socket.send(WebSocketClient.frame(WebSocketClient.closing, [0x03, 0xE8]))
                #expect(try await socket.receive(4) == [0x88, 2, 0x03, 0xE8])
                #expect(try await socket.isAtEnd())
            }
        }
    }

    @Test func `an offer that is refused is answered like every request, and the connection ends`() async throws {
        let entry = try #require(TokenEntry(principal: Principal(name: "v", role: .viewer), sha256: TokenEntry.digest(of: "secret")))
        try await withAggregator(tokens: TokenBook([entry])) { port, _ in
            let refusals: [([String], String, String)] = [
                ([], "/events/stream", "401"), (["Authorization: Bearer wrong"], "/events/stream", "401"),
                (["Authorization: Bearer secret"], "/events/stream?sourc=shop", "400"),
                (["Authorization: Bearer secret", "Origin: http://evil.example.com"], "/events/stream", "403"),
                (["Authorization: Bearer secret"], "/events", "200"),
            ]
            for (headers, path, status) in refusals {
                let client = try await WebSocketClient(port: port, path, headers: headers)
                #expect(client.head.hasPrefix("HTTP/1.1 \(status) "), "\(client.head)")
                #expect(client.head.contains("Connection: close"))
                _ = try await client.socket.receive(1 << 20)
                #expect(try await client.socket.isAtEnd())
            }
            #expect(try await WebSocketClient(port: port, "/events/stream", headers: ["Authorization: Bearer secret"]).isOpen)
        }
    }

    @Test func `pings are answered, messages of a client are taken in pieces, and good-byes are returned`() async throws {
        try await withAggregator { port, _ in
            let client = try await WebSocketClient(port: port, "/events/stream")
            try await client.send(WebSocketClient.ping, Array("are you there".utf8))
            #expect(try await client.receive() == .init(opcode: WebSocketClient.pong, payload: Array("are you there".utf8)))
            try await client.send(WebSocketClient.text, Array("hel".utf8), isLast: false)
            try await client.send(WebSocketClient.ping, [1])
            try await client.send(WebSocketClient.continuation, Array("lo".utf8))
            #expect(try await client.receive() == .init(opcode: WebSocketClient.pong, payload: [1]))
            try await client.send(WebSocketClient.closing, [0x03, 0xE8] + Array("bye".utf8))
            #expect(try await client.receive() == .init(opcode: WebSocketClient.closing, payload: [0x03, 0xE8]))
            #expect(try await client.receive() == nil)
        }
    }

    @Test func `a client that breaks the protocol is told why`() async throws {
        try await withAggregator { port, _ in
            let text = WebSocketClient.text
            let broken: [(bytes: [UInt8], code: Int)] = [
                (WebSocketClient.frame(text, [1], isMasked: false), 1002), (WebSocketClient.frame(text, [1], reserved: 0x40), 1002),
                (WebSocketClient.frame(WebSocketClient.ping, [1], isLast: false), 1002),
                (WebSocketClient.frame(WebSocketClient.ping, [UInt8](repeating: 0, count: 200)), 1002),
                (WebSocketClient.frame(3, []), 1002), (WebSocketClient.frame(text, [0xC3]), 1007),
                (WebSocketClient.frame(text, [UInt8](repeating: 0x20, count: 2_000_000)), 1009),
                (
                    WebSocketClient.frame(text, [UInt8](repeating: 0x20, count: 60_000), isLast: false)
                        + WebSocketClient.frame(WebSocketClient.continuation, [UInt8](repeating: 0x20, count: 60_000)), 1009
                ),
            ]
            for (bytes, code) in broken {
                let client = try await WebSocketClient(port: port, "/events/stream")
                try await client.socket.send(bytes)
                let frame = try await client.receive()
                #expect(frame?.opcode == WebSocketClient.closing)
                #expect(frame?.code == code, "\(bytes.prefix(8))")
                #expect(try await client.receive() == nil)
            }
        }
    }

    @Test func `a client that does not read learns how many it missed, and gets what comes after`() async throws {
        try await withAggregator { port, _ in
            let sender = try SocketClient(port: port)
            let slow = try await WebSocketClient(on: SocketClient(port: port, receiveBufferBytes: 4096), "/events/stream?source=shop")
            // Far more than sockets and queue hold.
            let filler = String(repeating: "x", count: 300)
            let total = 90_000
            for batch in 0..<(total / 5000) { try await post((0..<5000).map { "\(batch * 5000 + $0) \(filler)" }, on: sender) }
            try await post(["last"], on: sender)
            var (received, missed) = (0, 0)
            while let frame = try await slow.receive() {
                guard frame.opcode == WebSocketClient.text else { continue }
                let json = try JSON.parse(frame.text)
                if let count = json["missed"]?.integer {
                    #expect(json["reason"]?.string == "slow")
                    missed += Int(count)
                    // Everything that waited was read: what comes now is not missed.
                    try await post(["fresh"], on: sender)
                } else if json["message"]?.string == "fresh" {
                    break
                } else {
                    received += 1
                }
            }
            #expect(missed > 0)
            #expect(received + missed == total + 1)
        }
    }

    @Test func `when the aggregator stops each client is told so at once`() async throws {
        try await withAggregator { port, stopper in
            let socket = try await WebSocketClient(port: port, "/events/stream")
            let plain = try SocketClient(port: port)
            try await plain.send("GET /events/stream HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            #expect(try await plain.receive(through: "retry: 2000\n\n").contains("text/event-stream"))
            await stopper.stop()
            let frame = try await socket.receive()
            #expect(frame?.opcode == WebSocketClient.closing)
            #expect(frame?.code == 1001)
            try await socket.send(WebSocketClient.closing, [0x03, 0xE9])
            #expect(try await socket.receive() == nil)
            // The last chunk, then the end.
            #expect(try await plain.receive(through: "0\r\n\r\n").hasSuffix("0\r\n\r\n"))
            #expect(try await plain.isAtEnd())
        }
    }

    @Test func `over the limit of streams a client is sent away, and has its place when another has gone`() async throws {
        let one: (inout AggregatorConfig) -> Void = { $0.streamsMax = 1 }
        try await withAggregator(one) { port, _ in
            let first = try await WebSocketClient(port: port, "/events/stream")
            #expect(first.isOpen)
            let second = try await WebSocketClient(port: port, "/events/stream")
            #expect(second.head.hasPrefix("HTTP/1.1 503 "))
            #expect(second.head.contains("Retry-After: 5"))
            try await first.send(WebSocketClient.closing)
            #expect(try await first.receive()?.opcode == WebSocketClient.closing)
            #expect(try await first.receive() == nil)
            // The server notices a moment after the client does.
            var isOpen = false
            while !isOpen { isOpen = try await WebSocketClient(port: port, "/events/stream").isOpen }
        }
    }

    @Test func `server-sent events come to plain clients, with ids behind which they go on`() async throws {
        try await withAggregator { port, _ in
            let sender = try SocketClient(port: port)
            func follow(_ headers: String) async throws -> SocketClient {
                let client = try SocketClient(port: port)
                try await client.send("GET /api/v1/events/stream?source=shop HTTP/1.1\r\nHost: x\r\n\(headers)\r\n")
                _ = try await client.receive(through: "retry: 2000\n\n")
                return client
            }
            let first = try await follow("")
            try await post(["one", "two"], on: sender)
            let text = try await first.receive(through: "\"two\"")
            let ids = text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("id: ") }.map { $0.dropFirst(4) }
            #expect(ids.count == 2)
            try await post(["three"], on: sender)
            for (id, expected) in zip(ids, [["two", "three"], ["three"]]) {
                let again = try await follow("Last-Event-ID: \(id)\r\n")
                let rest = try await again.receive(through: "\"three\"")
                #expect(["one", "two", "three"].filter { rest.contains("\"\($0)\"") } == expected)
            }
        }
    }

    @Test func `over a WebSocket each event says its position, and one that connects with it goes on behind it`() async throws {
        try await withAggregator { port, _ in
            let sender = try SocketClient(port: port)
            let open = try await WebSocketClient(port: port, "/events/stream?source=shop")
            try await post(["one", "two", "three"], on: sender)
            let beginning = try #require(open.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("tocsin-position: ") })
            var positions = [String(beginning.dropFirst(17))]
            for _ in 0..<3 {
                let frame = try #require(try await open.receive())
                positions.append(try #require(try JSON.parse(frame.text)["position"]?.string))
            }
            for (index, position) in positions.enumerated() {
                let again = try await WebSocketClient(port: port, "/events/stream?source=shop&position=\(position)")
                try await post(["four \(index)"], source: "shop", on: sender)
                let expected = ["one", "two", "three"][index...] + (0...index).map { "four \($0)" }
                for message in expected { #expect(try self.message(try await again.receive()) == message) }
            }
        }
    }

    @Test func `with TLS it is the same`() async throws {
        let folder = try TemporaryFolder()
        let certificate = try await TestServer.certificate(in: folder)
        let files = TLSFiles(certificate: certificate.certificate, key: certificate.key)
        let secured: (inout AggregatorConfig) -> Void = { $0.tls = files }
        try await withAggregator(secured) { port, _ in
            let offer = WebSocketClient.offer("/events/stream").replacing("\r\n", with: "\\r\\n")
            let script =
                "import ssl,socket; c=ssl.create_default_context(cafile='\(certificate.certificate)'); "
                + "s=c.wrap_socket(socket.create_connection(('127.0.0.1',\(port))),server_hostname='localhost'); s.settimeout(20); "
                + "s.sendall(b'\(offer)'); b=b''\nwhile b'\\r\\n\\r\\n' not in b: b+=s.recv(999)\n"
                + "s.sendall(bytes([0x89,0x82,0,0,0,0,65,66])); print(b, s.recv(99)); s.sendall(bytes([0x88,0x80,0,0,0,0])); print(s.recv(99), s.recv(99))"
            let child = try ChildProcess.start("/usr/bin/env", ["python3", "-c", script])
            await child.wait()
            #expect(child.output.contains("101 Switching Protocols"), "\(child.output)")
            #expect(child.output.contains(#"b'\x8a\x02AB'"#))
            #expect(child.output.contains(#"b'\x88\x00' b''"#))
        }
    }
}

/// Runs something as a service that can be told to stop, as a signal would.
final class ServiceStopper: Sendable {
    private struct Body: Service {
        let body: @Sendable () async throws -> Void

        func run() async throws { try await body() }
    }

    private let group: ServiceGroup

    init(_ logger: Logger, _ body: @escaping @Sendable () async throws -> Void) {
        let service = ServiceGroupConfiguration.ServiceConfiguration(service: Body(body: body), successTerminationBehavior: .gracefullyShutdownGroup)
        group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [service], logger: logger))
    }

    func run() async throws { try await group.run() }
    func stop() async { await group.triggerGracefulShutdown() }
}
