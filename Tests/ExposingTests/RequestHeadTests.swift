import Testing

@testable import Exposing

@Suite struct RequestHeadTests {
    private func parse(_ text: String) -> RequestHead.Outcome { RequestHead.parse(Array(text.utf8)) }

    private func head(_ text: String) -> RequestHead? {
        if case .complete(let head, _) = parse(text) { head } else { nil }
    }

    @Test func `what a Prometheus sends is understood`() {
        let text =
            "GET /metrics?collect[]=cpu HTTP/1.1\r\nHost: 127.0.0.1:9100\r\nUser-Agent: Prometheus/2.42.0\r\n"
            + "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
            + "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
        #expect(parse(text) == .complete(RequestHead(method: .get, path: "/metrics", isKept: true, acceptsGzip: true), length: text.utf8.count))
        #expect(parse("\r\n" + text + "GET /next") == .complete(head(text)!, length: text.utf8.count + 2))
    }

    @Test func `each beginning of a request is incomplete, never something else`() {
        let text = Array("HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8)
        for length in 0..<text.count { #expect(RequestHead.parse(Array(text[..<length])) == .incomplete) }
        #expect(
            RequestHead.parse(text) == .complete(RequestHead(method: .head, path: "/metrics", isKept: false, acceptsGzip: false), length: text.count)
        )
    }

    @Test(arguments: [
        ("GET /metrics\r\n\r\n", 400), ("GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET /metrics FTP/1.1\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\n\r\n", 400), ("GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\nHost: a\n\n", 400), ("GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400), ("GET /metrics HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400), ("GET /metrics HTTP/1.1\r\nHost: a\0\r\n\r\n", 400),
        ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 5\r\n\r\n", 413), ("\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n", 400),
        ("G\u{e9}T / HTTP/1.1\r\n\r\n", 400),
    ])
    func `what is no request of ours is refused`(text: String, status: Int) { #expect(parse(text) == .refused(status)) }

    @Test func `a head that does not end is refused at the limit`() {
        let long = "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: ExposingLimits.headBytesMax)
        #expect(parse(long) == .refused(431))
        #expect(parse(long + "\r\n\r\n") == .refused(431))
        #expect(RequestHead.parse(Array(long.utf8.prefix(ExposingLimits.headBytesMax - 1))) == .incomplete)
    }

    @Test(arguments: [
        ("gzip", true), ("deflate, gzip;q=1.0, *;q=0.5", true), ("GZIP", true), ("*", true), ("gzip;q=0", false), ("gzip; q=0.0", false),
        ("deflate", false), ("xgzip", false), ("", false), ("gzip;q=0.001", true),
    ])
    func `gzip is given only to who takes it`(value: String, gzip: Bool) {
        #expect(head("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: \(value)\r\n\r\n")?.acceptsGzip == gzip)
    }

    @Test func `connections are kept as the version and the header say`() {
        #expect(head("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?.isKept == true)
        #expect(head("GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, Close\r\n\r\n")?.isKept == false)
        #expect(head("GET / HTTP/1.0\r\n\r\n")?.isKept == false)
    }

    @Test func `an address is an address and a port`() {
        for good in ["127.0.0.1:9100", "0.0.0.0:0", ":9100", "[::1]:9100", "[::]:65535"] { #expect(ListenAddress(good)?.description == good) }
        for bad in [
            "", "9100", "localhost:9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:9100", "[127.0.0.1]:1", "[]:1", "1.2.3:9100",
            "[::1:9100",
        ] {
            #expect(ListenAddress(bad) == nil, "\(bad)")
        }
    }
}
