import Blocks
package import Telemetry

/// The first 96 bytes of a sealed block of events: enough to find its end, and to write its row of the directory again.
package struct SealedEventHeader: Sendable, Hashable {
    package static let bytes = SealedEventFormat.headerBytes

    let version: UInt8
    package let blockBytes: Int
    package let count: Int
    package let from: Timestamp
    package let to: Timestamp
    package let first: LogPosition
    package let last: LogPosition
    let directoryBytes: Int
    let inflatedBytes: Int
    let checksum: UInt64

    /// - Parameter bytes: at least ``bytes``. What the checksum covers is verified by ``SealedEvents``.
    package init(_ bytes: [UInt8]) throws(SealedError) {
        guard bytes.count >= Self.bytes, bytes.starts(with: SealedEventFormat.magic) else { throw .damaged("no sealed block of events begins here") }
        guard bytes[5] == 0, bytes[6] == 0, bytes[7] == 0 else { throw .damaged("bytes 5 to 7 of its header are not zero") }
        version = bytes[4]
        guard SealedEventFormat.versions.contains(version) else {
            throw .damaged("version \(version) of sealed events is not known here: upgrade the aggregator that reads it")
        }
        func number(_ offset: Int, _ width: Int = 8) -> UInt64 {
            (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
        }
        checksum = number(8)
        let length = number(16)
        (directoryBytes, inflatedBytes, count) = (Int(number(24, 4)), Int(number(28, 4)), Int(number(32, 4)))
        guard length < 1 << 40, length >= UInt64(Self.bytes + directoryBytes), count <= BlockFormat.rowsMax, inflatedBytes <= 1 << 28 else {
            throw .damaged("a sealed block says \(length) bytes and \(count) rows")
        }
        blockBytes = Int(length)
        from = Timestamp(nanoseconds: Int64(bitPattern: number(40)))
        to = Timestamp(nanoseconds: Int64(bitPattern: number(48)))
        (first, last) = (number(56), number(64))
    }

    /// Header, directory and frames as one block.
    static func assemble(
        directory: [UInt8],
        frames: [UInt8],
        rows: Int,
        from: Int64,
        to: Int64,
        first: LogPosition,
        last: LogPosition,
        version: UInt8 = SealedEventFormat.version
    ) -> [UInt8] {
        let stored = Zstd.compress(directory, level: 3) ?? directory
        var block = [UInt8]()
        block.reserveCapacity(bytes + stored.count + frames.count)
        block += SealedEventFormat.magic
        block += [version, 0, 0, 0]
        block.appendLittleEndian(UInt64(0))
        block.appendLittleEndian(UInt64(bytes + stored.count + frames.count))
        block.appendLittleEndian(UInt32(stored.count))
        block.appendLittleEndian(UInt32(directory.count))
        block.appendLittleEndian(UInt32(rows))
        block.appendLittleEndian(UInt32(0))
        for number in [UInt64(bitPattern: from), UInt64(bitPattern: to), first, last, 0, 0, 0] { block.appendLittleEndian(number) }
        block += stored
        let sum = Checksum.xxh64(block.span.extracting(16..<block.count))
        for index in 0..<8 { block[8 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
        block += frames
        return block
    }
}
