import Configuring
import JSON
import Telemetry
import Transferring

extension CommandConfig {
    init(reading reader: ConfigReader) {
        let command = reader.strings("command") ?? []
        if command.isEmpty {
            reader.report("command", "missing", "write command: [/usr/local/bin/page, --now]")
        } else if !command[0].hasPrefix("/") {
            reader.report(
                "command",
                "\"\(command[0])\" is not an absolute path",
                "write the program's whole path: there is no shell that would look for it"
            )
        }
        self.init(
            command: command,
            timeout: reader.duration("timeout", default: NotifyingLimits.commandTimeout, in: .milliseconds(100) ... .seconds(300)),
            sendResolved: reader.bool("send_resolved", default: true)
        )
        reader.finish()
    }
}

extension FileConfig {
    init(reading reader: ConfigReader) {
        let path = reader.requiredString("path")
        if !path.isEmpty, !path.hasPrefix("/") { reader.report("path", "\"\(path)\" is not an absolute path", "write one that begins with /") }
        self.init(path: path, sendResolved: reader.bool("send_resolved", default: true))
        reader.finish()
    }
}

extension Fallback {
    init(reading reader: ConfigReader, of name: String, receivers: [String]) {
        let receiver = reader.requiredString("receiver")
        if !receiver.isEmpty, !receivers.contains(receiver) {
            reader.report("receiver", "there is no receiver \"\(receiver)\"", "write the name of one under receivers")
        } else if receiver == name {
            reader.report("receiver", "\"\(name)\" cannot stand in for itself", "write the name of another receiver")
        }
        let after: ClosedRange<Duration> = .seconds(1) ... .seconds(7 * 86_400)
        self.init(receiver: receiver, after: reader.duration("after", default: NotifyingLimits.fallbackAfter, in: after))
        reader.finish()
    }
}

extension Fallback {
    /// Two that stand in for each other would tell each other for ever.
    static func refuseCircles(_ root: ConfigReader, _ receivers: [Receiver]) {
        let next = Dictionary(receivers.compactMap { one in one.fallback.map { (one.name, $0.receiver) } }) { first, _ in first }
        for start in receivers.map(\.name) where next[start] != start {
            var (name, chain) = (start, [start])
            while let following = next[name], chain.count <= receivers.count {
                if following == start {
                    let path = (chain + [start]).joined(separator: " → ")
                    root.report("receivers", "fallbacks go in a circle: \(path)", "take one of them out")
                    return
                }
                chain.append(following)
                name = following
            }
        }
    }
}

extension OutboxConfig {
    init(reading reader: ConfigReader) {
        self.init()
        retryFor = reader.duration("retry_for", default: retryFor, in: .seconds(60) ... .seconds(90 * 86_400))
        breakerFailures = reader.integer("breaker_failures", default: breakerFailures, in: 1...1000)
        breakerWait = reader.duration("breaker_wait", default: breakerWait, in: .milliseconds(10) ... .seconds(3600))
        breakerWaitMax = reader.duration("breaker_wait_max", default: max(breakerWaitMax, breakerWait), in: breakerWait ... .seconds(3600))
        digestAfter = reader.duration("digest_after", default: digestAfter, in: .zero ... .seconds(86_400))
        digestAbove = reader.integer("digest_above", default: digestAbove, in: 1...NotifyingLimits.pendingPerChannelMax)
        reader.finish()
    }
}

extension PresetConfig {
    /// `preset` and its own keys; nil without one.
    static func read(_ reader: ConfigReader, _ library: TemplateLibrary) -> PresetConfig? {
        let words = WebhookPreset.allCases.map(\.rawValue).joined(separator: ", ")
        guard let preset = reader.parsed("preset", expecting: "one of \(words)", { WebhookPreset(rawValue: $0) }) else { return nil }
        var config = PresetConfig(preset)
        if let key = preset.secretKey {
            (config.secret, config.secretFile) = (reader.secret(key), fileOf(reader, "\(key)_file", isSecret: true))
            if config.secret == nil, config.secretFile == nil, !reader.has("\(key)_file") {
                reader.report(key, "missing", "write \(key)_file: FILE, or \(key): …")
            } else if config.secret != nil, config.secretFile != nil {
                reader.report(key, "\(key)_file is given too", "keep one of them; the file is safer")
            }
        }
        if let key = preset.targetKey { config.target = reader.requiredString(key) }
        (config.title, config.text) = (templateOf(reader, "title", library), templateOf(reader, "text", library))
        return config
    }

    /// The part of an address that is the same for all requests: people write it with the path that they read in the provider's documentation.
    static func base(of url: String, _ preset: WebhookPreset) -> String {
        var base = url
        while base.hasSuffix("/"), preset != .slack, preset != .discord, preset != .teams { base.removeLast() }
        if preset == .opsgenie, base.hasSuffix("/v2/alerts") { base.removeLast("/v2/alerts".count) }
        return base
    }
}

extension WebhookConfig {
    /// `body`, `content_type` and `headers`.
    mutating func readTemplates(_ reader: ConfigReader, _ library: TemplateLibrary) {
        body = templateOf(reader, "body", library)
        contentType = reader.string("content_type", default: contentType)
        HTTPClientConfig.check("Content-Type", contentType) { reader.report("content_type", $0, "write a media type, as application/json") }
        for (name, value, line) in reader.map("headers") ?? [] {
            let place = YAMLNode(.scalar(value, isPlain: false), line: line, column: 1)
            func refuse(_ problem: String) { reader.report(at: place, "headers.\(name)", problem, "write NAME: \"text or {{ .Field }}\"") }
            HTTPClientConfig.check(name, "", refuse)
            if HTTPClientConfig.ownHeaders.contains(name.lowercased()) {
                refuse("the header \(name) is written by Tocsin itself")
            }
            do throws(NotificationTemplate.Malformed) { headers.append((name, try NotificationTemplate(value, library: library))) } catch {
                refuse(error.description)
            }
        }
        let sample = Notification.sample(for: "sample")
        if let body, case .failure(let problem) = body.renderJSON(sample, externalURL: "http://tocsin", at: sample.alerts[0].startsAt) {
            reader.report("body", "with a sample notification it cannot be used: \(problem)", "write a JSON text with templates inside its strings")
        }
    }
}
