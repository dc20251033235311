/// A growing dictionary of texts for an encoder: each different text gets the next number. Texts lie in one buffer, so that no String is made.
struct StringTable: ~Copyable, Sendable {
    private struct Entry: BitwiseCopyable {
        var start: UInt32
        var count: UInt32
        var hash: UInt32
    }

    private var arena = ColumnBuffer<UInt8>()
    private var entries = ColumnBuffer<Entry>()
    /// Open addressing: entry number + 1, 0 = free; the count is a power of two.
    private var slots = ColumnBuffer<UInt32>()
    private var last = 0
    /// So few are looked through without slots: tables of a single event have one each.
    private static let slotless = 4

    init() {}

    var count: Int { entries.count }

    /// Bytes that ``encode(into:)`` needs at most.
    var bytes: Int { arena.count + 5 * (entries.count + 1) }

    /// The number of this text, a new one if it is not there yet.
    @inline(__always)
    mutating func code(of text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        // Neighbouring rows often have the same text.
        if unsafe last < entries.count && equals(entries[last], text) { return UInt32(last) }
        return unsafe search(text)
    }

    private mutating func search(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let hash = unsafe TextHash.hash(text)
        if let found = unsafe find(text, hash: hash) {
            last = found
            return UInt32(found)
        }
        return unsafe insert(text, hash: hash)
    }

    /// The number of this text; nil when it is not there.
    func known(_ text: UnsafeBufferPointer<UInt8>) -> UInt32? {
        unsafe find(text, hash: TextHash.hash(text)).map { UInt32($0) }
    }

    private func find(_ text: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Int? {
        guard slots.count > 0 else {
            for number in 0..<entries.count where unsafe entries[number].hash == hash && equals(entries[number], text) { return number }
            return nil
        }
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while case let number = slots[slot], number != 0 {
            let entry = entries[Int(number) - 1]
            if unsafe entry.hash == hash && equals(entry, text) { return Int(number) - 1 }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func insert(_ text: UnsafeBufferPointer<UInt8>, hash: UInt32) -> UInt32 {
        last = entries.count
        entries.append(Entry(start: UInt32(arena.count), count: UInt32(text.count), hash: hash))
        unsafe arena.append(text)
        if entries.count > Self.slotless { if entries.count * 2 > slots.count { grow() } else { place(last) } }
        return UInt32(last)
    }

    /// `dictionary` of the format.
    func encode(into bytes: inout ColumnBuffer<UInt8>) {
        bytes.appendVarint(UInt64(entries.count))
        for number in 0..<entries.count {
            bytes.appendVarint(UInt64(entries[number].count))
            unsafe withText(number) { unsafe bytes.append($0) }
        }
    }

    /// An entry's bytes.
    func withText<Result>(_ number: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let entry = entries[number]
        return unsafe arena.withElements { all in
            unsafe body(UnsafeBufferPointer(rebasing: all[Int(entry.start)..<Int(entry.start) + Int(entry.count)]))
        }
    }

    func string(_ number: Int) -> String { unsafe withText(number) { unsafe String(decoding: $0, as: UTF8.self) } }

    @inline(__always)
    private func equals(_ entry: Entry, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard Int(entry.count) == text.count else { return false }
        return unsafe arena.withElements { all in
            unsafe TextHash.equal(UnsafeBufferPointer(rebasing: all[Int(entry.start)..<Int(entry.start) + text.count]), text)
        }
    }

    private mutating func place(_ number: Int) {
        let mask = slots.count - 1
        var slot = Int(entries[number].hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(number) + 1
    }

    private mutating func grow() {
        let wanted = max(16, slots.count * 2)
        slots.removeAll()
        slots.append(repeating: 0, count: wanted)
        for number in 0..<entries.count { place(number) }
    }
}

/// A hash of short texts, seeded by the process: texts chosen by an enemy do not collide. Eight bytes at a time and one wide multiplication
/// for each sixteen, as in wyhash; SipHash, Swift's own, takes four times as long on names of ten bytes.
enum TextHash {
    private static let seed: UInt64 = {
        var hasher = Hasher()
        hasher.combine(0x746F_6373)
        return UInt64(bitPattern: Int64(hasher.finalize())) | 1
    }()

    @inline(__always)
    private static func load<Word: FixedWidthInteger & BitwiseCopyable>(_ text: UnsafeBufferPointer<UInt8>, _ offset: Int, _: Word.Type) -> UInt64 {
        unsafe UInt64(truncatingIfNeeded: UnsafeRawPointer(text.baseAddress.unsafelyUnwrapped).loadUnaligned(fromByteOffset: offset, as: Word.self))
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    static func hash(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let (seed, count) = (seed, text.count)
        var state = seed ^ UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
        var (a, b): (UInt64, UInt64) = (0, 0)
        switch count {
        case 17...:
            var offset = 0
            while offset + 16 < count {
                state = unsafe fold(load(text, offset, UInt64.self) ^ 0xA076_1D64_78BD_642F, load(text, offset + 8, UInt64.self) ^ state)
                offset += 16
            }
            (a, b) = unsafe (load(text, count - 16, UInt64.self), load(text, count - 8, UInt64.self))
        case 8...16: (a, b) = unsafe (load(text, 0, UInt64.self), load(text, count - 8, UInt64.self))
        case 4..<8: (a, b) = unsafe (load(text, 0, UInt32.self), load(text, count - 4, UInt32.self))
        case 1..<4:
            a = unsafe load(text, 0, UInt8.self) << 16 | load(text, count >> 1, UInt8.self) << 8 | load(text, count - 1, UInt8.self)
        default: break
        }
        let mixed = fold(fold(a ^ 0xE703_7ED1_A0B4_28DB, b ^ state), seed ^ 0x8EBC_6AF0_9C88_C6E3)
        return UInt32(truncatingIfNeeded: mixed ^ mixed >> 32)
    }

    /// Whether two texts of the same length are equal.
    @inline(__always)
    static func equal(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
        let count = b.count
        if count >= 8 {
            var offset = 0
            while offset + 8 < count {
                if unsafe load(a, offset, UInt64.self) != load(b, offset, UInt64.self) { return false }
                offset += 8
            }
            return unsafe load(a, count - 8, UInt64.self) == load(b, count - 8, UInt64.self)
        }
        if count >= 4 {
            return unsafe load(a, 0, UInt32.self) == load(b, 0, UInt32.self)
                && load(a, count - 4, UInt32.self) == load(b, count - 4, UInt32.self)
        }
        for index in 0..<count where unsafe a[index] != b[index] { return false }
        return true
    }
}
