/// Reads what a ``NumberEncoder`` wrote. Damaged bytes give wrong numbers, never a trap: checksums stand before it.
struct NumberDecoder: ~Copyable {
    private var models = BitModels()
    private var context = NumberContext()
    private let bytes: [UInt8]
    private var next: Int
    private let codedEnd: Int
    private let plainStart: Int
    private var plainBit = 0
    private var code: UInt32 = 0
    private var range = UInt32.max

    /// - Precondition: the ranges lie in `bytes`.
    init(_ bytes: [UInt8], coded: Range<Int>, plain: Range<Int>) {
        precondition(coded.lowerBound >= 0 && coded.upperBound <= bytes.count && plain.upperBound <= bytes.count, "ranges inside the page")
        (self.bytes, next, codedEnd, plainStart) = (bytes, coded.lowerBound, coded.upperBound, plain.lowerBound)
        for _ in 0..<4 { code = code << 8 | UInt32(byte()) }
    }

    @inline(__always)
    mutating func number() -> UInt64 {
        guard bit(context.zero) else {
            context.append(0)
            return 0
        }
        let tree = context.tree
        var node = 1
        for _ in 0..<6 { node = node << 1 | (bit(tree + node) ? 1 : 0) }
        let size = node - 63
        var number: UInt64 = 1
        if size > 1 {
            let lead = NumberContext.lead(size)
            let first = bit(lead + 1)
            number = number << 1 | (first ? 1 : 0)
            if size > 2 {
                number = number << 1 | (bit(lead + (first ? 3 : 2)) ? 1 : 0)
                if size > 3 { number = number << UInt64(size - 3) | bits(size - 3) }
            }
        }
        context.append(size)
        return number
    }

    @inline(__always)
    private mutating func bit(_ index: Int) -> Bool {
        let bound = (range >> 12) &* models.chance(index)
        let isOne = code < bound
        if isOne {
            range = bound
        } else {
            code &-= bound
            range &-= bound
        }
        models.learn(isOne, index)
        while range < 1 << 24 {
            range <<= 8
            code = code << 8 | UInt32(byte())
        }
        return isOne
    }

    /// Behind the end come zeros, as the encoder's last bytes are.
    @inline(__always)
    private mutating func byte() -> UInt8 {
        guard next < codedEnd else { return 0 }
        defer { next += 1 }
        return bytes[next]
    }

    @inline(__always)
    private mutating func bits(_ count: Int) -> UInt64 {
        if count > 56 {
            let low = bits(32)
            return low | bits(count - 32) << 32
        }
        let (offset, shift) = (plainStart + plainBit >> 3, UInt64(plainBit & 7))
        plainBit += count
        return word(offset) >> shift & (1 << UInt64(count) - 1)
    }

    @inline(__always)
    private func word(_ offset: Int) -> UInt64 {
        if offset + 8 <= bytes.count {
            return unsafe bytes.withUnsafeBytes { unsafe UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
        }
        var (word, shift): (UInt64, UInt64) = (0, 0)
        var index = offset
        while index < bytes.count {
            word |= UInt64(bytes[index]) << shift
            shift += 8
            index += 1
        }
        return word
    }
}
