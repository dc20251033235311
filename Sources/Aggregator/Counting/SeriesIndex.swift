import Telemetry

/// Where the series of a label set stands: texts have numbers, and the numbers of a label set are one word.
struct SeriesIndex: Sendable {
    /// Bits of a text's number; of more texts than that the rest is not found, and counted as `other`.
    private static let bits = 20

    private var numbers: [String: UInt64] = [EventCounts.other: 0]
    private var places: [UInt64: Int] = [:]

    /// Nil: no label set has this text.
    func number(of text: String) -> UInt64? { numbers[text] }

    /// Nil: a text has no number.
    static func packed(_ source: UInt64?, _ type: UInt64?, _ host: UInt64?, _ severity: Severity, _ isLate: Bool) -> UInt64? {
        guard let source, let type, let host else { return nil }
        return source << 44 | type << 24 | host << 4 | UInt64(severity.rawValue) << 1 | (isLate ? 1 : 0)
    }

    subscript(packed: UInt64) -> Int? { places[packed] }

    func number(of key: EventCounts.Key) -> Int? {
        Self.packed(numbers[key.source], numbers[key.type], numbers[key.host], key.severity, key.isLate).flatMap { places[$0] }
    }

    /// - Returns: false when there is no number left for one of its texts, or the label set is here already.
    mutating func insert(_ key: EventCounts.Key, as place: Int) -> Bool {
        for text in [key.source, key.type, key.host] where numbers[text] == nil {
            guard numbers.count < 1 << Self.bits else { return false }
            numbers[text] = UInt64(numbers.count)
        }
        guard let packed = Self.packed(numbers[key.source], numbers[key.type], numbers[key.host], key.severity, key.isLate), places[packed] == nil
        else {
            return false
        }
        places[packed] = place
        return true
    }
}
