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
