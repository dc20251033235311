import CCurl

/// Through whom a request goes. Without one libcurl looks at `http_proxy`, `https_proxy` and `no_proxy` of the environment.
package struct HTTPProxy: Sendable, Hashable {
    /// `http://`, `https://`, `socks5://` or `socks5h://`; often holds a name and a password.
    package var url: String
    /// Names, addresses and networks that are reached without it, separated by commas.
    package var exceptions: String
    /// Told to the proxy, when it makes a tunnel, and to nobody else.
    package var connectHeaders: [HTTPHeader]

    package init(url: String, exceptions: String = "", connectHeaders: [HTTPHeader] = []) {
        (self.url, self.exceptions, self.connectHeaders) = (url, exceptions, connectHeaders)
    }

    package static let schemes = ["http", "https", "socks5", "socks5h"]
}

extension HTTPProxy {
    /// Libcurl's words with the proxy's address, without the name and the password that it may hold.
    func hidden(in detail: String) -> String { detail.replacing(url, with: URLText.origin(of: url)) }
}

extension CurlHandle {
    func set(_ proxy: HTTPProxy, for url: String) {
        set(CURLOPT_PROXY, proxy.url)
        // Also when there are none: those of the environment are of the environment's proxy.
        set(CURLOPT_NOPROXY, proxy.exceptions)
        set(CURLOPT_HEADEROPT, Int(CURLHEADER_SEPARATE))
        // Without a tunnel it would hand them on.
        if url.hasPrefix("https://"), !proxy.connectHeaders.isEmpty {
            set(CURLOPT_PROXYHEADER, proxy.connectHeaders.map { "\($0.name): \($0.value)" })
        }
    }
}
