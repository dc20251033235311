// A run of whole numbers (timestamps, or values times a power of ten) as the differences from what was foretold.
//
// numbers  := zigzag first, mode (1 byte); unless constant: varint unit, and for modes 0…3 zigzag bias — all in the page's heads;
//             then for each number but the first the zigzag of its difference, through the coder.
// unit     : each number is first + unit × y; y is what is coded. y of the first is 0.
// mode 0   : y is foretold as bias                              (a gauge that wavers about a level)
//      1   : y is foretold as the y before + bias               (a counter, a clock)
//      2   : as the y before + what it grew by then; at first bias
//      3   : as the y before + a running mean of its growth; at first bias
//      4   : as a running mean of y                             (a gauge that wavers and drifts)
//      5   : all are equal to the first
// A running mean m is kept in sixteenths: m += (16 × x - m) / 8, rounded down. All arithmetic wraps at 64 bits.

enum NumberMode: UInt8 {
    case level = 0, growth, steady, smoothGrowth, smoothLevel, constant
}

/// Foretells numbers; the same steps in writing and in reading.
struct Forecast {
    private let mode: NumberMode
    private let bias: Int64
    private var last: Int64 = 0
    private var growth: Int64
    private var mean: Int64

    init(_ mode: NumberMode, bias: Int64) {
        (self.mode, self.bias, growth) = (mode, bias, bias)
        mean = mode == .smoothGrowth ? bias &<< 4 : 0
    }

    @inline(__always)
    var next: Int64 {
        switch mode {
        case .level: bias
        case .growth: last &+ bias
        case .steady: last &+ growth
        case .smoothGrowth: last &+ mean &>> 4
        case .smoothLevel: mean &>> 4
        case .constant: 0
        }
    }

    @inline(__always)
    mutating func append(_ number: Int64) {
        switch mode {
        case .level, .constant: break
        case .growth: last = number
        case .steady:
            growth = number &- last
            last = number
        case .smoothGrowth:
            mean = mean &+ ((number &- last) &<< 4 &- mean) &>> 3
            last = number
        case .smoothLevel: mean = mean &+ (number &<< 4 &- mean) &>> 3
        }
    }
}

@inline(__always)
func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value &<< 1 ^ value &>> 63) }

@inline(__always)
func unzigzag(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }

enum Numbers {
    /// The greatest unit in which all differences from the first can be counted; 0 when all are equal. For differences that do not fit, 1.
    static func unit(of numbers: Span<Int64>) -> UInt64 {
        let first = numbers[0]
        var unit: UInt64 = 0
        for index in 1..<max(1, numbers.count) {
            let (difference, overflow) = numbers[index].subtractingReportingOverflow(first)
            if overflow { return 1 }
            unit = greatestCommonDivisor(unit, difference.magnitude)
            if unit == 1 { return 1 }
        }
        return unit
    }

    @inline(__always)
    private static func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
        if b == 0 { return a }
        if a == 0 { return b }
        // Mostly the unit is known already and divides.
        var (a, b) = (a, b % a)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    /// The mode that takes the fewest bits, and its bias.
    static func choose(_ y: Span<Int64>) -> (NumberMode, bias: Int64) {
        let (level, growth) = (middle(y, differences: false), middle(y, differences: true))
        var forecasts = (
            Forecast(.level, bias: level), Forecast(.growth, bias: growth), Forecast(.steady, bias: growth), Forecast(.smoothGrowth, bias: growth),
            Forecast(.smoothLevel, bias: 0)
        )
        var costs = (0, 0, 0, 0, 0)
        for index in 1..<y.count {
            let number = y[index]
            costs.0 += cost(number &- forecasts.0.next)
            costs.1 += cost(number &- forecasts.1.next)
            costs.2 += cost(number &- forecasts.2.next)
            costs.3 += cost(number &- forecasts.3.next)
            costs.4 += cost(number &- forecasts.4.next)
            forecasts.1.append(number)
            forecasts.2.append(number)
            forecasts.3.append(number)
            forecasts.4.append(number)
        }
        let least = min(costs.0, costs.1, costs.2, costs.3, costs.4)
        if costs.1 == least { return (.growth, growth) }
        if costs.0 == least { return (.level, level) }
        if costs.3 == least { return (.smoothGrowth, growth) }
        if costs.4 == least { return (.smoothLevel, 0) }
        return (.steady, growth)
    }

    /// About twice the bits that a difference takes: which class costs two or so, zero nearly nothing.
    @inline(__always)
    private static func cost(_ difference: Int64) -> Int {
        let bits = 64 - zigzag(difference).leadingZeroBitCount
        return bits == 0 ? 1 : 2 * bits + 2
    }

    /// The median of some of the numbers, or of their growth.
    private static func middle(_ y: Span<Int64>, differences: Bool) -> Int64 {
        guard y.count > 1 else { return 0 }
        let step = max(1, (y.count - 1) / 31)
        var picked = [Int64]()
        picked.reserveCapacity(64)
        for index in stride(from: 1, to: y.count, by: step) { picked.append(differences ? y[index] &- y[index - 1] : y[index]) }
        picked.sort()
        return picked[picked.count / 2]
    }
}
