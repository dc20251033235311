import Configuring
import Shipping
import Spooling
import Transferring

/// `spool`, and where its content goes: `aggregator`, `token_file`, `ca_file`, `ship`.
extension AgentConfig {
    static func readSpool(_ reader: ConfigReader) -> SpoolConfig {
        defer { reader.finish() }
        let path = absolutePath(reader, "path") ?? spoolPathDefault
        let maxBytes = reader.bytes("max_size", default: SpoolConfig.maxBytesDefault, in: SpoolConfig.maxBytesLeast...(1 << 50))
        let whenFull = reader.choice("when_full", SpoolConfig.WhenFull.allCases.map { ($0.rawValue, $0) }, default: .wait)
        let wait = reader.duration("wait_for_positions", default: SpoolConfig.positionsWaitDefault, in: .zero ... .seconds(3600))
        return SpoolConfig(path: path, maxBytes: maxBytes, whenFull: whenFull, positionsWait: wait)
    }

    static func readShipping(_ reader: ConfigReader) -> ShippingConfig? {
        let url = reader.parsed("aggregator", expecting: "an address like https://tocsin.example.org:8640") { isAddress($0) ? $0 : nil }
        let tokenFile = absolutePath(reader, "token_file")
        let caFile = absolutePath(reader, "ca_file")
        for (key, path) in [("token_file", tokenFile), ("ca_file", caFile)] {
            guard let path else { continue }
            do throws(ConfigProblem) { _ = try ConfigFile.read(path) } catch {
                reader.report(key, "\(path) \(error.problem)", error.remedy)
            }
            if !reader.has("aggregator"), url == nil {
                reader.report(key, "there is no aggregator that it could be for", "write aggregator: https://…, or remove it")
            }
        }
        let ship = reader.section("ship")
        defer { ship.finish() }
        let rate = ship.bytes(
            "backlog_bytes_per_second",
            default: ShippingConfig.backlogBytesPerSecondDefault,
            in: ShippingConfig.backlogBytesPerSecondLeast...(1 << 40)
        )
        let allows = ship.choice("token_over_http", [("refuse", false), ("allow", true)], default: false)
        guard let url else { return nil }
        if caFile != nil, !url.hasPrefix("https:") {
            reader.report("ca_file", "the aggregator's address is not https, so no certificate is checked", "write https://, or remove ca_file")
        }
        let config = ShippingConfig(
            url: url,
            tokenFile: tokenFile,
            tls: TLSOptions(caFile: caFile),
            backlogBytesPerSecond: rate,
            allowsTokenOverHTTP: allows
        )
        if config.exposesToken {
            reader.report(
                "token_file",
                "the token would be sent to \(url) unencrypted, for everybody on the way to read",
                "write aggregator: https://…, or ship: {token_over_http: allow} where the network is your own"
            )
        }
        return config
    }

    /// Scheme, host and perhaps a port and a path; no user, query or fragment.
    private static func isAddress(_ text: String) -> Bool {
        guard let rest = ["http://", "https://"].lazy.filter({ text.hasPrefix($0) }).map({ text.dropFirst($0.count) }).first else { return false }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.isEmpty, !rest.contains(where: { $0 == "?" || $0 == "#" || $0 == "@" || $0.isWhitespace }) else { return false }
        var host = authority
        if authority.hasPrefix("[") {
            guard let bracket = authority.lastIndex(of: "]") else { return false }
            host = authority[...bracket]
        } else if let colon = authority.lastIndex(of: ":") {
            host = authority[..<colon]
        }
        let port = authority[host.endIndex...]
        return !host.isEmpty && (port.isEmpty || (port.hasPrefix(":") && UInt16(port.dropFirst()).map { $0 > 0 } ?? false))
    }
}
