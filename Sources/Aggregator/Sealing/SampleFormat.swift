// Sealed samples, versions 1 and 2. All numbers are little-endian; varint and zigzag as in the wire block (Blocks/BlockFormat.swift).
//
//   offset  bytes  field
//        0      4  magic "TcSs"
//        4      1  version: 1, or 2 with positions
//        5      1  kind, 2 (samples)
//        6      1  resolution: 0 raw, 1 minute, 2 hour
//        7      1  0
//        8      8  XXH64 of bytes 16…95 and of the directory as it lies
//       16      8  length of the whole
//       24      8  rows
//       32      8  the earliest timestamp, nanoseconds
//       40      8  the latest
//       48      8  position of the first arrival whose rows are in it
//       56      8  of the last
//       64      4  bytes of the directory as it lies behind the header
//       68      4  its length when it is unpacked; when both are equal it is not packed, else it is a zstd frame
//       72     24  0
//       96         directory, then the pages of timestamps, then the pages of values, without holes
//
// directory := groups (keys), rests (keys)                    SeriesKeys.swift; in order, so a number is also a rank
//              varint n of sequences, n × varint count, n × zigzag (earliest - that of the sequence before), n × varint (latest - earliest)
//              varint n of time pages, n × (varint sequences, varint bytes, 4 bytes checksum)
//              varint n of value pages, n × (varint chunks, varint bytes, 4 bytes checksum)
//              varint n of slices, n × (zigzag slice - the slice before, varint chunks)
//              for each chunk zigzag (rest - the rest before), for each chunk zigzag (group - …), for each chunk zigzag (sequence - …);
//              the first of a slice against 0 in rest and group
// A chunk is what one series has in one slice of time (SampleLimits.slice). Chunks lie in the order of slice, rest, group; a page never holds chunks
// of two slices. Series that were collected together have equal timestamps: those lie once, as a sequence that many chunks name. A sequence grows:
// no time twice. In version 2 (raw samples only)
// series share a sequence when their positions are equal too: a reader with a cursor is given what lies behind it, and nothing twice, however samples were merged.
//
// page       := varint length of the heads, varint bytes of their zstd frame (0: not packed), varint bytes of the coded bits, heads, coded, plain bits
//               (SampleNumbers.swift, SampleBits.swift). Its checksum is the lower half of the XXH64 of its bytes.
// time page  := for each sequence: numbers; in version 2 followed by as many numbers that are the positions of the arrivals in which the samples came
// value page := for each chunk: values; of rolled up samples five columns: count, minimum, maximum, sum, last value. The timestamp of a rolled up
//               row is that of the last sample in it, so its minute or hour can be told. Staleness markers count nowhere but as the last value.
//
// Valid is what has the magic, a known version, and checksums that hold. Damage in a page costs that page.

import Blocks
package import Telemetry

/// The header of a sealed block of samples: enough to write its row in the directory of the log again.
package struct SampleHeader: Sendable, Hashable {
    package static let bytes = 96
    package static let versions: ClosedRange<UInt8> = 1...2
    static let magic: [UInt8] = [0x54, 0x63, 0x53, 0x73]

    package var resolution: Resolution
    /// Whether each sample says in which arrival it came: version 2.
    package var hasPositions: Bool
    /// Of the whole block.
    package var length: Int
    package var count: Int
    package var from: Timestamp
    package var to: Timestamp
    package var first: LogPosition
    package var last: LogPosition
    package var directoryBytes: Int
    /// Unpacked; in memory it takes about four times as much.
    package var directoryLength: Int

    /// Header and directory, signed.
    func encode(with directory: [UInt8]) -> [UInt8] {
        var bytes = Self.magic
        bytes += [hasPositions ? 2 : 1, BlockKind.samples.rawValue, resolution.rawValue, 0]
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(UInt64(length))
        bytes.appendLittleEndian(UInt64(count))
        bytes.appendLittleEndian(UInt64(bitPattern: from.nanoseconds))
        bytes.appendLittleEndian(UInt64(bitPattern: to.nanoseconds))
        bytes.appendLittleEndian(first)
        bytes.appendLittleEndian(last)
        bytes.appendLittleEndian(UInt32(directoryBytes))
        bytes.appendLittleEndian(UInt32(directoryLength))
        bytes += [UInt8](repeating: 0, count: 24)
        bytes += directory
        let sum = Checksum.xxh64(bytes.span.extracting(16..<bytes.count))
        for index in 0..<8 { bytes[8 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
        return bytes
    }

    /// From the first ``bytes`` bytes; the checksum is verified when the directory is there, by ``SealedSamples``.
    package init(decoding bytes: [UInt8]) throws(SealedError) {
        guard bytes.count >= Self.bytes, bytes.starts(with: Self.magic) else { throw .damaged("no block of sealed samples begins here") }
        guard Self.versions.contains(bytes[4]) else {
            throw .damaged("sealed samples of version \(bytes[4]), where \(Self.versions.upperBound) is known: upgrade the aggregator")
        }
        guard bytes[5] == BlockKind.samples.rawValue, bytes[7] == 0, let resolution = Resolution(rawValue: bytes[6]) else {
            throw .damaged("sealed samples of kind \(bytes[5]) and resolution \(bytes[6])")
        }
        hasPositions = bytes[4] == 2
        guard !hasPositions || resolution == .raw else { throw .damaged("rolled up samples with positions") }
        do throws(BlockError) {
            var cursor = ByteCursor(16..<Self.bytes)
            func word(_ cursor: inout ByteCursor) throws(BlockError) -> UInt64 { try cursor.littleEndian64(in: bytes.span) }
            let (length, count) = (try word(&cursor), try word(&cursor))
            guard length <= 1 << 40, count <= 1 << 40 else { throw .malformed("a length of \(length) bytes, \(count) rows") }
            (self.length, self.count, self.resolution) = (Int(length), Int(count), resolution)
            from = Timestamp(nanoseconds: Int64(bitPattern: try word(&cursor)))
            to = Timestamp(nanoseconds: Int64(bitPattern: try word(&cursor)))
            first = try word(&cursor)
            last = try word(&cursor)
            directoryBytes = Int(try cursor.littleEndian32(in: bytes.span))
            directoryLength = Int(try cursor.littleEndian32(in: bytes.span))
            guard Self.bytes + directoryBytes <= self.length, directoryLength <= 1 << 31 else {
                throw .malformed("a directory longer than the block")
            }
        } catch {
            throw .damaged("the header of sealed samples: \(error)")
        }
    }

    init(resolution: Resolution, count: Int, from: Int64, to: Int64, first: LogPosition, last: LogPosition) {
        (self.resolution, self.count, self.first, self.last) = (resolution, count, first, last)
        (self.from, self.to) = (Timestamp(nanoseconds: from), Timestamp(nanoseconds: to))
        (length, directoryBytes, directoryLength) = (0, 0, 0)
        hasPositions = resolution == .raw
    }
}
