package import Admitting
package import Correlating
package import Counting
package import Logging
package import Notifying
package import Pinging
package import Receiving
package import Ruling
package import Storing

/// `aggregator.yaml`, read and checked. Precedence: environment (`TOCSIN_<SECTION>_<KEY>`) over file over the defaults here.
package struct AggregatorConfig: Sendable {
    /// `listen.address`.
    package var listen = ListenAddress.standard
    /// `listen.tls`. Required beyond loopback.
    package var tls: TLSFiles?
    /// `listen.external_url`: where people reach this aggregator; it stands in notifications. Without a slash at the end.
    package var externalURL = "http://127.0.0.1:8640"
    /// `storage`.
    package var storage = StorageConfig(path: AggregatorConfig.storagePathDefault)
    /// `limits.body`, `limits.inflated_body`, `limits.json_depth`, `limits.future`.
    package var receiving = ReceivingLimits()
    /// `limits.events_per_second`, `limits.burst`, `limits.agents`.
    package var admitting = AdmittingLimits()
    /// `limits.body_memory`: what the bodies of all requests together may hold, inflated ones included.
    package var bodyMemory = 256 << 20
    /// `limits.streams`: clients that may follow the live stream at once.
    package var streamsMax = 256
    /// `tokens.file` as read; nil: no token is needed, on loopback only.
    package var tokens: [TokenEntry]?
    /// `host_down`, `incidents`, `flapping`.
    package var correlating = CorrelatingConfig(path: AggregatorConfig.storagePathDefault + "/correlation.db")
    /// `deadman`; nil: nobody outside is pinged.
    package var deadMan: DeadManConfig?
    /// `limits.event_series`.
    package var counting = CountingConfig(path: AggregatorConfig.storagePathDefault + "/counting.db")
    /// `rule_files`, `evaluation_interval`, `evaluation_delay`.
    package var ruling = RulingConfig(path: AggregatorConfig.storagePathDefault + "/rules.db")
    /// `receivers`, `route`, `inhibit_rules`.
    package var notifying = NotifyingConfig.silent
    /// `log.level`.
    package var logLevel = Logger.Level.info

    package init() {}

    /// All that is wrong with a configuration, each with its file and line.
    package struct Mistakes: Error, Sendable, Hashable {
        package var sentences: [String]

        package init(sentences: [String]) { self.sentences = sentences }
    }

    package static let pathDefault = "/etc/tocsin/aggregator.yaml"
    static let storagePathDefault = "/var/lib/tocsin-aggregator"

    /// The log and the files of the other rooms in one folder, or all of it in memory (`:memory:`).
    package mutating func keepState(in path: String) {
        storage.path = path
        let folder = storage.isInMemory ? nil : path
        correlating.path = folder.map { $0 + "/correlation.db" } ?? path
        counting.path = folder.map { $0 + "/counting.db" } ?? path
        ruling.path = folder.map { $0 + "/rules.db" } ?? path
    }

    /// Sections that differ and that a running aggregator does not change.
    func keysThatNeedARestart(against fresh: AggregatorConfig) -> [String] {
        var keys: [String] = []
        if listen != fresh.listen || tls != fresh.tls || externalURL != fresh.externalURL { keys.append("listen") }
        if storage != fresh.storage { keys.append("storage") }
        let haveLimitsChanged = receiving != fresh.receiving || admitting != fresh.admitting || bodyMemory != fresh.bodyMemory
        if haveLimitsChanged || streamsMax != fresh.streamsMax { keys.append("limits") }
        if (tokens == nil) != (fresh.tokens == nil) { keys.append("tokens") }
        if logLevel != fresh.logLevel { keys.append("log") }
        return keys
    }
}
