package import Transferring

/// Where the agent sends to, and how.
package struct ShippingConfig: Sendable, Hashable {
    /// The aggregator's address without a path: `https://tocsin.example.org:8640`.
    package var url: String
    /// A file with the agent's token, read again when it changes; nil: none is sent.
    package var tokenFile: String?
    package var tls: TLSOptions

    package init(url: String, tokenFile: String? = nil, tls: TLSOptions = TLSOptions()) {
        (self.url, self.tokenFile, self.tls) = (url, tokenFile, tls)
    }

    var ingestURL: String {
        var base = url[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        return base + "/api/v1/ingest"
    }
}
