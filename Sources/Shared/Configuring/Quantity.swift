import Telemetry

/// Quantities as people write them, with their unit in the value.
package enum Quantity {
    private static let durationUnits: [(String, Int64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
        ("w", 604_800_000_000_000), ("y", 31_536_000_000_000_000),
    ]
    private static let byteUnits: [(String, UInt64)] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1000), ("KB", 1000), ("MB", 1_000_000),
        ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ]

    /// Prometheus's durations: whole numbers with units ms, s, m, h, d, w, y, largest first, each once (`1h30m`); `0` needs no unit.
    package static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = Substring(text)
        var (total, lastUnit): (Int64, Int64) = (0, .max)
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(letters.count)
            guard let number = Int64(digits), let unit = durationUnits.first(where: { $0.0 == letters })?.1, unit < lastUnit else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: unit)
            let (sum, overflowed) = total.addingReportingOverflow(product)
            if overflow || overflowed { return nil }
            (total, lastUnit) = (sum, unit)
        }
        return text.isEmpty ? nil : .nanoseconds(total)
    }

    /// `512MiB`, `1.5GiB`, `16MB`; the unit is needed. KiB and its like count in 1024s, kB and its like in 1000s.
    package static func bytes(_ text: String) -> UInt64? {
        let digits = text.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
        let letters = text.dropFirst(digits.count).drop { $0 == " " }
        guard let number = Double(digits), let unit = byteUnits.first(where: { $0.0 == letters })?.1 else { return nil }
        let count = number * Double(unit)
        return count >= 0 && count < 1e18 ? UInt64(count) : nil
    }

    /// The shortest notation that reads back as the same: `90s` is `1m30s`.
    package static func text(of duration: Duration) -> String {
        var rest = duration.wholeNanoseconds
        if rest == 0 { return "0s" }
        var text = rest < 0 ? "-" : ""
        rest = abs(rest)
        for (name, unit) in durationUnits.reversed() where name != "y" && name != "w" && rest >= unit {
            text += "\(rest / unit)\(name)"
            rest %= unit
        }
        return text
    }

    /// In the largest unit of 1024s that divides it, or with one digit: `512MiB`, `1.5GiB`.
    package static func text(ofBytes count: UInt64) -> String {
        for (name, unit) in byteUnits[..<5].reversed() where count >= unit {
            let tenths = count * 10 / unit
            return count % unit == 0 || tenths % 10 == 0 ? "\(count / unit)\(name)" : "\(tenths / 10).\(tenths % 10)\(name)"
        }
        return "0B"
    }
}

/// What must not be seen: prints as `<redacted>` and cannot be encoded.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The secret itself; for the one place that needs it.
    package let value: String

    package init(_ value: String) { self.value = value }

    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [] as [(label: String?, value: Any)]) }
}
