package import Configuring
import Transferring

/// Alertmanager's keys. At the top: `receivers`, `route`, `inhibit_rules`, and `global` with `smtp_…` defaults for `email_configs`.
extension NotifyingConfig {
    /// Reads its part of a configuration; problems are added to the reader's, and what can be read goes on, so that all are found in one run.
    /// The caller refuses the configuration when there are any, and calls `finish()` when every room has read its keys. Without `receivers` and
    /// `route` nobody is told.
    /// - Parameter root: the reader of the whole file.
    package init(reading root: ConfigReader) {
        let global = SMTPDefaults(reading: root.section("global"))
        let receivers = Receiver.read(root, global)
        let inhibitRules = root.sections("inhibit_rules").map { InhibitRule(reading: $0) }
        guard root.has("route") || root.has("receivers") else {
            self = .silent
            self.inhibitRules = inhibitRules
            return
        }
        if !root.has("route") { root.report("route", "missing, although there are receivers", "write route: {receiver: NAME}") }
        if !root.has("receivers") { root.report("receivers", "missing, although there is a route", "write receivers: [{name: NAME, …}]") }
        var count = 0
        let node = RouteTree.Node(reading: root.section("route"), receivers: receivers.map(\.name), depth: 0, count: &count)
        self.init(receivers: receivers, route: RouteTree(root: node), inhibitRules: inhibitRules)
    }
}

/// `global`'s keys for mail, as in Alertmanager.
private struct SMTPDefaults {
    let smarthost: (host: String, port: Int)?
    let from, hello, username: String?
    let password: Secret?
    let passwordFile: String?
    let requireTLS: Bool

    init(reading reader: ConfigReader) {
        smarthost = smarthostOf(reader, "smtp_smarthost")
        from = addressesOf(reader, "smtp_from", one: true)
        hello = reader.string("smtp_hello")
        username = reader.string("smtp_auth_username")
        password = reader.secret("smtp_auth_password")
        passwordFile = fileOf(reader, "smtp_auth_password_file", isSecret: true)
        requireTLS = reader.bool("smtp_require_tls", default: true)
        if password != nil, passwordFile != nil {
            reader.report("smtp_auth_password", "smtp_auth_password_file is given too", "keep one of them; the file is safer")
        }
        reader.finish()
    }
}

// MARK: Receivers

extension Receiver {
    fileprivate static func read(_ root: ConfigReader, _ global: SMTPDefaults) -> [Receiver] {
        var names: Set<String> = []
        return root.sections("receivers").map { reader in
            let name = reader.requiredString("name")
            if !name.isEmpty, !names.insert(name).inserted {
                reader.report("name", "\"\(name)\" is the name of another receiver too", "give each its own")
            }
            let webhooks = reader.sections("webhook_configs").map { WebhookConfig(reading: $0) }
            let emails = reader.sections("email_configs").map { EmailConfig(reading: $0, global) }
            reader.finish()
            return Receiver(name: name, webhooks: webhooks, emails: emails)
        }
    }
}

extension WebhookConfig {
    fileprivate init(reading reader: ConfigReader) {
        let url = reader.requiredString("url")
        let isWeb = url.hasPrefix("http://") || url.hasPrefix("https://")
        if !url.isEmpty, !isWeb || url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            // The address is not repeated: it often holds a secret.
            reader.report("url", "this is not a web address", "write one that begins with http:// or https://, without blanks")
        }
        let http = reader.section("http_config")
        let authorization = http.section("authorization")
        _ = authorization.parsed("type", expecting: "Bearer") { $0 == "Bearer" ? true : nil }
        let (token, tokenFile) = (authorization.secret("credentials"), fileOf(authorization, "credentials_file", isSecret: true))
        if token != nil, tokenFile != nil {
            authorization.report("credentials", "credentials_file is given too", "keep one of them; the file is safer")
        }
        authorization.finish()
        let tls = TLSConfig(reading: http)
        http.finish()
        self.init(
            url: Secret(url),
            secretFile: fileOf(reader, "secret_file", isSecret: true),
            sendResolved: reader.bool("send_resolved", default: true),
            maxAlerts: reader.integer("max_alerts", default: 0, in: 0...NotifyingLimits.alertsPerNotificationMax),
            timeout: reader.duration("timeout", default: NotifyingLimits.webhookTimeout, in: .milliseconds(100) ... .seconds(300)),
            bearerToken: token,
            bearerTokenFile: tokenFile,
            caFile: tls.caFile,
            insecureSkipVerify: tls.insecureSkipVerify
        )
        reader.finish()
    }
}

extension EmailConfig {
    fileprivate init(reading reader: ConfigReader, _ global: SMTPDefaults) {
        if !reader.has("to") { reader.report("to", "missing", "write to: \"ops@example.org\"") }
        let to = addressesOf(reader, "to", one: false)
        let from = addressesOf(reader, "from", one: true) ?? global.from
        if from == nil, !reader.has("from") { reader.report("from", "missing", "write from: \"tocsin@example.org\", or smtp_from under global") }
        let smarthost = smarthostOf(reader, "smarthost") ?? global.smarthost
        if smarthost == nil, !reader.has("smarthost") {
            reader.report("smarthost", "missing", "write smarthost: \"mail.example.org:587\", or smtp_smarthost under global")
        }
        let username = reader.string("auth_username") ?? global.username
        let (password, passwordFile) = (reader.secret("auth_password"), fileOf(reader, "auth_password_file", isSecret: true))
        if password != nil, passwordFile != nil {
            reader.report("auth_password", "auth_password_file is given too", "keep one of them; the file is safer")
        }
        let isOwn = password != nil || reader.has("auth_password_file")
        if reader.has("auth_username"), !isOwn, global.password == nil, global.passwordFile == nil {
            reader.report("auth_username", "there is no password for it", "write auth_password_file: FILE")
        }
        let tls = TLSConfig(reading: reader)
        self.init(
            to: to ?? "",
            from: from ?? "",
            host: smarthost?.host ?? "",
            port: smarthost?.port ?? 25,
            hello: reader.string("hello") ?? global.hello,
            requireTLS: reader.bool("require_tls", default: global.requireTLS),
            username: username,
            password: isOwn ? password : global.password,
            passwordFile: isOwn ? passwordFile : global.passwordFile,
            caFile: tls.caFile,
            insecureSkipVerify: tls.insecureSkipVerify,
            sendResolved: reader.bool("send_resolved", default: false),
            headers: EmailConfig.headers(reader),
            text: templateOf(reader, "text"),
            html: templateOf(reader, "html")
        )
        reader.finish()
    }

    private static func headers(_ reader: ConfigReader) -> [(name: String, value: NotificationTemplate)] {
        (reader.map("headers") ?? []).compactMap { name, value, line in
            do throws(NotificationTemplate.Malformed) {
                // What MailMessage refuses would fail at each notification: found out here, with a mail that nobody gets.
                let template = try NotificationTemplate(value)
                if name.lowercased() != "subject" { try EmailConfig.check(name) }
                return (name, template)
            } catch {
                let place = YAMLNode(.scalar(value, isPlain: false), line: line, column: 1)
                reader.report(at: place, "headers.\(name)", error.description, "write NAME: \"text or {{ .Field }}\"")
                return nil
            }
        }
    }

    private static func check(_ name: String) throws(NotificationTemplate.Malformed) {
        do throws(TransferError) { try MailMessage.checkHeaderName(name) } catch {
            throw NotificationTemplate.Malformed(description: error.description)
        }
    }
}

/// `tls_config`.
private struct TLSConfig {
    let caFile: String?
    let insecureSkipVerify: Bool

    init(reading parent: ConfigReader) {
        let reader = parent.section("tls_config")
        caFile = fileOf(reader, "ca_file", isSecret: false)
        insecureSkipVerify = reader.bool("insecure_skip_verify", default: false)
        reader.finish()
    }
}

// MARK: Values

/// `host:port`, the host perhaps in brackets.
private func smarthostOf(_ reader: ConfigReader, _ key: String) -> (host: String, port: Int)? {
    reader.parsed(key, expecting: "host:port, such as mail.example.org:587") { text in
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
        return host.isEmpty || host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "@" }) ? nil : (String(host), port)
    }
}

/// Mail addresses, checked; given back as they are written.
private func addressesOf(_ reader: ConfigReader, _ key: String, one: Bool) -> String? {
    guard let text = reader.string(key) else { return nil }
    do throws(TransferError) {
        let addresses = try MailAddress.list(text)
        if addresses.isEmpty { reader.report(key, "there is no address", "write name@example.org") }
        if one, addresses.count > 1 { reader.report(key, "there are \(addresses.count) addresses", "write one") }
        if addresses.count > TransferLimits.recipientsMax {
            reader.report(key, "there are \(addresses.count) addresses", "write at most \(TransferLimits.recipientsMax), or the address of a list")
        }
    } catch {
        reader.report(key, error.description, "")
    }
    return text
}

/// A file that must be readable now, so that a wrong path shows at the start and not at the first alert.
private func fileOf(_ reader: ConfigReader, _ key: String, isSecret: Bool) -> String? {
    guard let path = reader.string(key) else { return nil }
    if isSecret {
        do throws(SecretFile.Unreadable) { _ = try SecretFile.read(path) } catch { reader.report(key, error.description, "") }
    } else {
        do throws(ConfigProblem) { _ = try ConfigFile.read(path) } catch {
            reader.report(key, "\"\(path)\" \(error.problem)", error.remedy)
        }
    }
    return path
}

private func templateOf(_ reader: ConfigReader, _ key: String) -> NotificationTemplate? {
    guard let text = reader.string(key) else { return nil }
    do throws(NotificationTemplate.Malformed) { return try NotificationTemplate(text) } catch {
        reader.report(key, error.description, "")
        return nil
    }
}
