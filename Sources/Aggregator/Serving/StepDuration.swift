/// A duration as Prometheus's interface takes it: seconds with or without a fraction (`15`, `0.5`), or with units (`1h30m`, `500ms`).
enum StepDuration {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("y", 31_536_000_000_000_000), ("w", 604_800_000_000_000), ("d", 86_400_000_000_000), ("h", 3_600_000_000_000),
        ("m", 60_000_000_000), ("s", 1_000_000_000),
    ]

    /// Nil for anything else, and for what does not fit into 292 years.
    static func parse(_ text: String) -> Duration? {
        if let seconds = Double(text) {
            guard seconds.isFinite, abs(seconds) < 9e9 else { return nil }
            return .nanoseconds(Int64((seconds * 1e9).rounded()))
        }
        var rest = Substring(text)
        var sum: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            guard let unit = units.first(where: { rest.hasPrefix($0.name) }) else { return nil }
            rest = rest.dropFirst(unit.name.count)
            let (part, tooLong) = number.multipliedReportingOverflow(by: unit.nanoseconds)
            let (total, tooLongTogether) = sum.addingReportingOverflow(part)
            guard !tooLong, !tooLongTogether else { return nil }
            sum = total
        }
        return text.isEmpty ? nil : .nanoseconds(sum)
    }
}
