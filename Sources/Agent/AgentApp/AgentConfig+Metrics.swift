import Configuring
import Exposing

extension AgentConfig {
    /// `metrics.listen`; nil: nobody can scrape this agent.
    static func readMetrics(_ reader: ConfigReader) -> ListenAddress? {
        defer { reader.finish() }
        let expected = "an address and a port: \"127.0.0.1:9100\", \"[::1]:9100\", or \":9100\" for every address"
        return reader.parsed("listen", expecting: expected) { ListenAddress($0) }
    }
}
