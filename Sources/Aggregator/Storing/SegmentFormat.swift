import Blocks
import Sealing
import Telemetry

// A segment: an append-only file. A head, then sealed blocks (each says itself how long it is) and parts, without holes, in the order in which they were
// written. With the head and the parts the journal's directory can be written again from the segments alone. Numbers are little-endian, texts as in the wire
// block (Blocks/BlockFormat.swift). It never changes: another layout is another version.
//
//   head, version 1
//        0      4  magic "TcSg"
//        4      1  version, 1
//        5      1  kind: 1 events, 2 samples, 3 alerts
//        6      1  resolution: 0 raw, 1 minute, 2 hour
//        7      1  level: how often its rows were brought together
//        8      8  checksum: XXH64 of bytes 16 ..< length
//       16      4  length of the head
//       20      4  zero
//       24      8  day of arrival, days since the epoch
//       32      8  zero
//       40         text class of retention, empty or a source
//
//   part, version 1
//        0      4  magic "TcSp"
//        4      1  version, 1
//        5      1  what: 1 words, 2 in place of
//        6      2  zero
//        8      8  checksum: XXH64 of bytes 16 ..< length
//       16      8  length of the part
//       24      4  a number: words: bits of a filter; in place of: how many blocks follow
//       28      4  n
//       32         words: n × 8 bytes where in this file the block begins, then the rows (Sealing/WordFilter.swift)
//                  in place of: n × (8 bytes segment, 8 bytes where in it the block begins): the blocks that follow hold all of their rows
//
// A segment of the first version has neither: blocks begin at 0, and rows of words lie between them where only the journal says it.

/// The first bytes of a segment: what its blocks do not say themselves.
struct SegmentHead: Sendable, Hashable {
    static let magic = Array("TcSg".utf8)
    private static let fixedBytes = 40
    /// A longer one is damaged: a source's name has a limit far below.
    static let bytesMax = 64 * 1024

    var kind: BlockKind
    var resolution: Resolution
    var level: Int
    /// Days since the epoch, of arrival.
    var day: Int64
    var retentionClass: String

    init(_ segment: SegmentRow) {
        (kind, resolution, level) = (segment.kind, segment.resolution, segment.level)
        (day, retentionClass) = (segment.day, segment.retentionClass)
    }

    func encode() -> [UInt8] {
        var bytes = Self.magic
        bytes += [1, kind.rawValue, resolution.rawValue, UInt8(clamping: level)]
        bytes += [UInt8](repeating: 0, count: 16)
        bytes.appendLittleEndian(UInt64(bitPattern: day))
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendText(retentionClass)
        bytes.putLittleEndian(UInt64(UInt32(bytes.count)), at: 16)
        bytes.putLittleEndian(Checksum.xxh64(bytes.span.extracting(16..<bytes.count)), at: 8)
        return bytes
    }

    /// How long the head is that begins with these bytes (``SegmentPart/headBytes`` at least); nil: none begins here.
    static func length(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 24, bytes.starts(with: magic), bytes[4] == 1 else { return nil }
        let length = Int(bytes.littleEndian(at: 16) & 0xFFFF_FFFF)
        return (fixedBytes...bytesMax).contains(length) ? length : nil
    }

    /// Nil for anything but a whole head.
    init?(_ bytes: [UInt8]) {
        guard let length = SegmentHead.length(bytes), bytes.count == length,
            Checksum.xxh64(bytes.span.extracting(16..<length)) == bytes.littleEndian(at: 8),
            let kind = BlockKind(rawValue: bytes[5]), let resolution = Resolution(rawValue: bytes[6])
        else { return nil }
        var cursor = ByteCursor(Self.fixedBytes..<length)
        guard let name = try? cursor.string(in: bytes) else { return nil }
        (self.kind, self.resolution, level, retentionClass) = (kind, resolution, Int(bytes[7]), name)
        day = Int64(bitPattern: bytes.littleEndian(at: 24))
    }
}

/// What lies between the blocks of a segment.
struct SegmentPart: Sendable, Hashable {
    static let magic = Array("TcSp".utf8)
    static let headBytes = 32

    enum Content: Sendable, Hashable {
        /// The words of blocks of this segment, by where they begin.
        case words(bitCount: Int, blocks: [Int])
        /// The next blocks hold all rows of these.
        case inPlace(of: [BlockPlace], blocks: Int)
    }

    var content: Content
    /// Where the rows of words lie in the part; empty for anything else.
    var rows: Range<Int>

    static func words(of blocks: [Int], _ filters: [WordFilter]) -> (bytes: [UInt8], rows: Range<Int>) {
        var bytes = begin(1, number: filters.first?.bitCount ?? 0, count: blocks.count)
        for block in blocks { bytes.appendLittleEndian(UInt64(block)) }
        let start = bytes.count
        bytes += WordGroup.encode(filters)
        finish(&bytes)
        return (bytes, start..<bytes.count)
    }

    static func inPlace(of places: [BlockPlace], blocks: Int) -> [UInt8] {
        var bytes = begin(2, number: blocks, count: places.count)
        for place in places {
            bytes.appendLittleEndian(place.segment)
            bytes.appendLittleEndian(UInt64(place.start))
        }
        finish(&bytes)
        return bytes
    }

    /// How long the part is that begins with these bytes (``headBytes`` at least); nil: none begins here.
    static func length(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= headBytes, bytes.starts(with: magic), bytes[4] == 1 else { return nil }
        let length = bytes.littleEndian(at: 16)
        return length >= UInt64(headBytes) && length <= 1 << 31 ? Int(length) : nil
    }

    /// Nil for anything but a whole part.
    init?(_ bytes: [UInt8]) {
        guard let length = SegmentPart.length(bytes), bytes.count == length,
            Checksum.xxh64(bytes.span.extracting(16..<length)) == bytes.littleEndian(at: 8)
        else { return nil }
        let (number, count) = (Int(bytes.littleEndian(at: 24) & 0xFFFF_FFFF), Int(bytes.littleEndian(at: 28) & 0xFFFF_FFFF))
        let width = bytes[5] == 1 ? 8 : 16
        guard count <= (length - Self.headBytes) / width else { return nil }
        let end = Self.headBytes + width * count
        switch bytes[5] {
        case 1:
            guard WordGroup.fits(length - end, of: count, bitCount: number) else { return nil }
            content = .words(bitCount: number, blocks: (0..<count).map { Int(truncatingIfNeeded: bytes.littleEndian(at: Self.headBytes + 8 * $0)) })
            rows = end..<length
        case 2:
            guard length == end else { return nil }
            let places = (0..<count).map { index in
                BlockPlace(
                    segment: bytes.littleEndian(at: Self.headBytes + 16 * index),
                    start: Int(truncatingIfNeeded: bytes.littleEndian(at: Self.headBytes + 16 * index + 8))
                )
            }
            (content, rows) = (.inPlace(of: places, blocks: number), length..<length)
        default: return nil
        }
    }

    private static func begin(_ what: UInt8, number: Int, count: Int) -> [UInt8] {
        var bytes = magic + [1, what, 0, 0]
        bytes += [UInt8](repeating: 0, count: 16)
        bytes.appendLittleEndian(UInt32(number))
        bytes.appendLittleEndian(UInt32(count))
        return bytes
    }

    private static func finish(_ bytes: inout [UInt8]) {
        bytes.putLittleEndian(UInt64(bytes.count), at: 16)
        bytes.putLittleEndian(Checksum.xxh64(bytes.span.extracting(16..<bytes.count)), at: 8)
    }
}

/// Where a sealed block begins.
struct BlockPlace: Sendable, Hashable {
    var segment: UInt64
    var start: Int
}

extension [UInt8] {
    /// Eight bytes, or as many as there are.
    func littleEndian(at offset: Int) -> UInt64 {
        (0..<Swift.min(8, count - offset)).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64(8 * $1) }
    }

    mutating func putLittleEndian(_ value: UInt64, at offset: Int) {
        for index in 0..<8 { self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
}
