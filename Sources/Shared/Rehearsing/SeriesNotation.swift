import Expressions

/// How unit tests of rules write series, as promtool reads it: a series as in PromQL, and its values apart from each other by spaces.
///
///     1 2.5 -3      values
///     _  _x5        none, none five times
///     7x3           7, and 7 three times more
///     1+2x3  1-2x3  1 3 5 7, 1 -1 -3 -5
///     stale         the series ends here
package enum SeriesNotation {
    /// The most values that one series may be written out to.
    package static let valuesMax = 1_000_000

    package struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Nil where there is no value; ``Staleness/marker`` where the series ends.
    package static func values(_ text: String) throws(Problem) -> [Double?] {
        var values = [Double?]()
        if text.contains("{{") { throw Problem(description: "native histograms are not known: write numbers") }
        for item in text.split(whereSeparator: \.isWhitespace) {
            try append(item, to: &values)
            guard values.count <= valuesMax else { throw Problem(description: "more than \(valuesMax) values in one series") }
        }
        return values
    }

    private static func append(_ item: Substring, to values: inout [Double?]) throws(Problem) {
        if item == "stale" { return values.append(Staleness.marker) }
        let (base, times) = try repeated(item)
        if base == "_" { return values.append(contentsOf: [Double?](repeating: nil, count: times ?? 1)) }
        // The sign of the step stands behind the first number; an exponent has signs of its own.
        let bytes = Array(base.utf8)
        var split = bytes.count
        for index in bytes.indices.dropFirst() where bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
            if bytes[index - 1] | 0x20 != UInt8(ascii: "e") || bytes[0] | 0x20 == UInt8(ascii: "i") {
                split = index
                break
            }
        }
        let first = String(decoding: bytes[..<split], as: UTF8.self)
        let rest = String(decoding: bytes[split...], as: UTF8.self)
        guard let start = number(first), let step = rest.isEmpty ? 0 : number(rest), rest.isEmpty || times != nil else {
            throw Problem(description: "\"\(item)\" is no value: write as in 1 _ stale 5x3 1+2x3 10-1x5")
        }
        guard (times ?? 0) < valuesMax else { throw Problem(description: "\"\(item)\" is more than \(valuesMax) values") }
        for index in 0...(times ?? 0) { values.append(start + (index == 0 ? 0 : step * Double(index))) }
    }

    /// What stands before the last x, and the number behind it; the whole where there is none.
    private static func repeated(_ item: Substring) throws(Problem) -> (Substring, Int?) {
        guard let mark = item.lastIndex(of: "x") else { return (item, nil) }
        guard let times = Int(item[item.index(after: mark)...]), times >= 0, mark > item.startIndex else {
            throw Problem(description: "\"\(item)\": behind x belongs how often, as in 1x5")
        }
        guard times <= valuesMax else { throw Problem(description: "\"\(item)\" is more than \(valuesMax) values") }
        return (item[..<mark], times)
    }

    /// Decimal only: 0x3 is nothing three times.
    private static func number(_ text: String) -> Double? {
        let digits = text.drop { $0 == "+" || $0 == "-" }
        switch digits.lowercased() {
        case "inf", "infinity": return text.hasPrefix("-") ? -.infinity : .infinity
        case "nan": return .nan
        default: return digits.allSatisfy({ $0.isNumber || ".eE+-".contains($0) }) ? Double(text) : nil
        }
    }
}
