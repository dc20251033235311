package import Hummingbird
package import Telemetry

/// Names and values of a query string or of a form (`application/x-www-form-urlencoded`), in order. A name may come more than once.
package struct FormParameters: Sendable, Hashable {
    package struct Pair: Sendable, Hashable {
        package var name: String
        package var value: String
    }

    package private(set) var pairs: [Pair]

    /// Most parameters of one request: more than every filter with ten tags.
    package static let pairsMax = 200

    /// Throws 400 for escapes that are no hex digits, bytes that are no UTF-8, and too many parameters.
    package init(_ text: some StringProtocol) throws(Problem) {
        pairs = []
        for part in text.utf8.split(separator: UInt8(ascii: "&")) {
            guard pairs.count < Self.pairsMax else { throw .malformed("more than \(Self.pairsMax) parameters") }
            let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(halves[0])
            pairs.append(Pair(name: name, value: halves.count > 1 ? try Self.decode(halves[1]) : ""))
        }
    }

    /// Nothing given.
    package static let none = FormParameters()

    private init() { pairs = [] }

    /// Two sources as one: a form's body and the query string behind it.
    package mutating func append(contentsOf others: FormParameters) { pairs += others.pairs }

    /// Every value under one of these names (a name and its other spellings), in order.
    package func values(_ names: String...) -> [String] { pairs.filter { names.contains($0.name) }.map(\.value) }

    /// The one value under one of these names; nil when there is none or it is empty. Throws 400 when there are two.
    package func value(_ names: String...) throws(Problem) -> String? {
        let found = pairs.filter { names.contains($0.name) && !$0.value.isEmpty }
        guard found.count < 2 else { throw .malformed("the parameter \(names[0]) stands there \(found.count) times; give it once") }
        return found.first?.value
    }

    /// Throws 400 when a parameter has none of these names: a filter that is misspelt would otherwise be no filter.
    package func refuseOthers(than known: [String]) throws(Problem) {
        guard let other = pairs.first(where: { !known.contains($0.name) }) else { return }
        let items = [Problem.Item(pointer: "?\(other.name)", detail: "unknown parameter; use \(known.joined(separator: ", "))")]
        throw .malformed("unknown parameter \"\(other.name)\"", errors: items)
    }

    /// A whole number between two bounds; `fallback` when it is not given.
    package func integer(_ name: String, in range: ClosedRange<Int>, default fallback: Int) throws(Problem) -> Int {
        guard let text = try value(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw .malformed(
                "\(name)=\(text) is not a number from \(range.lowerBound) to \(range.upperBound)",
                errors: [Problem.Item(pointer: "?\(name)", detail: "write a whole number from \(range.lowerBound) to \(range.upperBound)")]
            )
        }
        return number
    }

    /// A moment as RFC 3339 or as seconds since the epoch, with or without a fraction.
    package func timestamp(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = try value(name) else { return nil }
        if let timestamp = Self.timestamp(text) { return timestamp }
        throw .malformed(
            "\(name)=\(text) is not a time",
            errors: [Problem.Item(pointer: "?\(name)", detail: "write RFC 3339 (2026-11-01T12:00:00Z) or seconds since 1970 (1793534400)")]
        )
    }

    package static func timestamp(_ text: String) -> Timestamp? {
        if let timestamp = seconds(text) { return timestamp }
        if let timestamp = Timestamp(rfc3339: text) { return timestamp }
        // An offset's plus that was not escaped arrives as a blank: 2026-11-01T12:00:00 01:00
        var bytes = Array(text.utf8)
        guard bytes.count > 6, bytes[bytes.count - 6] == UInt8(ascii: " ") else { return nil }
        bytes[bytes.count - 6] = UInt8(ascii: "+")
        return Timestamp(rfc3339: bytes.span)
    }

    /// Seconds since the epoch, exactly as written where they are written plainly: as a Double, 1435781451.781 is not a whole millisecond.
    private static func seconds(_ text: String) -> Timestamp? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if let whole = Int64(parts[0]), parts.count == 1 || parts[1].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
            let digits = parts.count == 1 ? "" : parts[1].prefix(9)
            let fraction = Int64(digits + String(repeating: "0", count: 9 - digits.count)) ?? 0
            let (scaled, tooLong) = whole.multipliedReportingOverflow(by: 1_000_000_000)
            let (sum, tooLongTogether) = scaled.addingReportingOverflow(parts[0].hasPrefix("-") ? -fraction : fraction)
            return tooLong || tooLongTogether ? nil : Timestamp(nanoseconds: sum)
        }
        return Double(text).flatMap { Timestamp(seconds: $0) }
    }

    /// Percent escapes and, as forms have it, `+` for a blank.
    static func decode(_ text: some Collection<UInt8>) throws(Problem) -> String {
        try decode(text, plusIsBlank: true)
    }

    /// A piece of a path: percent escapes only.
    package static func decode(path text: some StringProtocol) throws(Problem) -> String {
        try decode(Array(text.utf8), plusIsBlank: false)
    }

    private static func decode(_ text: some Collection<UInt8>, plusIsBlank: Bool) throws(Problem) -> String {
        var bytes = [UInt8]()
        bytes.reserveCapacity(text.count)
        var index = text.startIndex
        while index != text.endIndex {
            let byte = text[index]
            index = text.index(after: index)
            switch byte {
            case UInt8(ascii: "%"):
                guard index != text.endIndex, let high = hexValue(text[index]) else { throw badEscape }
                index = text.index(after: index)
                guard index != text.endIndex, let low = hexValue(text[index]) else { throw badEscape }
                index = text.index(after: index)
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsBlank: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .malformed("a parameter's bytes are not UTF-8") }
        return decoded
    }

    private static let badEscape = Problem.malformed("a % is not followed by two hex digits; write %25 for the sign itself")

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension Request {
    /// The query string's parameters.
    package func parameters() throws(Problem) -> FormParameters { try FormParameters(uri.query ?? "") }
}
