import Blocks
package import Telemetry

/// A Bloom filter of the words of one sealed block of events: the words of its messages and string values of data (``Words``), and its correlation ids.
package struct WordFilter: Sendable, Hashable {
    /// Bits are looked up by this many hashes of a word.
    package static let hashes = 6
    /// About this many bits a distinct word.
    package static let bitsPerWord = 16

    /// One of ``sizes``.
    package let bitCount: Int
    /// `bitCount / 8` bytes, bit n of byte n / 8 least significant first.
    package private(set) var bytes: [UInt8]

    /// From 1024 to 2^24, eight steps to the double: few enough that blocks of one size are found for a group.
    package static let sizes: [Int] = (10..<24).flatMap { power in (8..<16).map { $0 << (power - 3) } } + [1 << 24]

    /// - Parameter hashes: of the distinct words (``Words``).
    package init(of hashes: some Collection<UInt64>) {
        let wanted = hashes.count * Self.bitsPerWord
        let bits = Self.sizes.first { $0 >= wanted } ?? 1 << 24
        bitCount = bits
        bytes = [UInt8](repeating: 0, count: bits / 8)
        unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            for hash in hashes {
                for index in 0..<Self.hashes {
                    let bit = WordFilter.bit(index, of: hash, in: bits)
                    unsafe bytes[bit >> 3] |= 1 << UInt8(truncatingIfNeeded: bit & 7)
                }
            }
        }
    }

    /// A filter that was stored; nil when the bytes are not of one.
    package init?(stored bytes: [UInt8]) {
        let bits = bytes.count * 8
        guard Self.sizes.contains(bits) else { return nil }
        (bitCount, self.bytes) = (bits, bytes)
    }

    /// Which bit. Stored filters depend on it, so it never changes.
    package static func bit(_ index: Int, of hash: UInt64, in bitCount: Int) -> Int {
        let step = (hash >> 32 | hash << 32) | 1
        return Int((hash &+ UInt64(index) &* step).multipliedFullWidth(by: UInt64(bitCount)).high)
    }

    package func mayHold(_ hash: UInt64) -> Bool {
        (0..<Self.hashes).allSatisfy { index in
            let bit = WordFilter.bit(index, of: hash, in: bitCount)
            return bytes[bit / 8] & 1 << UInt8(bit % 8) != 0
        }
    }
}

/// Filters of up to 64 sealed blocks, cut into rows: row n holds bit n of each block, block k in bit k of a little-endian number of 1, 2, 4 or 8 bytes, as
/// many as the blocks need. So one word reads six short rows, not every block's filter. Filters of up to four blocks may lie one after the other as they are:
/// rows would mostly be empty. Behind either stand checks: four bytes, the low ones of XXH64, for each 512 bytes; a bit that was lost would hide a block
/// from searches. The first groups have none. The length tells which.
package final class WordGroup: Sendable {
    package static let blocksMax = 64

    /// Numbers of the sealed blocks, by bit.
    package let blocks: [UInt64]
    package let bitCount: Int
    /// `bitCount` rows.
    private let rows: any SealedBytes
    private let rowBytes: Int
    /// The filters lie one after the other.
    private let isPlain: Bool
    /// Where the checks begin; nil: there are none.
    private let checks: Int?

    /// Bytes that have one check: what a look-up reads.
    private static let checkedBytes = 512

    package init(blocks: [UInt64], bitCount: Int, rows: any SealedBytes) {
        rowBytes = WordGroup.rowBytes(blocks.count)
        let length = WordGroup.length(rows.count, of: blocks.count, bitCount: bitCount)
        isPlain = length?.isPlain ?? false
        checks = length.flatMap { $0.bytes < rows.count ? $0.bytes : nil }
        precondition(WordGroup.fits(rows.count, of: blocks.count, bitCount: bitCount), "a group of words does not fit")
        (self.blocks, self.bitCount, self.rows) = (blocks, bitCount, rows)
    }

    /// Bytes of a row for so many blocks.
    package static func rowBytes(_ blocks: Int) -> Int { blocks <= 8 ? 1 : blocks <= 16 ? 2 : blocks <= 32 ? 4 : 8 }

    /// Filters that lie as they are, at most.
    private static let plainMax = 4

    /// What a group of so many bytes is: how long it is without its checks, and whether its filters lie one after the other. Nil: none is so long.
    private static func length(_ bytes: Int, of blocks: Int, bitCount: Int) -> (bytes: Int, isPlain: Bool)? {
        guard (1...blocksMax).contains(blocks), WordFilter.sizes.contains(bitCount) else { return nil }
        var shapes = [(bytes: bitCount * rowBytes(blocks), isPlain: false)]
        if blocks <= plainMax { shapes.insert((blocks * bitCount / 8, true), at: 0) }
        return shapes.first { bytes == $0.bytes || bytes == $0.bytes + checkBytes($0.bytes) }
    }

    private static func checkBytes(_ bytes: Int) -> Int { (bytes + checkedBytes - 1) / checkedBytes * 4 }

    private static func check(_ bytes: Span<UInt8>) -> UInt32 { UInt32(truncatingIfNeeded: Checksum.xxh64(bytes)) }

    /// Whether so many bytes can be a group of so many blocks.
    package static func fits(_ bytes: Int, of blocks: Int, bitCount: Int) -> Bool { length(bytes, of: blocks, bitCount: bitCount) != nil }

    /// Filters that all have `bitCount` bits, as they are stored.
    package static func encode(_ filters: [WordFilter]) -> [UInt8] {
        var bytes = encodeUnchecked(filters)
        let count = bytes.count
        for start in stride(from: 0, to: count, by: checkedBytes) {
            bytes.appendLittleEndian(check(bytes.span.extracting(start..<min(count, start + checkedBytes))))
        }
        return bytes
    }

    static func encodeUnchecked(_ filters: [WordFilter]) -> [UInt8] {
        precondition(filters.count <= blocksMax, "a group holds at most \(blocksMax) blocks")
        guard let bitCount = filters.first?.bitCount else { return [] }
        precondition(filters.allSatisfy { $0.bitCount == bitCount }, "filters of one group have one size")
        if filters.count <= plainMax { return filters.flatMap(\.bytes) }
        let rowBytes = rowBytes(filters.count)
        var rows = [UInt8](repeating: 0, count: bitCount * rowBytes)
        // Eight blocks at a time: a byte of each is a square of bits that is turned.
        unsafe rows.withUnsafeMutableBufferPointer { rows in
            for first in stride(from: 0, to: filters.count, by: 8) {
                let some = filters[first..<min(filters.count, first + 8)].map(\.bytes)
                let place = first / 8
                for index in 0..<bitCount / 8 {
                    var square: UInt64 = 0
                    for (number, bytes) in some.enumerated() { square |= UInt64(bytes[index]) &<< UInt64(8 &* number) }
                    if square == 0 { continue }
                    square = turned(square)
                    for bit in 0..<8 {
                        unsafe rows[(index &* 8 &+ bit) &* rowBytes &+ place] = UInt8(truncatingIfNeeded: square &>> UInt64(8 &* bit))
                    }
                }
            }
        }
        return rows
    }

    /// Bit c of byte r becomes bit r of byte c: halves, quarters and pairs change places (Hacker's Delight §7-3).
    private static func turned(_ square: UInt64) -> UInt64 {
        var (square, swap) = (square, UInt64(0))
        swap = (square ^ square >> 7) & 0x00AA_00AA_00AA_00AA
        square ^= swap ^ swap << 7
        swap = (square ^ square >> 14) & 0x0000_CCCC_0000_CCCC
        square ^= swap ^ swap << 14
        swap = (square ^ square >> 28) & 0x0000_0000_F0F0_F0F0
        return square ^ swap ^ swap << 28
    }

    /// The blocks that may hold all of these words; the others hold not all of them. Reads: from a thread that may block.
    package func candidates(_ hashes: [UInt64]) throws(LogError) -> Set<UInt64> {
        if isPlain { return try plainCandidates(hashes) }
        var mask = UInt64.max
        for hash in hashes {
            for index in 0..<WordFilter.hashes where mask != 0 {
                let bit = WordFilter.bit(index, of: hash, in: bitCount)
                let row = try read(bit * rowBytes..<(bit + 1) * rowBytes)
                mask &= row.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
            }
        }
        var found = Set<UInt64>()
        for (index, block) in blocks.enumerated() where mask & 1 << UInt64(index) != 0 { found.insert(block) }
        return found
    }

    private func plainCandidates(_ hashes: [UInt64]) throws(LogError) -> Set<UInt64> {
        var found = Set<UInt64>()
        for (index, block) in blocks.enumerated() {
            var mayHold = true
            for hash in hashes {
                for number in 0..<WordFilter.hashes where mayHold {
                    let bit = WordFilter.bit(number, of: hash, in: bitCount)
                    let place = index * bitCount / 8 + bit / 8
                    mayHold = try read(place..<place + 1).reduce(0, |) & 1 << UInt8(bit % 8) != 0
                }
            }
            if mayHold { found.insert(block) }
        }
        return found
    }

    /// A row lies in one checked piece: both lengths are powers of two.
    private func read(_ range: Range<Int>) throws(LogError) -> ArraySlice<UInt8> {
        guard let checks else { return try rows.read(range)[...] }
        let number = range.lowerBound / Self.checkedBytes
        let start = number * Self.checkedBytes
        let piece = try rows.read(start..<min(checks, start + Self.checkedBytes))
        let stored = try rows.read(checks + 4 * number..<checks + 4 * number + 4)
        guard stored.indices.reduce(0, { $0 | UInt32(stored[$1]) << UInt32(8 * $1) }) == Self.check(piece.span) else {
            throw .unreadable("bytes \(start) to \(start + piece.count) of a group of words were changed")
        }
        return piece[range.lowerBound - start..<range.upperBound - start]
    }

    /// Compares all checks.
    package func verify() throws(LogError) {
        guard let checks else { return }
        for start in stride(from: 0, to: checks, by: Self.checkedBytes) { _ = try read(start..<start + 1) }
    }
}
