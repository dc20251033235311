import Blocks

/// Writes the frames of a sealed block of events and their list.
struct FrameWriter {
    private(set) var bytes: [UInt8] = []
    private(set) var list: [UInt8] = []
    private(set) var count = 0
    private let level: Int32
    private let packer = ZstdPacker()

    init(level: Int32) { self.level = level }

    mutating func append(_ payload: Payload, _ column: SealedEventFormat.Column, page: Int = 0) {
        let start = bytes.count
        let frame = packer.frame(payload.compressible, level: level)
        let isSmaller = frame.count < payload.compressible.count
        bytes += isSmaller ? frame : payload.compressible
        list.append(column.rawValue)
        list.appendVarint(UInt64(page))
        list.appendVarint(UInt64(bytes.count - start))
        list.appendVarint(isSmaller ? UInt64(payload.compressible.count) : 0)
        list.appendVarint(UInt64(payload.packed.count))
        bytes += payload.packed
        list.appendLittleEndian(Checksum.xxh64(bytes.span.extracting(start..<bytes.count)))
        count += 1
    }
}

/// Where a frame lies, and how to know that it is whole.
struct FrameEntry: Sendable {
    let column: UInt8
    let page: Int
    /// In the block.
    let range: Range<Int>
    let frameBytes: Int
    /// 0: it was not compressed.
    let inflatedBytes: Int
    let checksum: UInt64

    static func list(_ cursor: inout ByteCursor, in bytes: Span<UInt8>, from start: Int, blockBytes: Int) throws(BlockError) -> [FrameEntry] {
        var offset = start
        var entries = [FrameEntry]()
        for _ in 0..<(try cursor.count(bytesEach: 13, in: bytes)) {
            let column = try cursor.byte(in: bytes)
            let page = Int(truncatingIfNeeded: try cursor.varint(in: bytes) & 0xFFFF)
            let lengths = (try cursor.varint(in: bytes), try cursor.varint(in: bytes), try cursor.varint(in: bytes))
            let checksum = try cursor.littleEndian64(in: bytes)
            let room = UInt64(blockBytes - offset)
            guard lengths.0 <= room, lengths.2 <= room - lengths.0, lengths.1 <= 1 << 30 else { throw .malformed("a frame reaches behind its block") }
            let length = Int(lengths.0 + lengths.2)
            entries.append(
                FrameEntry(
                    column: column,
                    page: page,
                    range: offset..<offset + length,
                    frameBytes: Int(lengths.0),
                    inflatedBytes: Int(lengths.1),
                    checksum: checksum
                )
            )
            offset += length
        }
        guard offset == blockBytes else { throw .malformed("\(blockBytes - offset) bytes behind the last frame") }
        return entries
    }

    /// Verifies and inflates.
    func payload(_ bytes: Span<UInt8>, _ unpacker: ZstdUnpacker) throws(SealedError) -> Payload {
        guard bytes.count == range.count, Checksum.xxh64(bytes) == checksum else {
            throw .damaged("the checksum of column \(column), page \(page) does not hold")
        }
        var payload = Payload()
        payload.packed.append(bytes.extracting(frameBytes..<bytes.count))
        let frame = bytes.extracting(0..<frameBytes)
        if inflatedBytes == 0 {
            payload.compressible.append(frame)
        } else {
            guard let inflated = unpacker.bytes(of: frame, length: inflatedBytes) else {
                throw .damaged("column \(column), page \(page) does not decompress")
            }
            payload.compressible = inflated
        }
        return payload
    }
}
