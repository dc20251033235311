import Answering
import HTTPTypes
import Hummingbird
import NIOCore
import Operating
import Telemetry
import TestSupport
import Testing

@testable import AggregatorApp

/// The real server on a real socket, asked by curl.
struct FrontDoorTests {
    private func withFrontDoor(
        _ certificates: Certificates? = nil,
        limits: BodyLimits = BodyLimits(),
        idleTimeout: TimeAmount = .seconds(75),
        connectionsMax: Int = 1000,
        _ body: @Sendable (_ port: Int) async throws -> Void
    ) async throws {
        let reader = BodyReader(limits: limits, budget: BodyBudget())
        let echo = Route(.post, "/echo", .open) { request, context in
            let (bytes, _) = try await reader.read(request, context)
            return .text(type: "text/plain", "\(bytes.count)")
        }
        try await FrontDoorScene.run([echo], certificates, limits: limits, idleTimeout: idleTimeout, connectionsMax: connectionsMax, body)
    }

    /// What a program writes until it ends.
    private func run(_ command: [String]) async throws -> String {
        let child = try ChildProcess.start("/usr/bin/env", command)
        await child.wait()
        return child.output
    }

    @Test func `a client that asks before sending is told to go on, or refused before it sends`() async throws {
        let folder = try TemporaryFolder()
        try TestFiles.write([UInt8](repeating: 0x20, count: 2_000_000), to: folder("two"))
        try TestFiles.write([UInt8](repeating: 0x20, count: 5_000_000), to: folder("five"))
        try await withFrontDoor(limits: BodyLimits(bytesMax: 3_000_000)) { port in
            func curl(_ file: String) async throws -> String {
                try await run([
                    "curl", "-sv", "--expect100-timeout", "20", "-H", "Expect: 100-continue", "--data-binary", "@\(folder(file))",
                    "http://127.0.0.1:\(port)/echo",
                ])
            }
            let good = try await curl("two")
            #expect(good.contains("HTTP/1.1 100 Continue"))
            #expect(good.contains("HTTP/1.1 200 OK"))
            #expect(good.contains("2000000"))
            let refused = try await curl("five")
            #expect(!refused.contains("100 Continue"))
            #expect(refused.contains("HTTP/1.1 413"))
            #expect(refused.contains("too-large"))
        }
    }

    /// Each thread that must be woken may wait for a processor, so what only waits for others stays on the connection's own; what computes must not hold that up.
    @Test func `a brief question stays on the connection's thread, another leaves it`() async throws {
        let routes = [true, false].map { isBrief in
            Route(.get, isBrief ? "/brief" : "/long", .read, isBrief: isBrief) { _, context in
                await Task.yield()
                return .text(type: "text/plain", "\(context.channel.eventLoop.inEventLoop)")
            }
        }
        try await FrontDoorScene.run(routes) { port in
            let brief = try await run(["curl", "-s", "http://127.0.0.1:\(port)/brief"])
            let long = try await run(["curl", "-s", "http://127.0.0.1:\(port)/long"])
            #expect((brief, long) == ("true", "false"))
        }
    }

    @Test func `a body that ends early is not taken for a whole one`() async throws {
        try await withFrontDoor { port in
            let output = try await run([
                "bash", "-c",
                "exec 3<>/dev/tcp/127.0.0.1/\(port); printf 'POST /echo HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 100\\r\\n\\r\\nshort' >&3; "
                    + "python3 -c 'import socket,os; s=socket.socket(fileno=3); s.shutdown(socket.SHUT_WR); print(s.recv(9999))' 2>&1",
            ])
            #expect(!output.contains("200 OK"), "\(output)")
        }
    }

    @Test func `a body that does not come in time is answered, and the connection ends`() async throws {
        try await withFrontDoor(limits: BodyLimits(duration: .milliseconds(200))) { port in
            let output = try await run([
                "python3", "-c",
                "import socket; s=socket.create_connection(('127.0.0.1',\(port))); "
                    + "s.sendall(b'POST /echo HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 100\\r\\n\\r\\nshort'); s.settimeout(20); "
                    + "print(b''.join(iter(lambda: s.recv(9999), b'')).decode())",
            ])
            #expect(output.contains("408"), "\(output)")
            #expect(output.contains("too-slow"))
        }
    }

    @Test func `with certificate and key it speaks TLS only`() async throws {
        let folder = try TemporaryFolder()
        let certificate = try await TestServer.certificate(in: folder)
        let files = TLSFiles(certificate: certificate.certificate, key: certificate.key)
        #expect(files.problem() == nil)
        #expect(TLSFiles(certificate: certificate.certificate, key: folder("missing.pem")).problem() != nil)
        let certificates = try Certificates(files)
        try await withFrontDoor(certificates) { port in
            let output = try await run([
                "curl", "-s", "--cacert", certificate.certificate, "--resolve", "localhost:\(port):127.0.0.1", "-d", "abc",
                "https://localhost:\(port)/echo",
            ])
            #expect(output == "3")
            let plain = try await run(["curl", "-s", "-m", "5", "-d", "abc", "http://127.0.0.1:\(port)/echo"])
            #expect(!plain.contains("3"))
            // A renewed certificate counts for the next connection.
            let other = try TemporaryFolder()
            let renewed = try await TestServer.certificate(in: other)
            try TestFiles.write(try #require(TestFiles.bytes(renewed.certificate)), to: files.certificate)
            try TestFiles.write(try #require(TestFiles.bytes(renewed.key)), to: files.key)
            try certificates.reload()
            let again = try await run([
                "curl", "-s", "--cacert", renewed.certificate, "--resolve", "localhost:\(port):127.0.0.1", "-d", "abcd",
                "https://localhost:\(port)/echo",
            ])
            #expect(again == "4")
        }
    }

    @Test func `a connection that says nothing, or half of something, is closed`() async throws {
        try await withFrontDoor(idleTimeout: .milliseconds(200)) { port in
            let silent = try SocketClient(port: port)
            let slow = try SocketClient(port: port)
            try await slow.send("GET /echo HTTP/1.1\r\nHost")
            #expect(try await silent.isAtEnd())
            _ = try await slow.receive(1 << 20)
            #expect(try await slow.isAtEnd())
        }
    }

    @Test func `over the limit of connections one waits until another has gone`() async throws {
        try await withFrontDoor(connectionsMax: 1) { port in
            let post = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
            var first: SocketClient? = try SocketClient(port: port)
            try await first?.send(post)
            #expect(try await first?.receive(through: "\r\n\r\n2").hasPrefix("HTTP/1.1 200 ") == true)
            let second = try SocketClient(port: port)
            try await second.send(post)
            // The kernel took it, the server did not: it is answered when the first is closed.
            first = nil
            #expect(try await second.receive(through: "\r\n\r\n2").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func `behind an offer of another protocol the connection ends, so that the client comes again`() async throws {
        try await withFrontDoor { port in
            let client = try SocketClient(port: port)
            try await client.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"
                    + "Content-Length: 2\r\n\r\nab"
            )
            let answer = String(decoding: try await client.receive(1 << 20), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 200 "))
            #expect(answer.contains("Connection: close"))
        }
    }
}
