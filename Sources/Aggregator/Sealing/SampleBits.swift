// How a page's numbers become bits: an adaptive binary range coder for what can be foretold (is it zero, how many bits has it, its first bits), and
// plain bits for the rest, which is noise. The coder is LZMA's: 32-bit range, a byte out when the range falls below 2^24, carries kept back.

/// Chances of bits, learnt while coding. One entry is 22 bits of chance that the bit is 1 and 10 bits that count how often it was seen: quick to learn
/// at first, then slow.
@safe struct BitModels: ~Copyable {
    /// Classes of numbers: 0, or how many bits they have.
    static let contexts = 65
    static let zeroModels = 64
    static let classModels = contexts * 64
    static let leadModels = contexts * 4
    static let count = zeroModels + classModels + leadModels
    /// After this many bits an entry changes by 1/128 of its error.
    private static let patience = 126
    private static let fresh = UInt32(1 << 31)

    private let entries: UnsafeMutablePointer<UInt32>
    /// 65 536 / (n + 1.5), by n.
    private let rates: UnsafeMutablePointer<UInt32>

    init() {
        unsafe entries = .allocate(capacity: Self.count)
        unsafe entries.initialize(repeating: Self.fresh, count: Self.count)
        unsafe rates = .allocate(capacity: Self.patience + 1)
        for n in 0...Self.patience { unsafe (rates + n).initialize(to: UInt32(131_072 / (2 * n + 3))) }
    }

    deinit {
        unsafe entries.deallocate()
        unsafe rates.deallocate()
    }

    mutating func reset() { unsafe entries.update(repeating: Self.fresh, count: Self.count) }

    /// The chance of a 1 in 4096ths, never 0 or 4096.
    @inline(__always)
    func chance(_ index: Int) -> UInt32 {
        assert(index >= 0 && index < Self.count)
        return max(1, unsafe entries[index] >> 20)
    }

    @inline(__always)
    mutating func learn(_ isOne: Bool, _ index: Int) {
        assert(index >= 0 && index < Self.count)
        let entry = unsafe entries[index]
        let (chance, seen) = (Int64(entry >> 10), Int(entry & 1023))
        let target: Int64 = isOne ? (1 << 22) - 1 : 0
        let next = chance + ((target - chance) * Int64(unsafe rates[seen])) >> 16
        unsafe entries[index] = UInt32(truncatingIfNeeded: next) << 10 | UInt32(truncatingIfNeeded: min(seen + 1, Self.patience))
    }
}

/// Where in the models a number's bits are, by the numbers before it.
struct NumberContext {
    private(set) var history = 0
    private(set) var previous = (0, 0, 0)

    @inline(__always)
    var zero: Int { history & 63 }

    /// First index of the tree of classes 1…64.
    @inline(__always)
    var tree: Int { BitModels.zeroModels + (previous.0 * 2 + previous.1 + previous.2 + 2) / 4 * 64 }

    /// First index of the tree of the two bits after the leading one.
    @inline(__always)
    static func lead(_ size: Int) -> Int { BitModels.zeroModels + BitModels.classModels + size * 4 }

    @inline(__always)
    mutating func append(_ size: Int) {
        history = history << 1 | (size == 0 ? 0 : 1)
        previous = (size, previous.0, previous.1)
    }
}

/// Writes numbers.
struct NumberEncoder: ~Copyable {
    private var models = BitModels()
    private var context = NumberContext()
    private(set) var coded: [UInt8] = []
    private(set) var plain: [UInt8] = []
    private var low: UInt64 = 0
    private var range = UInt32.max
    private var cache: UInt8 = 0
    private var held = 0
    private var isFirst = true
    private var buffer: UInt64 = 0
    private var buffered = 0

    init() {}

    @inline(__always)
    mutating func append(_ number: UInt64) {
        let size = 64 - number.leadingZeroBitCount
        bit(size != 0, context.zero)
        if size != 0 {
            let tree = context.tree
            var node = 1
            let code = size - 1
            for level in stride(from: 5, through: 0, by: -1) {
                let isOne = code >> level & 1 != 0
                bit(isOne, tree + node)
                node = node << 1 | (isOne ? 1 : 0)
            }
            if size > 1 {
                let lead = NumberContext.lead(size)
                let first = number >> UInt64(size - 2) & 1 != 0
                bit(first, lead + 1)
                if size > 2 {
                    bit(number >> UInt64(size - 3) & 1 != 0, lead + (first ? 3 : 2))
                    if size > 3 { bits(number, size - 3) }
                }
            }
        }
        context.append(size)
    }

    /// What was written; the encoder is as new.
    mutating func finish() -> (coded: [UInt8], plain: [UInt8]) {
        for _ in 0..<5 { shift() }
        while buffered > 0 {
            plain.append(UInt8(truncatingIfNeeded: buffer))
            buffer >>= 8
            buffered -= 8
        }
        // Behind the end a decoder reads zeros.
        while coded.last == 0 { coded.removeLast() }
        let written = (coded, plain)
        (coded, plain, low, range, cache, held, isFirst) = ([], [], 0, .max, 0, 0, true)
        (buffer, buffered, context) = (0, 0, NumberContext())
        models.reset()
        return written
    }

    @inline(__always)
    private mutating func bit(_ isOne: Bool, _ index: Int) {
        let bound = (range >> 12) &* models.chance(index)
        if isOne {
            range = bound
        } else {
            low &+= UInt64(bound)
            range &-= bound
        }
        models.learn(isOne, index)
        while range < 1 << 24 {
            range <<= 8
            shift()
        }
    }

    private mutating func shift() {
        if low < 0xFF00_0000 || low > 0xFFFF_FFFF {
            let carry = UInt8(truncatingIfNeeded: low >> 32)
            if !isFirst { coded.append(cache &+ carry) }
            isFirst = false
            while held > 0 {
                coded.append(0xFF &+ carry)
                held -= 1
            }
            cache = UInt8(truncatingIfNeeded: low >> 24)
        } else {
            held += 1
        }
        low = (low & 0x00FF_FFFF) << 8
    }

    /// The lowest `count` bits, at most 61.
    @inline(__always)
    private mutating func bits(_ number: UInt64, _ count: Int) {
        let value = number & (1 << UInt64(count) - 1)
        buffer |= value << UInt64(buffered)
        if buffered + count >= 64 {
            plain.appendWord(buffer)
            let used = 64 - buffered
            buffer = used < 64 ? value >> UInt64(used) : 0
            buffered = count - used
        } else {
            buffered += count
        }
    }
}

extension [UInt8] {
    @inline(__always)
    fileprivate mutating func appendWord(_ word: UInt64) {
        unsafe Swift.withUnsafeBytes(of: word.littleEndian) { unsafe append(contentsOf: $0) }
    }
}

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
