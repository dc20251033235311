/// Where the aggregator listens: a host or an address, and a port.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    /// 0: any free one.
    package var port: Int

    package init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    /// The default: this machine only.
    package static let standard = ListenAddress(host: "127.0.0.1", port: 8640)

    /// Reads `127.0.0.1:8640`, `[::1]:8640`, `tocsin.example.org:8640`, and `:8640` for every address. Nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("[") || host.hasSuffix("]") {
            guard host.hasPrefix("["), host.hasSuffix("]"), host.count > 2 else { return nil }
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            // An IPv6 address without brackets: where its port begins is anybody's guess.
            return nil
        }
        guard !host.contains(where: { $0.isWhitespace || $0 == "/" }) else { return nil }
        self.init(host: host.isEmpty ? "::" : host, port: Int(port))
    }

    /// Whether only programs of this machine can reach it.
    package var isLoopback: Bool { host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }) }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
