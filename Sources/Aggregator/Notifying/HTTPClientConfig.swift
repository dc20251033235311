package import Configuring
package import Transferring

/// Alertmanager's `http_config`: how a server is reached, and how we prove to it who we are.
package struct HTTPClientConfig: Sendable, Hashable {
    package enum Authorization: Sendable, Hashable {
        /// `Authorization: TYPE CREDENTIALS`
        case credentials(type: String, SecretText)
        case basic(BasicAuth)
        case oauth(OAuthConfig)
    }

    package var authorization: Authorization?
    package var tls = TLSOptions()
    package var proxy: ProxyConfig?
    package var speaksHTTP2 = true
    /// Besides ours.
    package var headers: [(name: String, value: SecretText)] = []

    package init(authorization: Authorization? = nil, tls: TLSOptions = TLSOptions(), proxy: ProxyConfig? = nil) {
        (self.authorization, self.tls, self.proxy) = (authorization, tls, proxy)
    }

    package static func == (a: HTTPClientConfig, b: HTTPClientConfig) -> Bool {
        a.authorization == b.authorization && a.tls == b.tls && a.proxy == b.proxy && a.speaksHTTP2 == b.speaksHTTP2
            && a.headers.map(\.name) == b.headers.map(\.name)
            && a.headers.map(\.value) == b.headers.map(\.value)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(authorization)
        hasher.combine(tls)
    }
}

/// A secret, or the file that holds it, which is read each time.
package enum SecretText: Sendable, Hashable {
    case value(Secret)
    case file(String)

    /// As it is now.
    func bytes() throws(SecretFile.Unreadable) -> [UInt8] {
        switch self {
        case .value(let secret): Array(secret.value.utf8)
        case .file(let path): try SecretFile.read(path)
        }
    }

    func text() throws(SecretFile.Unreadable) -> String { String(decoding: try bytes(), as: UTF8.self) }
}

/// A name and a password, as RFC 7617 has them.
package struct BasicAuth: Sendable, Hashable {
    package var username: SecretText
    package var password: SecretText

    package init(username: SecretText, password: SecretText) { (self.username, self.password) = (username, password) }

    package init(username: String, password: Secret) { self.init(username: .value(Secret(username)), password: .value(password)) }

    /// The header's value, with the password as it is now.
    func header() throws(SecretFile.Unreadable) -> String {
        "Basic " + MIMEText.base64(try username.bytes() + [UInt8(ascii: ":")] + password.bytes())
    }
}

/// `proxy_url` and what belongs to it.
package struct ProxyConfig: Sendable, Hashable {
    /// May hold a name and a password.
    package var url: Secret
    package var exceptions: String
    package var connectHeaders: [HTTPHeader]

    package init(url: Secret, exceptions: String = "", connectHeaders: [HTTPHeader] = []) {
        (self.url, self.exceptions, self.connectHeaders) = (url, exceptions, connectHeaders)
    }

    var proxy: HTTPProxy { HTTPProxy(url: url.value, exceptions: exceptions, connectHeaders: connectHeaders) }
}

/// `oauth2`: the credentials of a client (RFC 6749 §4.4) for which its server gives a token.
package struct OAuthConfig: Sendable, Hashable {
    package var clientID: String
    package var clientSecret: SecretText
    package var scopes: [String]
    package var tokenURL: String
    /// Sent along; sorted by name.
    package var parameters: [HTTPHeader]
    package var tls: TLSOptions
    package var proxy: ProxyConfig?

    package init(
        clientID: String,
        clientSecret: SecretText,
        scopes: [String] = [],
        tokenURL: String,
        parameters: [HTTPHeader] = [],
        tls: TLSOptions = TLSOptions(),
        proxy: ProxyConfig? = nil
    ) {
        (self.clientID, self.clientSecret, self.scopes, self.tokenURL) = (clientID, clientSecret, scopes, tokenURL)
        (self.parameters, self.tls, self.proxy) = (parameters, tls, proxy)
    }
}
