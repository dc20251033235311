import Configuring
import Transferring

extension HTTPClientConfig {
    /// Alertmanager's keys; see prometheus.io/docs/alerting/latest/configuration/#http_config.
    init(reading reader: ConfigReader) {
        self.init(tls: TLSOptions(reading: reader), proxy: ProxyConfig.read(reader))
        var given: [(key: String, authorization: Authorization)] = []
        if let token = HTTPClientConfig.token(reader) { given.append((reader.has("authorization") ? "authorization" : "bearer_token", token)) }
        if let basic = HTTPClientConfig.basicAuth(reader) { given.append(("basic_auth", .basic(basic))) }
        if reader.has("oauth2"), let oauth = OAuthConfig(reading: reader.section("oauth2")) { given.append(("oauth2", .oauth(oauth))) }
        if given.count > 1 { reader.report(given[1].key, "\(given[0].key) is given too", "keep one of them") }
        authorization = given.first?.authorization
        readHeaders(reader)
        // Redirects are never followed, because a body goes where it was configured to go.
        _ = reader.bool("follow_redirects", default: false)
        speaksHTTP2 = reader.bool("enable_http2", default: true)
        reader.finish()
    }

    /// `authorization`, or `bearer_token` as it was called before.
    private static func token(_ reader: ConfigReader) -> Authorization? {
        let section = reader.section("authorization")
        let type = section.string("type", default: "Bearer")
        if type.lowercased() == "basic" {
            section.report("type", "\"\(type)\" wants a name too", "write basic_auth: {username: …, password_file: …}")
        }
        check(type, "") { _ in section.report("type", "\"\(type)\" is not one word", "write one, as Bearer") }
        let credentials = secretOf(section, "credentials")
        section.finish()
        let old = secretOf(reader, "bearer_token")
        if credentials != nil, old != nil { reader.report("bearer_token", "authorization is given too", "keep one of them") }
        return (credentials ?? old).map { .credentials(type: credentials == nil ? "Bearer" : type, $0) }
    }

    private static func basicAuth(_ parent: ConfigReader) -> BasicAuth? {
        guard parent.has("basic_auth") else { return nil }
        let reader = parent.section("basic_auth")
        let username = secretOf(reader, "username")
        if username == nil, !reader.has("username_file") { reader.report("username", "missing", "write username: NAME") }
        let basic = BasicAuth(username: username ?? .value(Secret("")), password: secretOf(reader, "password") ?? .value(Secret("")))
        reader.finish()
        return basic
    }

    /// `http_headers: {NAME: {values: […], secrets: […], files: […]}}`
    private mutating func readHeaders(_ parent: ConfigReader) {
        let reader = parent.section("http_headers")
        for entry in parent.value("http_headers")?.mapping ?? [] {
            let section = reader.section(entry.key)
            HTTPClientConfig.check(entry.key, "") { reader.report(entry.key, $0, "write NAME: {values: [text]}") }
            if HTTPClientConfig.ownHeaders.contains(entry.key.lowercased()) {
                reader.report(entry.key, "the header \(entry.key) is written by Tocsin itself", "remove it")
            }
            for value in (section.strings("values") ?? []) + (section.strings("secrets") ?? []) {
                HTTPClientConfig.check(entry.key, value) { reader.report(entry.key, $0, "write it in one line") }
                headers.append((entry.key, .value(Secret(value))))
            }
            for (path, _) in section.located("files") ?? [] {
                let path = AlertmanagerFile.resolve(path, beside: parent.file)
                do throws(SecretFile.Unreadable) { _ = try SecretFile.read(path) } catch { section.report("files", error.description, "") }
                headers.append((entry.key, .file(path)))
            }
            section.finish()
        }
        reader.finish()
    }

    /// Headers that no configuration writes.
    static let ownHeaders: Set<String> = ["idempotency-key", "content-length", "host", "transfer-encoding", "x-tocsin-signature"]

    static func check(_ name: String, _ value: String, _ refuse: (String) -> Void) {
        do throws(TransferError) { try HTTPHeader(name, value).check() } catch { refuse(error.description) }
    }
}

extension OAuthConfig {
    fileprivate init?(reading reader: ConfigReader) {
        let secret = secretOf(reader, "client_secret")
        if secret == nil, !reader.has("client_secret_file") { reader.report("client_secret", "missing", "write client_secret_file: FILE") }
        let url = reader.requiredString("token_url")
        if !url.isEmpty, !ProxyConfig.isAddress(url, ["http", "https"]) {
            reader.report("token_url", "this is not a web address", "write one that begins with http:// or https://, without blanks")
        }
        let parameters = (reader.map("endpoint_params") ?? []).map { HTTPHeader($0.key, $0.value) }.sorted { $0.name < $1.name }
        self.init(
            clientID: reader.requiredString("client_id"),
            clientSecret: secret ?? .value(Secret("")),
            scopes: reader.strings("scopes") ?? [],
            tokenURL: url,
            parameters: parameters,
            tls: TLSOptions(reading: reader),
            proxy: ProxyConfig.read(reader)
        )
        reader.finish()
    }
}

extension ProxyConfig {
    static func isAddress(_ url: String, _ schemes: [String]) -> Bool {
        schemes.contains { url.hasPrefix($0 + "://") && url.utf8.count > $0.utf8.count + 3 } && !url.utf8.contains { $0 <= 0x20 || $0 == 0x7F }
    }

    /// `proxy_url`, `no_proxy`, `proxy_connect_header`; without them, and with `proxy_from_environment`, the environment decides.
    static func read(_ reader: ConfigReader) -> ProxyConfig? {
        let (url, exceptions) = (reader.string("proxy_url"), reader.string("no_proxy"))
        let isFromEnvironment = reader.bool("proxy_from_environment", default: false)
        var headers: [HTTPHeader] = []
        for entry in reader.value("proxy_connect_header")?.mapping ?? [] {
            for value in reader.section("proxy_connect_header").strings(entry.key, orOne: true) ?? [] {
                HTTPClientConfig.check(entry.key, value) { reader.report("proxy_connect_header", $0, "write NAME: [text]") }
                headers.append(HTTPHeader(entry.key, value))
            }
        }
        guard let url, !url.isEmpty else {
            if exceptions != nil, !isFromEnvironment { reader.report("no_proxy", "there is no proxy_url", "write proxy_url: http://proxy:3128") }
            return nil
        }
        if isFromEnvironment { reader.report("proxy_from_environment", "proxy_url is given too", "keep one of them") }
        if !isAddress(url, HTTPProxy.schemes) {
            // Not repeated: it may hold a password.
            reader.report("proxy_url", "this is not a proxy's address", "write one that begins with http://, https:// or socks5://")
        }
        return ProxyConfig(url: Secret(url), exceptions: exceptions ?? "", connectHeaders: headers)
    }
}

extension TLSOptions {
    /// `tls_config`.
    init(reading parent: ConfigReader, key: String = "tls_config") {
        let reader = parent.section(key)
        let versions = TLSOptions.Version.allCases.map { ($0.rawValue, $0) }
        self.init(
            caFile: fileOf(reader, "ca_file", isSecret: false),
            verifiesPeer: !reader.bool("insecure_skip_verify", default: false),
            certificateFile: fileOf(reader, "cert_file", isSecret: false),
            keyFile: fileOf(reader, "key_file", isSecret: false),
            serverName: reader.string("server_name").flatMap { $0.isEmpty ? nil : $0 },
            oldestVersion: reader.choice("min_version", versions, default: .tls12)
        )
        if reader.has("max_version") { newestVersion = reader.choice("max_version", versions, default: .tls13) }
        if let newestVersion, newestVersion.rawValue < oldestVersion.rawValue {
            reader.report("max_version", "\(newestVersion.rawValue) is older than min_version (\(oldestVersion.rawValue))", "write a newer one")
        }
        if reader.has("cert_file") != reader.has("key_file") {
            let (there, missing) = reader.has("cert_file") ? ("cert_file", "key_file") : ("key_file", "cert_file")
            reader.report(there, "there is no \(missing)", "write both: a certificate is nothing without its key")
        }
        if let name = serverName, name.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || "/:@?#%[]".utf8.contains($0) }) {
            reader.report("server_name", "\"\(name)\" is not a host's name", "write the name that the certificate holds")
        }
        reader.finish()
    }
}

/// A secret under `key`, or a file under `key` and `_file`.
func secretOf(_ reader: ConfigReader, _ key: String) -> SecretText? {
    let (value, file) = (reader.secret(key), fileOf(reader, "\(key)_file", isSecret: true))
    if value != nil, file != nil { reader.report(key, "\(key)_file is given too", "keep one of them; the file is safer") }
    return file.map { .file($0) } ?? value.map { .value($0) }
}
