import AggregatorApp
import Testing

struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:8640", "127.0.0.1", 8640, true), ("localhost:1", "localhost", 1, true), ("[::1]:8640", "::1", 8640, true),
        ("127.8.9.10:0", "127.8.9.10", 0, true), ("0.0.0.0:8640", "0.0.0.0", 8640, false), (":8640", "::", 8640, false),
        ("tocsin.example.org:443", "tocsin.example.org", 443, false), ("127.0.0.1.example.org:443", "127.0.0.1.example.org", 443, false),
    ])
    func `an address is a host and a port, on loopback or beyond`(text: String, host: String, port: Int, isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.isLoopback == isLoopback)
    }

    @Test(arguments: ["", "8640", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8640", "[::1:8640", "http://x:1", "a b:1"])
    func `anything else is none`(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
