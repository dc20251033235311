import Configuring
import Operating
import Telemetry

/// How people write moments on a command line.
enum Moments {
    /// RFC 3339, seconds since 1970, `now`, or how long ago: `15m`, `2h30m`.
    static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        if text == "now" { return now }
        if let moment = Timestamp(rfc3339: text) { return moment }
        if let seconds = Double(text) { return Timestamp(seconds: seconds) }
        return Quantity.duration(text).map { now.advanced(by: .zero - $0) }
    }

    /// The moment as the aggregator reads it; nil for nil.
    static func text(of option: String?, named name: String, now: Timestamp = SystemTime().now()) throws -> String? {
        guard let option else { return nil }
        guard let moment = parse(option, now: now) else {
            throw Failure("\(name) \"\(option)\" is no time: write 2026-11-01T12:00:00Z, seconds since 1970, or how long ago, as 15m")
        }
        return moment.rfc3339
    }
}
