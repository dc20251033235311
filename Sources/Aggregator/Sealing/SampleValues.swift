import Blocks

// A run of values. Most are decimal numbers of few digits: times a power of ten they are whole.
//
// values := kind (1 byte), then
//   kind & 7 = 0  whole, divided by 10^(kind >> 3 & 15); when kind & 128: varint n, n × (varint index since the one before, 8 bytes), the values
//                 that are no decimal numbers (NaN, the staleness marker, infinities, -0, long fractions), whose place in the numbers means nothing;
//                 then numbers
//              1  bits: the bits of the values as numbers
//              2  equal, value by value, to the column kind >> 3 of this chunk
//              3  equal to the count of each row times its minimum (columns 0 and 1)
//              4  as 0, but whole times 10^-(…), which is another double now and then: who counts milliseconds and multiplies by 0.001, as exporters do
//                 with disk times, makes those

enum Decimals {
    /// Exact, so that dividing by them rounds once.
    static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15]
    /// The doubles nearest to the inverse powers.
    static let inverses: [Double] = [1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15]
    private static let wholeMax = 9_007_199_254_740_992.0

    /// `value × power` when that is whole and gives back exactly this value.
    @inline(__always)
    static func whole(_ value: Double, _ power: Double) -> Int64? {
        let scaled = value * power
        guard scaled.magnitude < wholeMax else { return nil }
        let whole = Int64(scaled + (scaled < 0 ? -0.5 : 0.5))
        return (Double(whole) / power).bitPattern == value.bitPattern ? whole : nil
    }

    /// The same for a value that was made by multiplying with the inverse.
    @inline(__always)
    static func multiplied(_ value: Double, _ exponent: Int) -> Int64? {
        let scaled = value * powers[exponent]
        guard scaled.magnitude < wholeMax else { return nil }
        let whole = Int64(scaled + (scaled < 0 ? -0.5 : 0.5))
        return (Double(whole) * inverses[exponent]).bitPattern == value.bitPattern ? whole : nil
    }

    /// The power of ten whose inverse makes all of the finite values from whole numbers; nil when there is none.
    static func inverseExponent(of values: Span<Double>) -> Int? {
        for exponent in [3, 6, 9, 2, 1] {
            var isWanted = values.count > 0
            for index in 0..<values.count where values[index].isFinite && multiplied(values[index], exponent) == nil {
                isWanted = false
                break
            }
            if isWanted { return exponent }
        }
        return nil
    }

    /// The least power of ten that makes most of the values whole; nil when more than an eighth of them are no such numbers.
    static func exponent(of values: Span<Double>) -> Int? {
        var (exponent, odd, power) = (0, 0, 1.0)
        for index in 0..<values.count {
            let value = values[index]
            if exponent == 0, value.magnitude < wholeMax, Double(Int64(value)).bitPattern == value.bitPattern { continue }
            if whole(value, power) != nil { continue }
            var larger = exponent + 1
            while larger < powers.count, whole(value, powers[larger]) == nil { larger += 1 }
            if larger < powers.count {
                (exponent, power) = (larger, powers[larger])
            } else {
                odd += 1
                if odd > 2 + index / 8 { return nil }
            }
        }
        return odd == values.count || odd > 2 + values.count / 8 ? nil : exponent
    }
}

extension PageEncoder {
    /// - Parameter scratch: room for the whole numbers, kept between calls.
    mutating func append(_ values: Span<Double>, scratch: inout [Int64]) {
        scratch.removeAll(keepingCapacity: true)
        scratch.reserveCapacity(values.count)
        guard let exponent = Decimals.exponent(of: values) else {
            guard let inverse = Decimals.inverseExponent(of: values), appendWhole(values, inverse, isMultiplied: true, scratch: &scratch) else {
                return appendBits(values, scratch: &scratch)
            }
            return
        }
        // A greater power of ten can leave no room for great values.
        if !appendWhole(values, exponent, isMultiplied: false, scratch: &scratch) { appendBits(values, scratch: &scratch) }
    }

    /// False when too many are no such numbers; nothing is written then.
    private mutating func appendWhole(_ values: Span<Double>, _ exponent: Int, isMultiplied: Bool, scratch: inout [Int64]) -> Bool {
        var odd = [(index: Int, bits: UInt64)]()
        var last: Int64?
        let power = Decimals.powers[exponent]
        for index in 0..<values.count {
            let number = isMultiplied ? Decimals.multiplied(values[index], exponent) : Decimals.whole(values[index], power)
            guard let whole = number else {
                odd.append((index, values[index].bitPattern))
                scratch.append(last ?? 0)
                continue
            }
            if last == nil { for place in scratch.indices { scratch[place] = whole } }
            scratch.append(whole)
            last = whole
        }
        guard odd.count <= 2 + values.count / 8, last != nil else {
            scratch.removeAll(keepingCapacity: true)
            return false
        }
        if !odd.isEmpty, !isMultiplied, let inverse = Decimals.inverseExponent(of: values) {
            scratch.removeAll(keepingCapacity: true)
            return appendWhole(values, inverse, isMultiplied: true, scratch: &scratch)
        }
        append(byte: UInt8(exponent << 3) | (isMultiplied ? 4 : 0) | (odd.isEmpty ? 0 : 128))
        if !odd.isEmpty {
            append(varint: UInt64(odd.count))
            var previous = 0
            for place in odd {
                append(varint: UInt64(place.index - previous))
                append(word: place.bits)
                previous = place.index
            }
        }
        append(scratch.span)
        return true
    }

    private mutating func appendBits(_ values: Span<Double>, scratch: inout [Int64]) {
        append(byte: 1)
        for index in 0..<values.count { scratch.append(Int64(bitPattern: values[index].bitPattern)) }
        append(scratch.span)
    }

    mutating func appendSame(as column: Int) { append(byte: UInt8(2 | column << 3)) }
    mutating func appendProduct() { append(byte: 3) }
}

extension PageDecoder {
    /// `count` values, at least one.
    /// - Parameter columns: the columns of this chunk that came before.
    mutating func values(_ count: Int, columns: [[Double]] = [], scratch: inout [Int64]) throws(BlockError) -> [Double] {
        let kind = try byte()
        switch kind & 7 {
        case 0, 4:
            var odd = [(index: Int, bits: UInt64)]()
            if kind & 128 != 0 {
                let oddCount = try varint()
                guard oddCount <= UInt64(count) else { throw .malformed("\(oddCount) odd values of \(count)") }
                var index: UInt64 = 0
                for _ in 0..<oddCount {
                    index &+= try varint()
                    guard index < UInt64(count) else { throw .malformed("an odd value at \(index) of \(count)") }
                    odd.append((Int(index), try word()))
                }
            }
            scratch.removeAll(keepingCapacity: true)
            try numbers(count, into: &scratch)
            let exponent = Int(kind >> 3 & 15)
            var values = [Double]()
            values.reserveCapacity(count)
            if kind & 7 == 4 {
                for number in scratch { values.append(Double(number) * Decimals.inverses[exponent]) }
            } else if exponent == 0 {
                for number in scratch { values.append(Double(number)) }
            } else {
                let power = Decimals.powers[exponent]
                for number in scratch { values.append(Double(number) / power) }
            }
            for place in odd { values[place.index] = Double(bitPattern: place.bits) }
            return values
        case 1:
            scratch.removeAll(keepingCapacity: true)
            try numbers(count, into: &scratch)
            return scratch.map { Double(bitPattern: UInt64(bitPattern: $0)) }
        case 2:
            let column = Int(kind >> 3)
            guard column < columns.count else { throw .malformed("a column equal to column \(column) of \(columns.count)") }
            return columns[column]
        case 3:
            guard columns.count >= 2 else { throw .malformed("a product of columns that are not there") }
            return zip(columns[0], columns[1]).map { $0 * $1 }
        default: throw .malformed("values of kind \(kind)")
        }
    }
}
