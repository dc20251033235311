import HTTPTypes
import Operating
import Synchronization
import Telemetry

/// The fields that every answer to a short post has, as they are written: made once a second, because one of them is the `Date`.
final class CommonFields: Sendable {
    private let time: any TimeSource
    private let last = Mutex((second: Int64.min, bytes: [UInt8]()))

    init(_ time: any TimeSource) { self.time = time }

    /// With a line end behind each.
    func bytes() -> [UInt8] {
        let second = time.now().nanoseconds / 1_000_000_000
        return last.withLock { last in
            if last.second != second { last = (second, Self.bytes(second)) }
            return last.bytes
        }
    }

    private static func bytes(_ second: Int64) -> [UInt8] {
        let fields = DoorGuard.protection + [HTTPField(name: .date, value: date(second)), HTTPField(name: .server, value: Door.serverName)]
        return fields.flatMap { Array("\($0.name.rawName): \($0.value)\r\n".utf8) }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
    /// - Parameter seconds: since the epoch, not before it.
    static func date(_ seconds: Int64) -> String {
        let date = CivilDate(daysSinceEpoch: seconds / 86_400)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(two).joined(separator: ":")
        return "\(days[Int(date.weekday)]), \(two(date.day)) \(months[Int(date.month) - 1]) \(date.year) \(clock) GMT"
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
