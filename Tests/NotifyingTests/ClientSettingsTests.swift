import Configuring
import JSON
import Operating
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// `http_config` against real servers: certificates, proxies, tokens, secrets in files.
@Suite struct ClientSettingsTests {
    private let folder: TemporaryFolder
    /// Of a second server.
    private let other: TemporaryFolder

    init() throws { (folder, other) = (try TemporaryFolder(), try TemporaryFolder()) }

    private func rig(_ url: String, _ http: HTTPClientConfig = HTTPClientConfig(), time: ManualTime = ManualTime()) -> ChannelRig {
        let client = HTTPClient(concurrent: 2)
        let webhook = WebhookConfig(url: Secret(url), timeout: .seconds(20), http: http)
        return ChannelRig(
            receiver: Receiver(name: "ops", webhooks: [webhook]),
            http: client,
            tokens: OAuthTokens(http: client, time: time)
        )
    }

    private func attempt(_ rig: ChannelRig) async -> String { text(await rig.attempt(ChannelRig.notification([Sample.alert("Disk", "a")])).outcome) }

    private func header(_ name: String, in record: String) throws -> String? { try JSON.parse(record)["headers"]?[name]?.string }

    // MARK: Reading

    private func read(_ http: String) throws -> (http: HTTPClientConfig?, problems: [String]) {
        let problems = ConfigProblems()
        let yaml = """
            receivers: [{name: ops, webhook_configs: [{url: 'http://h/', http_config: {\(http)}}]}]
            route: {receiver: ops}
            """
        let root = ConfigReader(try YAML.parse(yaml), file: folder("a.yaml"), problems: problems)
        let config = NotifyingConfig(reading: root)
        root.finish()
        return (config.receivers.first?.webhooks.first?.http, problems.all.map(\.description))
    }

    @Test func `what Alertmanager's http_config holds is read`() throws {
        for name in ["ca.pem", "cert.pem", "key.pem", "secret"] { try TestFiles.write("x", to: folder(name)) }
        let (config, problems) = try read(
            """
            oauth2: {client_id: id, client_secret_file: secret, scopes: [a, b], token_url: 'https://t/x', endpoint_params: {b: '2', a: '1'},
              tls_config: {insecure_skip_verify: true}, proxy_url: 'socks5://p:1080'},
            tls_config: {ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem, server_name: hooks.example.org, min_version: TLS10, max_version: TLS13},
            proxy_url: 'http://user:word@proxy:3128', no_proxy: 'localhost,10.0.0.0/8', proxy_connect_header: {X-Team: [db], X-One: a},
            follow_redirects: true, enable_http2: false, http_headers: {X-Scope: {values: [a], files: [secret]}}
            """
        )
        #expect(problems == [])
        let http = try #require(config)
        #expect(http.tls.caFile == folder("ca.pem"))
        #expect((http.tls.certificateFile, http.tls.keyFile, http.tls.serverName) == (folder("cert.pem"), folder("key.pem"), "hooks.example.org"))
        #expect((http.tls.oldestVersion, http.tls.newestVersion) == (.tls10, .tls13))
        #expect(http.proxy?.exceptions == "localhost,10.0.0.0/8")
        #expect(http.proxy?.connectHeaders == [HTTPHeader("X-Team", "db"), HTTPHeader("X-One", "a")])
        #expect(http.headers.map(\.value) == [.value(Secret("a")), .file(folder("secret"))])
        guard case .oauth(let oauth)? = http.authorization else { return issue("no oauth2") }
        #expect(!http.speaksHTTP2)
        #expect((oauth.clientSecret, oauth.scopes) == (.file(folder("secret")), ["a", "b"]))
        #expect(oauth.parameters == [HTTPHeader("a", "1"), HTTPHeader("b", "2")])
        #expect(!oauth.tls.verifiesPeer && oauth.proxy?.url.value == "socks5://p:1080")
        #expect(!"\(http)".contains("word"))
        let (token, none) = try read("authorization: {type: Token, credentials_file: secret}, proxy_from_environment: true")
        #expect(none == [])
        #expect(token?.authorization == .credentials(type: "Token", .file(folder("secret"))))
    }

    @Test(arguments: [
        ("authorization: {credentials: a}, basic_auth: {username: u}", "basic_auth: authorization is given too"),
        ("oauth2: {client_id: x, client_secret: s, token_url: 'http://t'}, bearer_token: t", "oauth2: bearer_token is given too"),
        ("authorization: {type: Basic, credentials: a}", "authorization.type: \"Basic\" wants a name too"),
        ("authorization: {type: 'a\\nb', credentials: a}", "authorization.type"), ("oauth2: {client_id: x}", "oauth2.client_secret: missing"),
        ("oauth2: {client_id: x, client_secret: s, token_url: t}", "oauth2.token_url: this is not a web address"),
        ("basic_auth: {password: x}", "basic_auth.username: missing"),
        ("basic_auth: {username: a, username_file: /etc/hostname}", "username_file is given too"),
        ("proxy_url: 'ftp://p'", "proxy_url: this is not a proxy's address"), ("no_proxy: a", "no_proxy: there is no proxy_url"),
        ("proxy_url: 'http://p', proxy_from_environment: true", "proxy_from_environment: proxy_url is given too"),
        ("tls_config: {cert_file: /etc/hostname}", "tls_config.cert_file: there is no key_file"),
        ("tls_config: {key_file: /nowhere, cert_file: /etc/hostname}", "tls_config.key_file"),
        ("tls_config: {min_version: TLS13, max_version: TLS12}", "tls_config.max_version"),
        ("tls_config: {min_version: SSL3}", "tls_config.min_version"),
        ("tls_config: {server_name: 'a/b'}", "tls_config.server_name"), ("http_headers: {Host: {values: [x]}}", "written by Tocsin itself"),
        ("http_headers: {X: {values: ['a\\nb']}}".replacing("'a\\nb'", with: "\"a\\nb\""), "http_headers.X"),
        ("http_headers: {X: {files: [/nowhere]}}", "/nowhere"), ("proxies: x", "there is no such key"),
    ])
    func `what contradicts itself or cannot be is refused`(http: String, says: String) throws {
        let (_, problems) = try read(http)
        #expect(problems.contains { $0.contains(says) }, "\(problems)")
    }

    // MARK: Certificates

    @Test func `a server that asks for a certificate gets ours, and without it nobody is told`() async throws {
        let (own, ours) = (try await TestServer.certificate(in: folder), try await TestServer.certificate(in: folder, for: "tocsin", file: "client-"))
        let server = try await TestServer.http(in: folder, certificate: own, options: ["--ca", ours.certificate, "--tls", "TLSv1_2"])
        var tls = TLSOptions(caFile: own.certificate)
        let url = "https://127.0.0.1:\(server.port)/hook"
        #expect(await attempt(rig(url, HTTPClientConfig(tls: tls))).hasPrefix("retry "))
        #expect(server.records == [])
        (tls.certificateFile, tls.keyFile) = (ours.certificate, ours.key)
        #expect(await attempt(rig(url, HTTPClientConfig(tls: tls))) == "delivered HTTP 200: ok")
        // A server that speaks no newer one than we must have.
        tls.oldestVersion = .tls13
        #expect(await attempt(rig(url, HTTPClientConfig(tls: tls))).hasPrefix("retry TLS with https://127.0.0.1:\(server.port) failed"))
        #expect(server.records.count == 1)
    }

    @Test func `server_name is whom the certificate must name, and the address stays the address`() async throws {
        let own = try await TestServer.certificate(in: folder, for: "hooks.example.org")
        let server = try await TestServer.http(in: folder, certificate: own)
        var tls = TLSOptions(caFile: own.certificate)
        let url = "https://127.0.0.1:\(server.port)/hook?a=b"
        #expect(await attempt(rig(url, HTTPClientConfig(tls: tls))).contains("TLS with"))
        tls.serverName = "other.example.org"
        #expect(await attempt(rig(url, HTTPClientConfig(tls: tls))).contains("TLS with"))
        tls.serverName = "hooks.example.org"
        #expect(await attempt(rig(url, HTTPClientConfig(tls: tls))) == "delivered HTTP 200: ok")
        #expect(try server.records.map { try header("host", in: $0) } == ["127.0.0.1:\(server.port)"])
        #expect(try JSON.parse(server.records[0])["path"]?.string == "/hook?a=b")
    }

    @Test func `without enable_http2 it is not spoken, whatever the other end says`() async throws {
        let own = try await TestServer.certificate(in: folder)
        let server = try await TestServer.http(in: folder, certificate: own, options: ["--claims-http2"])
        var http = HTTPClientConfig(tls: TLSOptions(caFile: own.certificate))
        #expect(await !attempt(rig("https://127.0.0.1:\(server.port)/hook", http)).hasPrefix("delivered"))
        http.speaksHTTP2 = false
        #expect(await attempt(rig("https://127.0.0.1:\(server.port)/hook", http)) == "delivered HTTP 200: ok")
    }

    // MARK: Proxies

    @Test func `a proxy carries plain requests and tunnels, with its password and headers, which the receiver does not see`() async throws {
        let own = try await TestServer.certificate(in: folder)
        let plain = try await TestServer.http(in: folder)
        let safe = try await TestServer.http(in: other, certificate: own)
        let proxy = try await TestServer.proxy(in: folder, options: ["--auth", "me:p w"])
        let config = ProxyConfig(url: Secret("http://me:p%20w@127.0.0.1:\(proxy.port)"), connectHeaders: [HTTPHeader("X-Team", "db")])
        var http = HTTPClientConfig(authorization: .credentials(type: "Bearer", .value(Secret("token"))), proxy: config)
        #expect(await attempt(rig("http://127.0.0.1:\(plain.port)/hook", http)) == "delivered HTTP 200: ok")
        http.tls = TLSOptions(caFile: own.certificate)
        #expect(await attempt(rig("https://127.0.0.1:\(safe.port)/hook", http)) == "delivered HTTP 200: ok")
        let asked = try proxy.records.map { try JSON.parse($0) }
        #expect(asked.last?["method"]?.string == "CONNECT")
        #expect(asked.last?["headers"]?["x-team"]?.string == "db")
        // Who only makes the tunnel learns nothing of what goes through it.
        #expect(asked.last?["headers"]?["authorization"] == nil)
        for record in plain.records + safe.records {
            #expect(try header("proxy-authorization", in: record) == nil && header("x-team", in: record) == nil)
            #expect(try header("authorization", in: record) == "Bearer token")
        }
        let count = proxy.records.count
        http.proxy?.exceptions = "127.0.0.0/8"
        #expect(await attempt(rig("https://127.0.0.1:\(safe.port)/hook", http)) == "delivered HTTP 200: ok")
        #expect(proxy.records.count == count)
    }

    @Test func `a proxy that refuses is no answer of the receiver, and its password stands in no error`() async throws {
        let own = try await TestServer.certificate(in: folder)
        let safe = try await TestServer.http(in: folder, certificate: own)
        let proxy = try await TestServer.proxy(in: folder, options: ["--auth", "me:right"])
        for url in ["http://me:wrongword@127.0.0.1:\(proxy.port)", "http://me:wrongword@127.0.0.1:1", "http://me:wrongword@proxy.invalid:3128"] {
            let http = HTTPClientConfig(tls: TLSOptions(caFile: own.certificate), proxy: ProxyConfig(url: Secret(url)))
            let outcome = await attempt(rig("https://127.0.0.1:\(safe.port)/hook", http))
            #expect(outcome.hasPrefix("retry "), "\(outcome)")
            #expect(!outcome.contains("wrongword"), "\(outcome)")
        }
        #expect(safe.records == [])
    }

    // MARK: Tokens and secrets

    private func oauth(_ port: Int, _ path: String = "/token", secret: String = "s p&c") -> OAuthConfig {
        OAuthConfig(
            clientID: "id",
            clientSecret: .value(Secret(secret)),
            scopes: ["a", "b"],
            tokenURL: "http://127.0.0.1:\(port)\(path)",
            parameters: [HTTPHeader("audience", "x y")]
        )
    }

    private func paths(_ server: TestServer) throws -> [String] { try server.records.map { try JSON.parse($0)["path"]?.string ?? "" } }

    @Test func `a token is fetched once, kept, and fetched anew when it is refused`() async throws {
        let server = try await TestServer.http(in: folder)
        let rig = rig("http://127.0.0.1:\(server.port)/guarded", HTTPClientConfig(authorization: .oauth(oauth(server.port))))
        for _ in 0..<2 { #expect(await attempt(rig) == "delivered HTTP 200: ok") }
        #expect(try paths(server) == ["/token", "/guarded", "/guarded"])
        let form = try JSON.parse(server.records[0])["body"]?.string
        #expect(form == "grant_type=client_credentials&scope=a%20b&audience=x%20y")
        _ = try await HTTPClient().perform(
            HTTPRequest(
                method: "POST",
                url: "http://127.0.0.1:\(server.port)/token/ends/60",
                headers: [
                    HTTPHeader("Authorization", "Basic " + MIMEText.base64(Array("id:s%20p%26c".utf8)))
                ],
                body: Array("grant_type=client_credentials".utf8)
            )
        )
        // Another token counts now: ours is refused, and the same delivery goes out with a new one, under its own key.
        #expect(await attempt(rig) == "delivered HTTP 200: ok")
        #expect(try paths(server).suffix(3) == ["/guarded", "/token", "/guarded"])
        let keys = try server.records.suffix(3).map { try header("idempotency-key", in: $0) }
        #expect(keys[0] == keys[2] && keys[0] != nil && keys[1] == nil)
    }

    @Test func `a token is fetched anew shortly before it ends`() async throws {
        let server = try await TestServer.http(in: folder)
        let time = ManualTime()
        let rig = rig(
            "http://127.0.0.1:\(server.port)/guarded",
            HTTPClientConfig(authorization: .oauth(oauth(server.port, "/token/ends/60"))),
            time: time
        )
        #expect(await attempt(rig) == "delivered HTTP 200: ok")
        time.advance(by: .seconds(49))
        #expect(await attempt(rig) == "delivered HTTP 200: ok")
        time.advance(by: .seconds(2))
        #expect(await attempt(rig) == "delivered HTTP 200: ok")
        #expect(try paths(server) == ["/token/ends/60", "/guarded", "/guarded", "/token/ends/60", "/guarded"])
    }

    @Test func `a token server that wants the secret in the body gets it there`() async throws {
        let server = try await TestServer.http(in: folder)
        let rig = rig("http://127.0.0.1:\(server.port)/guarded", HTTPClientConfig(authorization: .oauth(oauth(server.port, "/token/body"))))
        #expect(await attempt(rig) == "delivered HTTP 200: ok")
        #expect(try paths(server) == ["/token/body", "/token/body", "/guarded"])
    }

    @Test func `without a token nothing goes out, and no secret stands in the error`() async throws {
        let server = try await TestServer.http(in: folder)
        for config in [
            oauth(server.port, secret: "hidden word"), oauth(1, secret: "hidden word"), oauth(server.port, "/status/500", secret: "hidden word"),
        ] {
            let outcome = await attempt(rig("http://127.0.0.1:\(server.port)/guarded", HTTPClientConfig(authorization: .oauth(config))))
            #expect(outcome.hasPrefix("retry no token could be fetched"), "\(outcome)")
            #expect(!outcome.contains("hidden") && !outcome.contains("s p&c"), "\(outcome)")
        }
        let outcome = await attempt(
            rig("http://127.0.0.1:\(server.port)/guarded", HTTPClientConfig(authorization: .oauth(oauth(server.port, secret: "x"))))
        )
        #expect(outcome.contains("HTTP 401 invalid_client"), "\(outcome)")
        // One that is given and never taken ends there.
        let refused = await attempt(rig("http://127.0.0.1:\(server.port)/status/401", HTTPClientConfig(authorization: .oauth(oauth(server.port)))))
        #expect(refused.hasPrefix("failed HTTP 401: the token of oauth2"), "\(refused)")
    }

    @Test func `secrets in files count as they are now`() async throws {
        let server = try await TestServer.http(in: folder)
        try TestFiles.write("http://127.0.0.1:\(server.port)/one\n", to: folder("url"))
        try TestFiles.write("a\n", to: folder("secret"))
        var http = HTTPClientConfig(authorization: .credentials(type: "Token", .file(folder("secret"))))
        http.headers = [("X-Scope", .file(folder("secret")))]
        var rig = rig("", http)
        rig.receiver.webhooks[0].urlFile = folder("url")
        #expect(await attempt(rig) == "delivered HTTP 200: ok")
        try TestFiles.write("http://127.0.0.1:\(server.port)/two\n", to: folder("url"))
        try TestFiles.write("b\n", to: folder("secret"))
        rig.receiver.webhooks[0].http.authorization = .basic(BasicAuth(username: .file(folder("secret")), password: .file(folder("secret"))))
        #expect(await attempt(rig) == "delivered HTTP 200: ok")
        #expect(try paths(server) == ["/one", "/two"])
        #expect(try server.records.map { try header("authorization", in: $0) } == ["Token a", "Basic Yjpi"])
        #expect(try server.records.map { try header("x-scope", in: $0) } == ["a", "b"])
        try TestFiles.write("ftp://secret-place/\n", to: folder("url"))
        let outcome = await attempt(rig)
        #expect(outcome.hasPrefix("retry the file") && !outcome.contains("secret-place"), "\(outcome)")
    }
}
