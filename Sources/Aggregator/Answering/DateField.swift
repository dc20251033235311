import Operating
import Synchronization
import Telemetry

/// The `Date` of an answer, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7): written once a second.
final class DateField: Sendable {
    private let time: any TimeSource
    private let last = Mutex((second: Int64.min, text: ""))

    init(_ time: any TimeSource) { self.time = time }

    func text() -> String {
        let second = time.now().nanoseconds / 1_000_000_000
        return last.withLock { last in
            if last.second != second { last = (second, Self.text(second)) }
            return last.text
        }
    }

    /// - Parameter seconds: since the epoch, not before it.
    static func text(_ seconds: Int64) -> String {
        let date = CivilDate(daysSinceEpoch: seconds / 86_400)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(two).joined(separator: ":")
        return "\(days[Int(date.weekday)]), \(two(date.day)) \(months[Int(date.month) - 1]) \(date.year) \(clock) GMT"
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
