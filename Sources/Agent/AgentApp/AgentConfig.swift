package import Alarming
package import Collecting
package import Exposing
package import Judging
package import Logging
import Rules
package import Shipping
package import Spooling
package import Tailing

/// agent.yaml, read and checked: one value for each room. Precedence: environment, file, default.
package struct AgentConfig: Sendable {
    /// `host`: what the agent calls itself; the system's host name unless told.
    package var host: String
    /// `tags`: on each event and in the list of hosts.
    package var tags: [String]
    /// `log.level`
    package var logLevel: Logger.Level
    package var spool: SpoolConfig
    /// Nil: no aggregator; the agent judges and buffers alone.
    package var shipping: ShippingConfig?
    /// `control.socket`
    package var controlSocket: String
    /// `metrics.listen`: where a Prometheus may scrape; nil: nowhere.
    package var metricsListen: ListenAddress?
    package var collect: CollectConfig
    package var tails: [TailConfig]
    package var syslog: [SyslogConfig]
    /// Nil: the journal is not read.
    package var journal: JournalConfig?
    /// `local_receivers`; nil: nobody is told on this host.
    package var alarm: AlarmConfig?
    package var judge: JudgeConfig

    /// What reading it came to.
    package enum Reading: Sendable {
        case config(AgentConfig)
        /// Each a sentence with its place.
        case mistakes([String])
    }

    /// Where the configuration of an installed agent is.
    package static let pathDefault = "/etc/tocsin/agent.yaml"
    package static let spoolPathDefault = "/var/lib/tocsin-agent"
    package static let ruleFilesDefault = "/etc/tocsin/rules.d/*.yaml"
    /// Longest host name and tag, in bytes: what the aggregator takes.
    static let nameBytesMax = 255
    static let tagsMax = 64

    package var patternsCount: Int { judge.patterns.count }
    package var rulesCount: Int { judge.groups.reduce(0) { $0 + $1.rules.count } }

    /// What counts at the next start only, by key, when the file is read again.
    func keysThatNeedARestart(against fresh: AgentConfig) -> [String] {
        var keys: [String] = []
        if host != fresh.host { keys.append("host") }
        if tags != fresh.tags { keys.append("tags") }
        if logLevel != fresh.logLevel { keys.append("log") }
        if spool != fresh.spool { keys.append("spool") }
        if controlSocket != fresh.controlSocket { keys.append("control") }
        if metricsListen != fresh.metricsListen { keys.append("metrics") }
        return keys
    }
}
