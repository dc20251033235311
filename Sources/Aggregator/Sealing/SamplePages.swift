import Blocks

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
        let frame = Zstd.compress(heads, level: level)
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
                guard let unpacked = Zstd.decompress(Array(page[frame]), length: Int(length)) else {
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
