import Telemetry
package import Transferring

/// Where the agent sends to, and how.
package struct ShippingConfig: Sendable, Hashable {
    /// The aggregator's address without a path: `https://tocsin.example.org:8640`.
    package var url: String
    /// A file with the agent's token, read again when it changes; nil: none is sent.
    package var tokenFile: String?
    package var tls: TLSOptions

    /// Compressed bytes of old logs a second after an outage; fresh data is not held up.
    package var backlogBytesPerSecond: UInt64
    /// Whether the token may be sent without TLS to another machine, where whoever listens on the way can read it.
    package var allowsTokenOverHTTP: Bool

    /// 512 MiB of spool go out in two minutes, and a thousand agents that come back at once leave an aggregator room for what is new.
    package static let backlogBytesPerSecondDefault: UInt64 = 4 << 20
    /// Below this a POST of usual size would take minutes of the budget.
    package static let backlogBytesPerSecondLeast: UInt64 = 16 << 10

    package init(
        url: String,
        tokenFile: String? = nil,
        tls: TLSOptions = TLSOptions(),
        backlogBytesPerSecond: UInt64 = ShippingConfig.backlogBytesPerSecondDefault,
        allowsTokenOverHTTP: Bool = false
    ) {
        (self.url, self.tokenFile, self.tls) = (url, tokenFile, tls)
        (self.backlogBytesPerSecond, self.allowsTokenOverHTTP) = (backlogBytesPerSecond, allowsTokenOverHTTP)
    }

    /// Whether a token would cross a network unencrypted although nobody allowed it. Then none is sent, and nothing else.
    package var exposesToken: Bool {
        guard tokenFile != nil, !allowsTokenOverHTTP, url.hasPrefix("http://") else { return false }
        let authority = url.dropFirst("http://".count).prefix { $0 != "/" }
        if authority.hasPrefix("[") { return authority.prefix { $0 != "]" } != "[::1" }
        let host = authority.prefix { $0 != ":" }
        if host == "localhost" { return false }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        return !(octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil })
    }

    var ingestURL: String { base + "/api/v1/ingest" }

    func positionsURL(host: String, agents: [UUID]) -> String {
        let name = host.utf8.map { byte in
            // RFC 3986 §2.3: what is not unreserved is escaped.
            let isPlain = byte < 0x80 && (Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
            if isPlain || "-._~".utf8.contains(byte) { return String(UnicodeScalar(byte)) }
            return (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
        }
        return base + "/api/v1/agents/positions?host=\(name.joined())" + agents.map { "&agent=\($0)" }.joined()
    }

    private var base: String {
        var base = url[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        return String(base)
    }
}
