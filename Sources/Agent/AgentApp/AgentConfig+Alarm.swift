import Alarming
import Configuring
import Transferring

/// `local_receivers:`, who is told on this host while the aggregator takes nothing. Keys are Alertmanager's, as in aggregator.yaml.
extension AgentConfig {
    /// Nil: there is none.
    static func readAlarm(_ reader: ConfigReader) -> AlarmConfig? {
        guard reader.has("local_receivers") else { return nil }
        let section = reader.section("local_receivers")
        defer { section.finish() }
        let after = section.duration("after", default: AlarmLimits.after, in: AlarmLimits.afterRange)
        let receivers =
            section.sections("webhook_configs").compactMap { readWebhook($0) } + section.sections("email_configs").compactMap { readEmail($0) }
            + section.sections("command_configs").compactMap { readCommand($0) }
        if !["webhook_configs", "email_configs", "command_configs"].contains(where: { section.has($0) }) {
            section.report("", "there is no receiver", "write webhook_configs, email_configs or command_configs")
        }
        guard !receivers.isEmpty else { return nil }
        var config = AlarmConfig(after: after, receivers: receivers)
        if section.has("watch_aggregator") {
            let watch = section.section("watch_aggregator")
            config.watchAfter = watch.duration("after", default: after, in: AlarmLimits.afterRange)
            config.watchInterval = watch.duration("interval", default: AlarmLimits.watchInterval, in: AlarmLimits.watchIntervalRange)
            watch.finish()
        }
        return config
    }

    private static func readWebhook(_ reader: ConfigReader) -> AlarmConfig.Receiver? {
        defer { reader.finish() }
        let url = reader.requiredString("url")
        let (tokenFile, caFile) = (readableFile(reader, "token_file"), readableFile(reader, "ca_file"))
        guard !url.isEmpty else { return nil }
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            // The address is not repeated: it often holds a secret.
            reader.report("url", "this is not a web address", "write one that begins with http:// or https://, without blanks")
            return nil
        }
        return .webhook(AlarmConfig.Webhook(url: url, tokenFile: tokenFile, tls: TLSOptions(caFile: caFile)))
    }

    private static func readEmail(_ reader: ConfigReader) -> AlarmConfig.Receiver? {
        defer { reader.finish() }
        let host = reader.parsed("smarthost", expecting: "host:port, such as mail.example.org:587") { text -> (String, Int)? in
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port) else {
                return nil
            }
            return colon == text.startIndex ? nil : (String(text[..<colon]), port)
        }
        let (from, to) = (address(reader, "from"), address(reader, "to"))
        let requiresTLS = reader.bool("require_tls", default: true)
        let username = reader.string("auth_username")
        let (passwordFile, caFile) = (readableFile(reader, "auth_password_file"), readableFile(reader, "ca_file"))
        if !reader.has("smarthost") { reader.report("smarthost", "missing", "write smarthost: \"mail.example.org:587\"") }
        if username != nil, !reader.has("auth_password_file") {
            reader.report("auth_username", "there is no password for it", "write auth_password_file: FILE")
        }
        guard let (name, port) = host, let from, let to else { return nil }
        let server = SMTPServer(
            host: name,
            port: port,
            // As in Alertmanager: port 465 speaks TLS from the first byte.
            security: port == 465 ? .implicitTLS : requiresTLS ? .startTLS : .plain,
            username: username,
            tls: TLSOptions(caFile: caFile)
        )
        return .email(AlarmConfig.Email(server: server, passwordFile: passwordFile, from: from, to: to))
    }

    private static func readCommand(_ reader: ConfigReader) -> AlarmConfig.Receiver? {
        defer { reader.finish() }
        let arguments = reader.strings("command") ?? []
        let timeout = reader.duration("timeout", default: AlarmLimits.commandTimeout, in: AlarmLimits.commandTimeoutRange)
        guard arguments.first?.hasPrefix("/") == true else {
            reader.report("command", "there is no absolute path of a program", "write command: [/usr/local/bin/page, --now]")
            return nil
        }
        return .command(AlarmConfig.Command(arguments: arguments, timeout: timeout))
    }

    private static func address(_ reader: ConfigReader, _ key: String) -> String? {
        let text = reader.requiredString(key)
        guard !text.isEmpty else { return nil }
        do throws(TransferError) { _ = try MailAddress.list(text) } catch {
            reader.report(key, "\(error)", "write \(key): \"ops@example.org\"")
            return nil
        }
        return text
    }

    private static func readableFile(_ reader: ConfigReader, _ key: String) -> String? {
        guard let path = absolutePath(reader, key) else { return nil }
        do throws(ConfigProblem) { _ = try ConfigFile.read(path) } catch { reader.report(key, "\(path) \(error.problem)", error.remedy) }
        return path
    }
}
