import JSON
import Synchronization
import TestSupport
import Testing
import Transferring

@Suite struct HTTPClientTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `a request arrives with its method, headers and body, and the answer comes back whole`() async throws {
        let server = try await TestServer.http(in: folder)
        let request = HTTPRequest(
            method: "POST",
            url: "http://127.0.0.1:\(server.port)/echo",
            headers: [HTTPHeader("Content-Type", "application/json"), HTTPHeader("X-Empty", ""), HTTPHeader("Idempotency-Key", "k-1")],
            body: Array("{\"a\":1}".utf8)
        )
        let response = try await HTTPClient(userAgent: "tocsin-test/1").perform(request)
        #expect(response.status == 200)
        #expect(response[header: "CONTENT-TYPE"] == "application/json")
        let seen = try JSON.parse(response.body)
        #expect(seen["method"]?.string == "POST")
        #expect(seen["body"]?.string == "{\"a\":1}")
        let headers = try #require(seen["headers"])
        #expect(headers["content-type"]?.string == "application/json")
        #expect(headers["content-length"]?.string == "7")
        #expect(headers["x-empty"]?.string == "")
        #expect(headers["idempotency-key"]?.string == "k-1")
        #expect(headers["user-agent"]?.string == "tocsin-test/1")
        #expect(headers["expect"] == nil)
    }

    @Test func `an empty POST says Content-Length 0 and calls itself no form`() async throws {
        let server = try await TestServer.http(in: folder)
        let response = try await HTTPClient().perform(HTTPRequest(method: "POST", url: "http://127.0.0.1:\(server.port)/echo"))
        let headers = try #require(try JSON.parse(response.body)["headers"])
        #expect(headers["content-length"]?.string == "0")
        #expect(headers["content-type"] == nil)
    }

    @Test func `requests one after the other share a connection, also when several threads may run`() async throws {
        let server = try await TestServer.http(in: folder)
        let client = HTTPClient(concurrent: 4)
        var ports: Set<Int64> = []
        for _ in 0..<10 {
            let response = try await client.perform(HTTPRequest(method: "POST", url: "http://127.0.0.1:\(server.port)/echo", body: [1, 2, 3]))
            ports.insert(try #require(try JSON.parse(response.body)["client"]?.integer))
        }
        #expect(ports.count == 1)
    }

    @Test func `requests run at the same time up to the number of threads`() async throws {
        let server = try await TestServer.http(in: folder)
        let client = HTTPClient(concurrent: 4)
        let began = ContinuousClock.now
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { try await client.perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/slow/1")).status }
            }
            for try await status in group { #expect(status == 200) }
        }
        #expect(ContinuousClock.now - began < .seconds(3))
    }

    @Test func `an error status is an answer, with its Retry-After`() async throws {
        let server = try await TestServer.http(in: folder)
        let response = try await HTTPClient().perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/status/503/retry/7"))
        #expect(response.status == 503)
        #expect(response.retryAfter == .seconds(7))
        #expect(response.body == Array("as you asked".utf8))
    }

    @Test func `a redirect is not followed`() async throws {
        let server = try await TestServer.http(in: folder)
        let response = try await HTTPClient().perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/redirect"))
        #expect(response.status == 302)
        #expect(server.records.count == 1)
    }

    @Test func `a response over the limit is refused`() async throws {
        let server = try await TestServer.http(in: folder)
        let address = "http://127.0.0.1:\(server.port)"
        let allowed = try await HTTPClient().perform(HTTPRequest(url: "\(address)/big/1000", responseBytesMax: 1000))
        #expect(allowed.body.count == 1000)
        let error = await failure(HTTPRequest(url: "\(address)/big/1001", responseBytesMax: 1000))
        #expect(error?.label.description == "response_too_large")
        #expect(error?.isPermanent == false)
    }

    @Test func `a slow answer ends with a timeout that names the peer and not the path`() async throws {
        let server = try await TestServer.http(in: folder)
        let error = await failure(HTTPRequest(url: "http://user:pass@127.0.0.1:\(server.port)/slow/20?secret=1", timeout: .milliseconds(300)))
        #expect(error?.label.description == "timeout", "\(error?.description ?? "")")
        #expect(error?.description.contains("http://127.0.0.1:\(server.port)") == true)
        #expect(error?.description.contains("secret") == false)
        #expect(error?.description.contains("pass") == false)
    }

    @Test func `a connection that is closed without an answer is an interruption`() async throws {
        let server = try await TestServer.http(in: folder)
        #expect(await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/drop"))?.label.description == "interrupted")
    }

    /// A webhook that was taken, and whose connection was closed without a word, was sent once more by libcurl, refused, and told under another key.
    @Test func `what asks for a connection of its own is not sent again behind its back`() async throws {
        let server = try await TestServer.http(in: folder)
        let (client, url) = (HTTPClient(concurrent: 1), "http://127.0.0.1:\(server.port)")
        for (isReused, times) in [(true, 2), (false, 1)] {
            // A connection to reuse.
            _ = try await client.perform(HTTPRequest(url: url + "/echo"))
            let before = server.records.count
            let request = HTTPRequest(method: "POST", url: url + "/drop", body: [1], reusesConnection: isReused)
            await #expect { _ = try await client.perform(request) } throws: { ($0 as? TransferError)?.label.description == "interrupted" }
            _ = try await client.perform(HTTPRequest(url: url + "/echo"))
            #expect(server.records[before...].count { $0.contains("/drop") } == times)
        }
    }

    @Test func `a port where nobody listens is unreachable, a name without address unresolved`() async throws {
        #expect(await failure(HTTPRequest(url: "http://127.0.0.1:1/"))?.label.description == "unreachable")
        #expect(await failure(HTTPRequest(url: "http://tocsin.invalid/"))?.label.description == "unresolved")
    }

    @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "no scheme", "http://127.0.0.1/a b", ""])
    func `only http and https are spoken`(url: String) async {
        #expect(await failure(HTTPRequest(url: url))?.label.description == "invalid")
    }

    @Test(arguments: [
        HTTPHeader("X-A", "1\r\nX-B: 2"), HTTPHeader("X-A", "1\n"), HTTPHeader("X-A\r\nX-B", "1"), HTTPHeader("X A", "1"), HTTPHeader("", "1"),
        HTTPHeader("X-A", "\0"),
    ])
    func `a header that would become two is refused`(header: HTTPHeader) async {
        #expect(await failure(HTTPRequest(url: "http://127.0.0.1:1/", headers: [header]))?.label.description == "invalid")
    }

    @Test func `a certificate is verified unless told not to`() async throws {
        let certificate = try await TestServer.certificate(in: folder)
        let server = try await TestServer.http(in: folder, certificate: certificate)
        let url = "https://127.0.0.1:\(server.port)/"
        #expect(await failure(HTTPRequest(url: url))?.label.description == "tls")
        let trusted = try await HTTPClient().perform(HTTPRequest(url: url, tls: TLSOptions(caFile: certificate.certificate)))
        #expect(trusted.status == 200)
        let unchecked = try await HTTPClient().perform(HTTPRequest(url: url, tls: TLSOptions(verifiesPeer: false)))
        #expect(unchecked.status == 200)
    }

    @Test func `cancelling the task ends the transfer at once, running or waiting for a thread`() async throws {
        let server = try await TestServer.http(in: folder)
        let client = HTTPClient(concurrent: 1)
        let began = ContinuousClock.now
        let running = Task { try await client.perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/slow/20")) }
        _ = try await server.records(atLeast: 1)
        let waiting = Task { try await client.perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/slow/20")) }
        waiting.cancel()
        await #expect(throws: TransferError.cancelled) { try await waiting.value }
        running.cancel()
        await #expect(throws: TransferError.cancelled) { try await running.value }
        #expect(ContinuousClock.now - began < .seconds(10))
        // The thread is free again.
        #expect(try await client.perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/")).status == 200)
    }

    @Test func `a stream's pieces come as they come, and the sink may have enough`() async throws {
        let server = try await TestServer.http(in: folder)
        let (client, url) = (HTTPClient(), "http://127.0.0.1:\(server.port)")
        let pieces = Mutex<[Int]>([])
        let whole = try await client.stream(HTTPRequest(url: url + "/big/3000000", responseBytesMax: 10), silenceMax: .seconds(20)) { piece in
            pieces.withLock { $0.append(piece.count) }
            return true
        }
        #expect(whole.status == 200 && whole.body.isEmpty)
        #expect(pieces.withLock { $0.count } > 1 && pieces.withLock { $0.reduce(0, +) } == 3_000_000)
        let cut = try await client.stream(HTTPRequest(url: url + "/big/3000000"), silenceMax: .seconds(20)) { _ in false }
        #expect(cut.status == 200)
        // An answer that is no success says why in its body, as usual.
        let refused = try await client.stream(HTTPRequest(url: url + "/status/404"), silenceMax: .seconds(20)) { _ in
            Issue.record("a refusal is no stream")
            return true
        }
        #expect(refused.status == 404 && String(decoding: refused.body, as: UTF8.self) == "as you asked")
    }

    @Test func `a stream on which nothing comes for too long is taken for lost`() async throws {
        let server = try await TestServer.http(in: folder)
        let began = ContinuousClock.now
        await #expect {
            try await HTTPClient().stream(HTTPRequest(url: "http://127.0.0.1:\(server.port)/slow/20"), silenceMax: .seconds(1)) { _ in true }
        } throws: {
            ($0 as? TransferError)?.label.description == "timeout"
        }
        #expect(ContinuousClock.now - began < .seconds(10))
    }

    private func failure(_ request: HTTPRequest) async -> TransferError? {
        do throws(TransferError) {
            _ = try await HTTPClient().perform(request)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        arguments: [
            ("120", "", 120_000), ("0.5", "", 500), ("1e9", "", 86_400_000), ("-1", "", nil), ("soon", "", nil), ("nan", "", nil),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", 30_000),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:07 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "", nil), ("Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", nil),
        ] as [(String, String, Int?)]
    )
    func `Retry-After is read as seconds, with a fraction, and as a date by the other end's clock`(text: String, date: String, milliseconds: Int?) {
        var headers = [HTTPHeader("retry-after", text)]
        if !date.isEmpty { headers.append(HTTPHeader("date", date)) }
        #expect(HTTPResponse(status: 429, headers: headers).retryAfter == milliseconds.map { .milliseconds($0) })
    }
}
