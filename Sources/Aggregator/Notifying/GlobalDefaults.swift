import Configuring

/// Alertmanager's `global`: what holds for receivers that say nothing else.
struct GlobalDefaults {
    let smarthost: (host: String, port: Int)?
    let from, hello, username: String?
    let password: Secret?
    let passwordFile: String?
    let requireTLS: Bool
    let resolveTimeout: Duration
    let http: HTTPConfig
    /// What the files under `templates` define.
    let templates: TemplateLibrary

    /// Keys for receivers of kinds that are not spoken here: a configuration that holds them for nobody loads as it is.
    private static let ofOtherKinds = [
        "slack_api_url", "slack_api_url_file", "pagerduty_url", "opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file", "wechat_api_url",
        "wechat_api_secret", "wechat_api_corp_id", "victorops_api_url", "victorops_api_key", "victorops_api_key_file", "telegram_api_url",
        "webex_api_url", "rocketchat_api_url", "jira_api_url",
    ]

    init(reading reader: ConfigReader, templates: TemplateLibrary) {
        self.templates = templates
        smarthost = smarthostOf(reader, "smtp_smarthost")
        from = addressesOf(reader, "smtp_from", one: true)
        hello = reader.string("smtp_hello")
        username = reader.string("smtp_auth_username")
        password = reader.secret("smtp_auth_password")
        passwordFile = fileOf(reader, "smtp_auth_password_file", isSecret: true)
        requireTLS = reader.bool("smtp_require_tls", default: true)
        resolveTimeout = reader.duration(
            "resolve_timeout",
            default: NotifyingConfig.resolveTimeoutDefault,
            in: .seconds(1) ... .seconds(7 * 86_400)
        )
        http = HTTPConfig(reading: reader.section("http_config"))
        if password != nil, passwordFile != nil {
            reader.report("smtp_auth_password", "smtp_auth_password_file is given too", "keep one of them; the file is safer")
        }
        SMTPKeys.refuseOthers(reader, prefix: "smtp_auth_", username: username)
        for key in GlobalDefaults.ofOtherKinds { _ = reader.has(key) }
        reader.finish()
    }
}

/// Ways to log in at a mail server that are not spoken here.
enum SMTPKeys {
    /// An identity of its own (RFC 4616) and CRAM-MD5 would otherwise be left out silently, and no mail go out.
    static func refuseOthers(_ reader: ConfigReader, prefix: String, username: String?) {
        if let identity = reader.string(prefix + "identity"), !identity.isEmpty, identity != username {
            reader.report(prefix + "identity", "logging in for somebody else is not spoken here", "remove it")
        }
        if reader.has(prefix + "secret") {
            reader.report(prefix + "secret", "CRAM-MD5 is not spoken here", "write \(prefix)password_file: FILE")
        }
    }
}

/// Alertmanager's `http_config`, as far as webhooks know it.
struct HTTPConfig {
    let bearerToken: Secret?
    let bearerTokenFile: String?
    let basicAuth: BasicAuth?
    let caFile: String?
    let insecureSkipVerify: Bool

    private static let unknown: [(key: String, remedy: String)] = [
        ("oauth2", "give a token under authorization"), ("proxy_url", "set https_proxy in the service's environment"),
        ("proxy_connect_header", "remove it"),
    ]

    init(reading reader: ConfigReader) {
        let authorization = reader.section("authorization")
        _ = authorization.parsed("type", expecting: "Bearer") { $0.lowercased() == "bearer" ? true : nil }
        var (token, file) = (authorization.secret("credentials"), fileOf(authorization, "credentials_file", isSecret: true))
        authorization.finish()
        // As they were called before `authorization`.
        if let old = reader.secret("bearer_token") { token = token ?? old }
        if let old = fileOf(reader, "bearer_token_file", isSecret: true) { file = file ?? old }
        if token != nil, file != nil {
            let section = reader.has("authorization") ? authorization : reader
            section.report("credentials", "credentials_file is given too", "keep one of them; the file is safer")
        }
        let basic = HTTPConfig.basicAuth(reader)
        if basic != nil, token != nil || file != nil {
            reader.report("basic_auth", "authorization is given too", "keep one of them")
        }
        for (key, remedy) in HTTPConfig.unknown where reader.has(key) { reader.report(key, "this is not spoken here", remedy) }
        // Redirects are never followed, because a body goes where it was configured to go; HTTP/2 is spoken with whoever speaks it.
        _ = (reader.bool("follow_redirects", default: false), reader.bool("enable_http2", default: true))
        let tls = TLSConfig(reading: reader)
        (bearerToken, bearerTokenFile, basicAuth) = (token, file, basic)
        (caFile, insecureSkipVerify) = (tls.caFile, tls.insecureSkipVerify)
        reader.finish()
    }

    private static func basicAuth(_ parent: ConfigReader) -> BasicAuth? {
        guard parent.has("basic_auth") else { return nil }
        let reader = parent.section("basic_auth")
        let (password, file) = (reader.secret("password"), fileOf(reader, "password_file", isSecret: true))
        if password != nil, file != nil { reader.report("password", "password_file is given too", "keep one of them; the file is safer") }
        let basic = BasicAuth(username: reader.requiredString("username"), password: password, passwordFile: file)
        reader.finish()
        return basic
    }
}

/// `tls_config`.
struct TLSConfig {
    let caFile: String?
    let insecureSkipVerify: Bool

    init(reading parent: ConfigReader) {
        let reader = parent.section("tls_config")
        caFile = fileOf(reader, "ca_file", isSecret: false)
        insecureSkipVerify = reader.bool("insecure_skip_verify", default: false)
        for key in ["cert_file", "key_file", "server_name"] where reader.has(key) {
            reader.report(key, "client certificates and other names of servers are not spoken here", "remove it")
        }
        _ = reader.choice("min_version", ["TLS10", "TLS11", "TLS12", "TLS13"].map { ($0, $0) }, default: "TLS12")
        reader.finish()
    }
}
