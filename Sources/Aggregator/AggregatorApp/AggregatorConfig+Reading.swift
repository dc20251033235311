import Admitting
import Answering
package import Configuring
import Correlating
import Counting
import Logging
import Notifying
import Receiving
import Storing
import Telemetry

extension AggregatorConfig {
    /// Reads the file and what it names (tokens, certificate, key). Every mistake is added to `problems`; a default goes on in its place.
    /// - Parameters:
    ///   - path: nil: no file, only the defaults and the environment.
    ///   - environment: of the process, or a test's.
    package static func read(path: String?, environment: @escaping (String) -> String?, problems: ConfigProblems) -> AggregatorConfig {
        let root = path.flatMap { ConfigFile.load($0, problems: problems) }
        let reader = ConfigReader(root, file: path ?? "the environment", problems: problems, environment: environment)
        var config = AggregatorConfig()
        config.readListen(reader.section("listen"))
        config.readStorage(reader.section("storage"))
        config.readLimits(reader.section("limits"))
        config.readHostDown(reader.section("host_down"))
        config.readIncidents(reader.section("incidents"))
        config.readFlapping(reader.section("flapping"))
        config.readRules(reader, folder: path, problems)
        config.readTokens(reader.section("tokens"), problems)
        config.readDeadMan(reader)
        config.readLog(reader.section("log"))
        config.notifying = NotifyingConfig(reading: reader)
        let history = config.notifying.history
        (config.correlating.keepDecisionsFor, config.correlating.decisionsPerAlert) = (history.retention, history.decisionsPerAlert)
        reader.finish()
        config.checkExposure(reader.section("listen"))
        return config
    }

    private mutating func readListen(_ reader: ConfigReader) {
        let expected = "an address and a port, as 127.0.0.1:8640 or [::1]:8640"
        listen = reader.parsed("address", expecting: expected) { ListenAddress($0) } ?? listen
        if reader.has("tls") {
            let section = reader.section("tls")
            let files = TLSFiles(certificate: section.requiredString("certificate"), key: section.requiredString("key"))
            if !files.certificate.isEmpty, !files.key.isEmpty, let problem = files.problem() {
                reader.report("tls", problem, "name PEM files that this user can read")
            }
            tls = files
            section.finish()
        }
        let name = listen.host == "::" || listen.host == "0.0.0.0" ? "localhost" : listen.host
        externalURL = "\(tls == nil ? "http" : "https")://\(ListenAddress(host: name, port: listen.port))"
        let isURL = { (text: String) in text.hasPrefix("http://") || text.hasPrefix("https://") }
        if let url = reader.parsed("external_url", expecting: "an http or https address", { isURL($0) ? $0 : nil }) {
            externalURL = url.hasSuffix("/") ? String(url.dropLast()) : url
        }
        reader.finish()
    }

    private mutating func readStorage(_ reader: ConfigReader) {
        storage.path = reader.string("path", default: storage.path)
        if !storage.path.hasPrefix("/"), !storage.isInMemory {
            reader.report("path", "\"\(storage.path)\" is not an absolute path", "write one that begins with /, or \":memory:\" to keep nothing")
        }
        while storage.path.count > 1, storage.path.hasSuffix("/") { storage.path.removeLast() }
        let retention = reader.section("retention")
        let days: ClosedRange<Duration> = .seconds(60) ... .seconds(3650 * 86_400)
        storage.eventRetention = retention.duration("events", default: storage.eventRetention, in: days)
        storage.metricRetention = retention.duration("metrics", default: storage.metricRetention, in: days)
        // A tier that ends before the finer one would never be seen: what is said of one carries the coarser ones along.
        storage.minuteRetention = retention.duration("metrics_1m", default: max(storage.minuteRetention, storage.metricRetention), in: days)
        storage.hourRetention = retention.duration("metrics_1h", default: max(storage.hourRetention, storage.minuteRetention), in: days)
        if storage.minuteRetention < storage.metricRetention {
            reader.report("retention.metrics_1m", "rows of a minute would go before the samples themselves", "write at least retention.metrics")
        }
        if storage.hourRetention < storage.minuteRetention {
            reader.report("retention.metrics_1h", "rows of an hour would go before those of a minute", "write at least retention.metrics_1m")
        }
        // A list in its place is one mistake, told once.
        if let entries = retention.map("sources") {
            let sources = retention.section("sources")
            for (source, _, _) in entries { storage.sourceRetention[source] = sources.duration(source, default: storage.eventRetention, in: days) }
            sources.finish()
        }
        if storage.sourceRetention.count > StorageConfig.sourceRetentionsMax {
            let problem = "\(storage.sourceRetention.count) sources have a retention of their own, each in files of its own"
            retention.report("sources", problem, "name at most \(StorageConfig.sourceRetentionsMax)")
        }
        storage.maxSize = retention.bytes("max_size", default: storage.maxSize, in: (16 << 20)...(1 << 60))
        storage.idRetention = retention.duration("ids", default: storage.idRetention, in: .seconds(3600) ... .seconds(3650 * 86_400))
        retention.finish()
        storage.diskReserve = reader.bytes("disk_reserve", default: storage.diskReserve)
        reader.finish()
        keepState(in: storage.path)
    }

    private mutating func readLimits(_ reader: ConfigReader) {
        let rates = 0.001...1e9
        admitting.eventsPerSecond = reader.number("events_per_second", default: admitting.eventsPerSecond, in: rates)
        admitting.burst = reader.number("burst", default: admitting.burst, in: 1...1e9)
        let agents = reader.section("agents")
        admitting.agentRowsPerSecond = agents.number("events_per_second", default: admitting.agentRowsPerSecond, in: rates)
        admitting.agentBurst = agents.number("burst", default: admitting.agentBurst, in: 1...1e9)
        admitting.seriesPerAgentMax = agents.integer("series", default: admitting.seriesPerAgentMax, in: 1...1_000_000)
        agents.finish()
        counting.seriesMax = reader.integer("event_series", default: counting.seriesMax, in: 1...1_000_000)
        let sizes: ClosedRange<UInt64> = 1024...(1 << 30)
        receiving.body.bytesMax = Int(reader.bytes("body", default: UInt64(receiving.body.bytesMax), in: sizes))
        receiving.inflatedBytesMax = Int(reader.bytes("inflated_body", default: UInt64(receiving.inflatedBytesMax), in: sizes))
        receiving.jsonDepthMax = reader.integer("json_depth", default: receiving.jsonDepthMax, in: 2...128)
        bodyMemory = Int(reader.bytes("body_memory", default: UInt64(bodyMemory), in: (1 << 20)...(1 << 40)))
        let ahead: ClosedRange<Duration> = .seconds(60) ... .seconds(3650 * 86_400)
        receiving.futureMax = reader.duration("future", default: receiving.futureMax, in: ahead)
        admitting.futureMax = receiving.futureMax
        streamsMax = reader.integer("streams", default: streamsMax, in: 0...10_000)
        reader.finish()
    }

    private mutating func readTokens(_ reader: ConfigReader, _ problems: ConfigProblems) {
        if let file = reader.string("file") { tokens = TokensFile.read(file, problems: problems) }
        reader.finish()
    }

    private mutating func readLog(_ reader: ConfigReader) {
        let levels: [(String, Logger.Level)] = [("debug", .debug), ("info", .info), ("notice", .notice), ("warning", .warning), ("error", .error)]
        logLevel = reader.choice("level", levels, default: logLevel)
        reader.finish()
    }

    /// Beyond loopback everybody could read and write: both are required there.
    private func checkExposure(_ reader: ConfigReader) {
        guard !listen.isLoopback else { return }
        if tls == nil {
            reader.report(
                "address",
                "\(listen) can be reached from other machines and there is no listen.tls",
                "write tls: {certificate: FILE, key: FILE}, or listen on 127.0.0.1"
            )
        }
        if tokens == nil {
            reader.report(
                "address",
                "\(listen) can be reached from other machines and there is no tokens.file",
                "write tokens: {file: /etc/tocsin/tokens.yaml}, or listen on 127.0.0.1"
            )
        }
    }
}
