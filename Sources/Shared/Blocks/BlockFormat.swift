// The wire block, version 1. All numbers are little-endian; `varint` is LEB128 of an unsigned 64-bit number, `zigzag` a varint of a signed
// one with the sign in bit 0. The format never changes: another layout is another version, and Tests/Fixtures/wire holds bytes of each.
//
//   offset  bytes  field
//        0      4  magic "TcBk"
//        4      1  version, 1
//        5      1  kind: 1 events, 2 samples, 3 alerts
//        6      2  number of columns
//        8      8  checksum: XXH64 of bytes 16…, its seed bytes 0…7 read as a number
//       16      4  length of the whole block
//       20      4  rows
//       24      8  the earliest timestamp of the rows, nanoseconds; 0 when there are no rows
//       32      8  the latest timestamp of the rows
//       40         directory: per column its id (1 byte) and length (4 bytes), ids ascending
//                  then the columns in the same order, without holes
//
// dictionary   := varint n, n × (varint length, bytes)
// codes(c)     := rows × code, each 0, 1, 2 or 4 bytes wide: the least width that holds the numbers below c (c ≤ 1: no bytes)
// texts        := varint bytes of the lengths, rows × varint (0 = absent, else length + 1), then all texts one after the other
//
// Events, column by id:
//    1 timestamps    zigzag: the first against the header's earliest, each other against the row before
//    2 source        dictionary, codes(n)
//    3 type          dictionary, codes(n)
//    4 severity      one byte a row: 0 debug … 4 critical
//    5 host          dictionary, codes(n)
//    6 correlation   dictionary, codes(n + 1): 0 = none, else entry code - 1. Left out when no row has one
//    7 tags          dictionary of tags, dictionary of tag lists (each entry: varint numbers of tags), codes(n of lists). Left out when no row has tags
//    8 messages      texts. Left out when no row has one
//    9 data          texts, absent = `{}`. Left out when no row has data
//   10 ids           one bit a row (least significant first) that says whether it has an id, then 16 bytes for each that has. Left out when none has
//   11 numbered      instead of 9, data that differ in a number: varint n ≤ 64, n × template (varint bytes before the number ≤ 1024, varint length, the
//                    bytes before the number and those behind it ≤ 16), rows × 1 byte (0 = `{}`, else template + 1), then for each row that has one
//                    zigzag: its number, in decimal without leading zeros, against the one expected: 0 at first, then the number before of the same
//                    template + bytes of that row's message + 1. All texts together: at most 16 MiB
//
// Samples:
//    1 strings       dictionary of label names and values
//    2 series        varint n, n × (varint labels, labels × (varint name, varint value))
//    3 series of row zigzag: each against the row before, the first against 0
//    4 timestamps    as in events
//    5 values        per row the bits XOR those of the same series' value before (0 at first), as one byte z << 4 | m and then m bytes, most
//                    significant first: z leading zero bytes, m bytes that matter, the rest zero
//
// Alerts:
//    1 rows          labels, annotations (varint n, n × two strings), state (0 pending, 1 firing, 2 resolved), activeAt, startsAt (8 bytes each),
//                    1 byte whether it ended, endsAt (8 bytes, 0 when not), value (8 bytes), updatedAt (8 bytes), expression (a string);
//                    string := varint length, bytes. The header's times are those of updatedAt.

package import Telemetry

/// Numbers of the block format.
package enum BlockFormat {
    /// The newest version this program writes and reads.
    package static let version: UInt8 = 1
    package static let headerBytes = 40
    /// Rows that one block may hold; an encoder traps beyond it, so callers split before.
    package static let rowsMax = 1 << 24

    static let magic: [UInt8] = [0x54, 0x63, 0x42, 0x6B]

    enum EventColumn: UInt8 { case timestamps = 1, source, type, severity, host, correlation, tags, messages, data, ids, numbered }
    enum SampleColumn: UInt8, CaseIterable { case strings = 1, series, rows, timestamps, values }
    enum AlertColumn: UInt8 { case rows = 1 }

    /// Bytes a code takes where there are `codes` different ones.
    static func codeWidth(of codes: Int) -> Int { codes <= 1 ? 0 : codes <= 1 << 8 ? 1 : codes <= 1 << 16 ? 2 : 4 }

    /// Puts header, directory and columns together and signs them with the checksum.
    static func assemble(_ kind: BlockKind, rows: Int, from: Int64, to: Int64, columns: [(id: UInt8, bytes: [UInt8])]) -> [UInt8] {
        var bytes = ColumnBuffer<UInt8>()
        for column in columns { unsafe column.bytes.withUnsafeBufferPointer { unsafe bytes.append($0) } }
        return assemble(kind, rows: rows, from: from, to: to, columns: columns.map { ($0.id, $0.bytes.count) }, bytes: bytes)
    }

    /// The same where the columns lie one after the other already.
    static func assemble(
        _ kind: BlockKind,
        rows: Int,
        from: Int64,
        to: Int64,
        columns: [(id: UInt8, length: Int)],
        bytes: borrowing ColumnBuffer<UInt8>
    ) -> [UInt8] {
        let length = headerBytes + columns.count * 5 + bytes.count
        precondition(rows <= rowsMax && length <= Int(UInt32.max), "a block holds at most \(rowsMax) rows and 4 GiB")
        var block = [UInt8]()
        block.reserveCapacity(length)
        block += magic
        block.append(version)
        block.append(kind.rawValue)
        block.appendLittleEndian(UInt16(columns.count))
        block.appendLittleEndian(UInt64(0))
        block.appendLittleEndian(UInt32(length))
        block.appendLittleEndian(UInt32(rows))
        block.appendLittleEndian(UInt64(bitPattern: rows == 0 ? 0 : from))
        block.appendLittleEndian(UInt64(bitPattern: rows == 0 ? 0 : to))
        for column in columns {
            block.append(column.id)
            block.appendLittleEndian(UInt32(column.length))
        }
        unsafe bytes.withElements { unsafe block.append(contentsOf: $0) }
        let sum = checksum(of: block.span)
        for index in 0..<8 { block[8 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
        return block
    }

    /// The checksum that belongs at offset 8. `block` holds at least the header.
    static func checksum(of block: Span<UInt8>) -> UInt64 {
        Checksum.xxh64(block.extracting(16..<block.count), seed: littleEndian64(block, at: 0))
    }

    static func littleEndian64(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        return value
    }
}

/// Why bytes are not a block. Such bytes are hostile or damaged: refuse or set them aside, they never become readable again.
package enum BlockError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The first bytes are not those of a block.
    case notABlock
    /// Written by a newer program.
    case newer(version: UInt8)
    /// The checksum does not hold: bytes changed on the way or on disk.
    case checksum
    /// The checksum holds and the content is wrong all the same; the sentence says where.
    case malformed(String)
    /// It is a block of another kind than asked for.
    case kind(BlockKind)

    package var description: String {
        switch self {
        case .notABlock: "not a block: its first bytes are not \"TcBk\" and a header"
        case .newer(let version):
            "block version \(version) is newer than \(BlockFormat.version), the newest known here: upgrade the program that reads it"
        case .checksum: "block checksum does not match: the bytes changed on the way or on disk"
        case .malformed(let detail): "malformed block: \(detail)"
        case .kind(let kind): "a block of \(kind) where another kind was expected"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .notABlock: "not_a_block"
        case .newer: "newer_version"
        case .checksum: "checksum"
        case .malformed: "malformed"
        case .kind: "kind"
        }
    }
}
