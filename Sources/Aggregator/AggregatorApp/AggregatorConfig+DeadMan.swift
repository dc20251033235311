import Configuring
import Pinging

extension AggregatorConfig {
    /// `deadman:`, who is pinged outside while the aggregator is well.
    mutating func readDeadMan(_ reader: ConfigReader) {
        guard reader.has("deadman") else { return }
        let section = reader.section("deadman")
        defer { section.finish() }
        let url = section.requiredString("url")
        let interval = section.duration("interval", default: DeadManConfig.intervalDefault, in: .seconds(5) ... .seconds(86_400))
        let timeout = section.duration("timeout", default: DeadManConfig.timeoutDefault, in: .seconds(1) ... .seconds(60))
        guard !url.isEmpty else { return }
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            // The address is not repeated: it often holds a secret.
            return section.report("url", "this is not a web address", "write one that begins with http:// or https://, without blanks")
        }
        deadMan = DeadManConfig(url: url, interval: interval, timeout: timeout)
    }
}
