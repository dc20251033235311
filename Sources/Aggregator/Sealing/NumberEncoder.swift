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
