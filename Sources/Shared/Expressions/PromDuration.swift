/// Prometheus's notation of durations: `5m`, `1h30m`, `9d`, `100ms`; units y, w, d, h, m, s, ms in this order, each once.
package enum PromDuration {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("y", 365 * 86_400_000_000_000), ("w", 7 * 86_400_000_000_000), ("d", 86_400_000_000_000), ("h", 3_600_000_000_000),
        ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000),
    ]

    /// Nil for anything else, and for what is longer than ``ExpressionLimits/durationMax``.
    package static func parse(_ text: some StringProtocol) -> Duration? {
        if text == "0" { return .zero }
        var bytes = Array(text.utf8)[...]
        guard !bytes.isEmpty else { return nil }
        let longest = ExpressionLimits.durationMax.components.seconds * 1_000_000_000
        var (total, nextUnit): (Int64, Int) = (0, 0)
        while !bytes.isEmpty {
            let digits = bytes.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            guard !digits.isEmpty, let number = Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
            bytes = bytes.dropFirst(digits.count)
            let name = bytes.prefix { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
            bytes = bytes.dropFirst(name.count)
            guard let unit = units[nextUnit...].firstIndex(where: { $0.name.utf8.elementsEqual(name) }) else { return nil }
            nextUnit = unit + 1
            let (product, overflow) = number.multipliedReportingOverflow(by: units[unit].nanoseconds)
            guard !overflow, product <= longest, total + product <= longest else { return nil }
            total += product
        }
        return .nanoseconds(total)
    }

    /// The shortest notation that means the same; parts below a millisecond are left out.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        if milliseconds == 0 { return "0s" }
        var text = milliseconds < 0 ? "-" : ""
        milliseconds = abs(milliseconds)
        for unit in units {
            let size = unit.nanoseconds / 1_000_000
            // As Prometheus prints them: years and weeks only where nothing is left over.
            if size > 86_400_000, milliseconds % size != 0 { continue }
            if milliseconds >= size {
                text += "\(milliseconds / size)" + unit.name
                milliseconds %= size
            }
        }
        return text
    }
}
