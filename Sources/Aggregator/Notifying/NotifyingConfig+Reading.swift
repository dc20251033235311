package import Configuring
import Transferring

/// Alertmanager's keys: `receivers`, `route`, `inhibit_rules`, `time_intervals`, `templates`, and `global` with what holds for all receivers.
/// They stand at the top of `aggregator.yaml`, or in the file that `alertmanager_config` names.
extension NotifyingConfig {
    /// Reads its part of a configuration; problems are added to the reader's, and what can be read goes on, so that all are found in one run.
    /// The caller refuses the configuration when there are any, and calls `finish()` when every room has read its keys. Without `receivers` and
    /// `route` nobody is told.
    /// - Parameter root: the reader of the whole file.
    package init(reading root: ConfigReader) {
        let file = AlertmanagerFile.reader(root)
        self.init(reading: root, alertmanager: file ?? root)
        file?.finish()
    }

    private init(reading root: ConfigReader, alertmanager source: ConfigReader) {
        let global = GlobalDefaults(reading: source.section("global"), templates: TemplateLibrary.read(source))
        let receivers = Receiver.read(source, global)
        let outbox = OutboxConfig(reading: root.section("outbox"))
        let inhibitRules = source.sections("inhibit_rules").map { InhibitRule(reading: $0) }
        let intervals = TimeInterval.readAll(source)
        guard source.has("route") || source.has("receivers") else {
            self = .silent
            (self.inhibitRules, self.outbox) = (inhibitRules, outbox)
            (timeIntervals, resolveTimeout) = (intervals, global.resolveTimeout)
            _ = OnCallSchedule.readAll(root, receivers: [])
            readHistory(root)
            return
        }
        if !source.has("route") { source.report("route", "missing, although there are receivers", "write route: {receiver: NAME}") }
        if !source.has("receivers") { source.report("receivers", "missing, although there is a route", "write receivers: [{name: NAME, …}]") }
        let rotas = OnCallSchedule.readAll(root, receivers: receivers.map(\.name))
        var count = 0
        let node = RouteTree.Node(
            reading: source.section("route"),
            receivers: receivers.map(\.name) + rotas.map { OnCallSchedule.prefix + $0.name },
            intervals: Set(intervals.keys),
            depth: 0,
            count: &count
        )
        self.init(
            receivers: receivers,
            route: RouteTree(root: node),
            inhibitRules: inhibitRules,
            timeIntervals: intervals,
            resolveTimeout: global.resolveTimeout
        )
        onCall = rotas
        readHistory(root)
        self.outbox = outbox
    }
}

// MARK: Receivers

extension Receiver {
    fileprivate static func read(_ root: ConfigReader, _ global: GlobalDefaults) -> [Receiver] {
        var names: Set<String> = []
        let all = root.sections("receivers").map { $0.string("name") ?? "" }
        let receivers = root.sections("receivers").map { reader in
            let name = reader.requiredString("name")
            if !name.isEmpty, !names.insert(name).inserted {
                reader.report("name", "\"\(name)\" is the name of another receiver too", "give each its own")
            }
            let webhooks = reader.sections("webhook_configs").map { WebhookConfig(reading: $0, global) }
            let emails = reader.sections("email_configs").map { EmailConfig(reading: $0, global) }
            let limit = reader.parsed("rate_limit", expecting: "a count and a time such as 20/1h, or off") { RouteTree.RateLimit($0) }
            AlertmanagerFile.refuseOtherKinds(reader)
            let commands = reader.sections("command_configs").map { CommandConfig(reading: $0) }
            let files = reader.sections("file_configs").map { FileConfig(reading: $0) }
            let fallback = reader.has("fallback") ? Fallback(reading: reader.section("fallback"), of: name, receivers: all) : nil
            reader.finish()
            return Receiver(
                name: name,
                webhooks: webhooks,
                emails: emails,
                commands: commands,
                files: files,
                rateLimit: limit,
                fallback: fallback
            )
        }
        Fallback.refuseCircles(root, receivers)
        return receivers
    }
}

extension WebhookConfig {
    fileprivate init(reading reader: ConfigReader, _ global: GlobalDefaults) {
        let preset = PresetConfig.read(reader, global.templates)
        let file = fileOf(reader, "url_file", isSecret: true)
        let isElsewhere = preset?.preset.addressDefault != nil || reader.has("url_file")
        let url = isElsewhere ? reader.string("url") ?? preset?.preset.addressDefault ?? "" : reader.requiredString("url")
        if reader.has("url"), file != nil { reader.report("url", "url_file is given too", "keep one of them") }
        if !url.isEmpty, !ProxyConfig.isAddress(url, ["http", "https"]) {
            // The address is not repeated: it often holds a secret.
            reader.report("url", "this is not a web address", "write one that begins with http:// or https://, without blanks")
        }
        let http = reader.has("http_config") ? HTTPClientConfig(reading: reader.section("http_config")) : global.http
        self.init(
            url: Secret(preset.map { PresetConfig.base(of: url, $0.preset) } ?? url),
            secretFile: fileOf(reader, "secret_file", isSecret: true),
            sendResolved: reader.bool("send_resolved", default: true),
            maxAlerts: reader.integer("max_alerts", default: 0, in: 0...NotifyingLimits.alertsPerNotificationMax),
            timeout: reader.duration("timeout", default: NotifyingLimits.webhookTimeout, in: .milliseconds(100) ... .seconds(300)),
            http: http
        )
        (self.preset, urlFile) = (preset, file)
        readTemplates(reader, global.templates)
        reader.finish()
    }
}

extension EmailConfig {
    fileprivate init(reading reader: ConfigReader, _ global: GlobalDefaults) {
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
        SMTPKeys.refuseOthers(reader, prefix: "auth_", username: username)
        let isOwn = password != nil || reader.has("auth_password_file")
        if reader.has("auth_username"), !isOwn, global.password == nil, global.passwordFile == nil {
            reader.report("auth_username", "there is no password for it", "write auth_password_file: FILE")
        }
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
            tls: reader.has("tls_config") ? TLSOptions(reading: reader) : global.tls,
            sendResolved: reader.bool("send_resolved", default: false),
            headers: EmailConfig.headers(reader, global.templates),
            text: templateOf(reader, "text", global.templates),
            html: templateOf(reader, "html", global.templates.page(reader.string("html")), global.templates)
        )
        implicitTLS = reader.bool("force_implicit_tls", default: port == 465)
        reader.finish()
    }

    private static func headers(_ reader: ConfigReader, _ library: TemplateLibrary) -> [(name: String, value: NotificationTemplate)] {
        var headers: [(name: String, value: NotificationTemplate)] = (reader.map("headers") ?? []).compactMap { name, value, line in
            do throws(NotificationTemplate.Malformed) {
                // What MailMessage refuses would fail at each notification: found out here, with a mail that nobody gets.
                let template = try NotificationTemplate(value, library: library)
                if name.lowercased() != "subject" { try EmailConfig.check(name) }
                return (name, template)
            } catch {
                let place = YAMLNode(.scalar(value, isPlain: false), line: line, column: 1)
                reader.report(at: place, "headers.\(name)", error.description, "write NAME: \"text or {{ .Field }}\"")
                return nil
            }
        }
        if !headers.contains(where: { $0.name.lowercased() == "subject" }), let own = templateOf(reader, "headers", library.subject, library) {
            headers.append(("Subject", own))
        }
        return headers
    }

    private static func check(_ name: String) throws(NotificationTemplate.Malformed) {
        do throws(TransferError) { try MailMessage.checkHeaderName(name) } catch {
            throw NotificationTemplate.Malformed(description: error.description)
        }
    }
}

// MARK: Values

/// `host:port`, the host perhaps in brackets.
func smarthostOf(_ reader: ConfigReader, _ key: String) -> (host: String, port: Int)? {
    reader.parsed(key, expecting: "host:port, such as mail.example.org:587") { text in
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
        return host.isEmpty || host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "@" }) ? nil : (String(host), port)
    }
}

/// Mail addresses, checked; given back as they are written.
func addressesOf(_ reader: ConfigReader, _ key: String, one: Bool) -> String? {
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
func fileOf(_ reader: ConfigReader, _ key: String, isSecret: Bool) -> String? {
    guard let path = reader.string(key).map({ AlertmanagerFile.resolve($0, beside: reader.file) }) else { return nil }
    if isSecret {
        do throws(SecretFile.Unreadable) { _ = try SecretFile.read(path) } catch { reader.report(key, error.description, "") }
    } else {
        do throws(ConfigProblem) { _ = try ConfigFile.read(path) } catch {
            reader.report(key, "\"\(path)\" \(error.problem)", error.remedy)
        }
    }
    return path
}

func templateOf(_ reader: ConfigReader, _ key: String, _ library: TemplateLibrary) -> NotificationTemplate? {
    templateOf(reader, key, reader.string(key), library)
}

/// - Parameter text: what stands under the key, or in its place.
func templateOf(_ reader: ConfigReader, _ key: String, _ text: String?, _ library: TemplateLibrary) -> NotificationTemplate? {
    guard let text else { return nil }
    do throws(NotificationTemplate.Malformed) { return try NotificationTemplate(text, library: library) } catch {
        reader.report(key, error.description, "")
        return nil
    }
}
