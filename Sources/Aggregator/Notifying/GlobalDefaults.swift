import Configuring
import Transferring

/// Alertmanager's `global`: what holds for receivers that say nothing else.
struct GlobalDefaults {
    let smarthost: (host: String, port: Int)?
    let from, hello, username: String?
    let password: Secret?
    let passwordFile: String?
    let requireTLS: Bool
    let resolveTimeout: Duration
    let http: HTTPClientConfig
    /// Of mail servers.
    let tls: TLSOptions
    /// What the files under `templates` define.
    let templates: TemplateLibrary

    /// Keys for receivers of kinds that are not spoken here: a configuration that holds them for nobody loads as it is.
    private static let ofOtherKinds = [
        "slack_api_url", "slack_api_url_file", "pagerduty_url", "opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file", "wechat_api_url",
        "wechat_api_secret", "wechat_api_corp_id", "victorops_api_url", "victorops_api_key", "victorops_api_key_file", "telegram_api_url",
        "webex_api_url", "rocketchat_api_url", "rocketchat_token", "rocketchat_token_file", "rocketchat_token_id", "rocketchat_token_id_file",
        "jira_api_url", "slack_app_token", "slack_app_token_file", "slack_app_url", "telegram_bot_token", "telegram_bot_token_file",
        "wechat_api_secret_file", "mattermost_webhook_url", "mattermost_webhook_url_file",
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
        http = HTTPClientConfig(reading: reader.section("http_config"))
        tls = TLSOptions(reading: reader, key: "smtp_tls_config")
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
