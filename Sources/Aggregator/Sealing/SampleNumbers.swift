import Blocks

// A run of whole numbers (timestamps, or values times a power of ten) as the differences from what was foretold.
//
// numbers  := zigzag first, mode (1 byte); unless constant: varint unit, and for modes 0…2 zigzag bias — all in the page's heads;
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

/// One number after the other into a page: heads apart from the differences.
struct PageEncoder: ~Copyable {
    private(set) var heads: [UInt8] = []
    private var coder = NumberEncoder()
    private var scaled: [Int64] = []
    /// Numbers written since the page began.
    private(set) var count = 0

    init() {}

    mutating func append(byte: UInt8) { heads.append(byte) }
    mutating func append(varint: UInt64) { heads.appendVarint(varint) }
    mutating func append(word: UInt64) { heads.appendLittleEndian(word) }

    /// - Precondition: there is at least one.
    mutating func append(_ numbers: Span<Int64>) {
        count += numbers.count
        heads.appendZigzag(numbers[0])
        let unit = Numbers.unit(of: numbers)
        guard unit > 0 else { return heads.append(NumberMode.constant.rawValue) }
        let first = numbers[0]
        scaled.removeAll(keepingCapacity: true)
        scaled.reserveCapacity(numbers.count)
        // Where a difference does not fit into 64 bits it wraps, and wraps back in reading.
        if unit == 1 {
            for index in 0..<numbers.count { scaled.append(numbers[index] &- first) }
        } else if unit.nonzeroBitCount == 1 {
            let shift = Int64(unit.trailingZeroBitCount)
            for index in 0..<numbers.count { scaled.append((numbers[index] - first) >> shift) }
        } else {
            let unit = Int64(unit)
            for index in 0..<numbers.count { scaled.append((numbers[index] - first) / unit) }
        }
        let (mode, bias) = Numbers.choose(scaled.span)
        heads.append(mode.rawValue)
        heads.appendVarint(unit)
        if mode != .smoothLevel { heads.appendZigzag(bias) }
        var forecast = Forecast(mode, bias: bias)
        for index in 1..<scaled.count {
            let number = scaled[index]
            coder.append(zigzag(number &- forecast.next))
            forecast.append(number)
        }
    }

    /// The page; the encoder begins the next one.
    mutating func finish(level: Int32) -> [UInt8] {
        let (coded, plain) = coder.finish()
        let frame = Frames.compress(heads, level: level)
        var page = [UInt8]()
        page.reserveCapacity(heads.count + coded.count + plain.count + 24)
        page.appendVarint(UInt64(heads.count))
        page.appendVarint(UInt64(frame?.count ?? 0))
        page.appendVarint(UInt64(coded.count))
        page += frame ?? heads
        page += coded
        page += plain
        (heads, count) = ([], 0)
        return page
    }
}

/// Reads what a ``PageEncoder`` wrote, in the same order.
struct PageDecoder: ~Copyable {
    private let heads: [UInt8]
    private var cursor: ByteCursor
    private var coder: NumberDecoder

    init(_ page: [UInt8]) throws(SealedError) {
        let (heads, coded) = try PageDecoder.heads(of: page)
        self.heads = heads
        cursor = ByteCursor(0..<heads.count)
        coder = NumberDecoder(page, coded: coded, plain: coded.upperBound..<page.count)
    }

    private static func heads(of page: [UInt8]) throws(SealedError) -> (heads: [UInt8], coded: Range<Int>) {
        do throws(BlockError) {
            var cursor = ByteCursor(0..<page.count)
            let (length, framed, coded) = (try cursor.varint(in: page.span), try cursor.varint(in: page.span), try cursor.varint(in: page.span))
            guard length <= 1 << 30, coded <= UInt64(page.count), framed <= UInt64(page.count) else {
                throw .malformed("a page's lengths do not fit")
            }
            let heads: [UInt8]
            if framed > 0 {
                let frame = try cursor.take(Int(framed))
                guard let unpacked = Frames.decompress(Array(page[frame]), length: Int(length)) else {
                    throw .malformed("a page's heads are damaged")
                }
                heads = unpacked
            } else {
                heads = Array(page[try cursor.take(Int(length))])
            }
            return (heads, try cursor.take(Int(coded)))
        } catch {
            throw .damaged("a page of samples: \(error)")
        }
    }

    mutating func byte() throws(BlockError) -> UInt8 {
        let heads = heads
        return try cursor.byte(in: heads.span)
    }

    mutating func varint() throws(BlockError) -> UInt64 {
        let heads = heads
        return try cursor.varint(in: heads.span)
    }

    mutating func word() throws(BlockError) -> UInt64 {
        let heads = heads
        return try cursor.littleEndian64(in: heads.span)
    }

    /// Appends `count` numbers, at least one.
    mutating func numbers(_ count: Int, into numbers: inout [Int64]) throws(BlockError) {
        let heads = heads
        let first = try cursor.zigzag(in: heads.span)
        let code = try cursor.byte(in: heads.span)
        guard let mode = NumberMode(rawValue: code) else { throw .malformed("a run of numbers in mode \(code)") }
        guard mode != .constant else {
            numbers.append(contentsOf: repeatElement(first, count: count))
            return
        }
        let unit = Int64(bitPattern: try cursor.varint(in: heads.span))
        let bias = mode == .smoothLevel ? 0 : try cursor.zigzag(in: heads.span)
        var forecast = Forecast(mode, bias: bias)
        numbers.reserveCapacity(numbers.count + count)
        numbers.append(first)
        for _ in 1..<max(1, count) {
            let number = forecast.next &+ unzigzag(coder.number())
            forecast.append(number)
            numbers.append(first &+ number &* unit)
        }
    }

    var isAtEnd: Bool { cursor.isAtEnd }
}
