import CCurl

/// How the other end proves who it is, and how we do.
package struct TLSOptions: Sendable, Hashable {
    /// Versions of TLS, as Go's configurations call them.
    package enum Version: String, Sendable, Hashable, CaseIterable {
        case tls10 = "TLS10"
        case tls11 = "TLS11"
        case tls12 = "TLS12"
        case tls13 = "TLS13"
    }

    /// Path of a PEM file with the certificate authorities to trust instead of the system's; nil: the system's.
    package var caFile: String?
    /// False accepts any certificate: for a laboratory, never for a network.
    package var verifiesPeer: Bool
    /// Our own certificate and its key, PEM. Read at each connection, so that a new one counts at once.
    package var certificateFile: String?
    package var keyFile: String?
    /// Whom the certificate must name, and whom the other end is asked for (SNI); nil: the address's own name.
    package var serverName: String?
    package var oldestVersion: Version
    package var newestVersion: Version?

    package init(
        caFile: String? = nil,
        verifiesPeer: Bool = true,
        certificateFile: String? = nil,
        keyFile: String? = nil,
        serverName: String? = nil,
        oldestVersion: Version = .tls12,
        newestVersion: Version? = nil
    ) {
        (self.caFile, self.verifiesPeer, self.certificateFile, self.keyFile) = (caFile, verifiesPeer, certificateFile, keyFile)
        (self.serverName, self.oldestVersion, self.newestVersion) = (serverName, oldestVersion, newestVersion)
    }
}

extension CurlHandle {
    /// - Parameter url: the address, which is changed when another name is asked for: libcurl asks and checks for the name in the address, and is told
    ///   to connect elsewhere.
    func set(_ tls: TLSOptions, for url: inout String) {
        let oldest =
            switch tls.oldestVersion {
            case .tls10: CURL_SSLVERSION_TLSv1_0
            case .tls11: CURL_SSLVERSION_TLSv1_1
            case .tls12: CURL_SSLVERSION_TLSv1_2
            case .tls13: CURL_SSLVERSION_TLSv1_3
            }
        let newest =
            switch tls.newestVersion {
            case nil: CURL_SSLVERSION_MAX_NONE
            case .tls10: CURL_SSLVERSION_MAX_TLSv1_0
            case .tls11: CURL_SSLVERSION_MAX_TLSv1_1
            case .tls12: CURL_SSLVERSION_MAX_TLSv1_2
            case .tls13: CURL_SSLVERSION_MAX_TLSv1_3
            }
        set(CURLOPT_SSLVERSION, Int(oldest) | Int(newest))
        set(CURLOPT_SSL_VERIFYPEER, tls.verifiesPeer ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, tls.verifiesPeer ? 2 : 0)
        if let file = tls.caFile { set(CURLOPT_CAINFO, file) }
        if let file = tls.certificateFile { set(CURLOPT_SSLCERT, file) }
        if let file = tls.keyFile { set(CURLOPT_SSLKEY, file) }
        guard let name = tls.serverName, let place = URLText.Place(url) else { return }
        url = place.address(atHost: name)
        // Empty places of the first pair: whatever host and port.
        set(CURLOPT_CONNECT_TO, ["::\(place.host):\(place.port ?? "")"])
    }
}

extension URLText {
    /// The parts of an address around its host.
    struct Place {
        /// `https://`, with a name and a password when there are some.
        let before: String
        /// In brackets when it is an IPv6 address.
        let host: String
        let port: String?
        /// From the path on.
        let behind: String

        init?(_ url: String) {
            guard let scheme = url.firstRange(of: "://") else { return nil }
            let rest = url[scheme.upperBound...]
            let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            let hostAndPort = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
            let colon = hostAndPort.lastIndex(of: ":").flatMap { hostAndPort[$0...].contains("]") ? nil : $0 }
            host = String(hostAndPort[..<(colon ?? hostAndPort.endIndex)])
            port = colon.map { String(hostAndPort[hostAndPort.index(after: $0)...]) }
            (before, behind) = (String(url[..<hostAndPort.startIndex]), String(rest[authority.endIndex...]))
            if host.isEmpty { return nil }
        }

        func address(atHost name: String) -> String { before + name + (port.map { ":" + $0 } ?? "") + behind }

        /// For the header `Host`.
        var authority: String { host + (port.map { ":" + $0 } ?? "") }
    }
}
