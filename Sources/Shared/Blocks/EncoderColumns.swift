import Telemetry

/// A column of a dictionary and codes, growing.
struct CodedColumn: ~Copyable, Sendable {
    var table = StringTable()
    /// Before it is known how wide they must be.
    var codes = ColumnBuffer<UInt32>()

    init() {}

    @inline(__always)
    mutating func append(_ text: UnsafeBufferPointer<UInt8>) { unsafe codes.append(table.code(of: text)) }

    mutating func append(_ text: String) { codes.append(table.code(of: text)) }

    /// Code 0 is none.
    mutating func append(optional text: String?) { codes.append(text.map { table.code(of: $0) + 1 } ?? 0) }

    /// `dictionary` and `codes(distinct)` of the format.
    func encode(into bytes: inout ColumnBuffer<UInt8>, distinct: Int) {
        table.encode(into: &bytes)
        switch BlockFormat.codeWidth(of: distinct) {
        case 0: break
        case 1:
            bytes.reserve(codes.count)
            for row in 0..<codes.count { bytes.append(UInt8(truncatingIfNeeded: codes[row])) }
        case 2:
            bytes.reserve(2 * codes.count)
            for row in 0..<codes.count {
                bytes.append(UInt8(truncatingIfNeeded: codes[row]))
                bytes.append(UInt8(truncatingIfNeeded: codes[row] >> 8))
            }
        default:
            bytes.reserve(4 * codes.count)
            for row in 0..<codes.count { for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: codes[row] >> shift)) } }
        }
    }
}

extension StringTable {
    mutating func code(of text: String) -> UInt32 {
        let span = text.utf8Span.span
        return unsafe span.withUnsafeBufferPointer { unsafe code(of: $0) }
    }
}

/// `texts` of the format, growing.
struct TextList: ~Copyable, Sendable {
    private(set) var bytes = ColumnBuffer<UInt8>()
    private var lengths = ColumnBuffer<UInt8>()
    private(set) var hasAny = false

    init() {}

    @inline(__always)
    mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
        lengths.appendVarint(UInt64(text.count) + 1)
        unsafe bytes.append(text)
        hasAny = true
    }

    mutating func append(_ text: String) {
        let span = text.utf8Span.span
        unsafe span.withUnsafeBufferPointer { unsafe append($0) }
    }

    mutating func appendNone() { lengths.append(0) }

    func encode(into column: inout ColumnBuffer<UInt8>) {
        column.appendVarint(UInt64(lengths.count))
        column.append(lengths)
        column.append(bytes)
    }
}

/// Columns one after the other, and at the end header, directory and checksum around them.
struct BlockWriter: ~Copyable {
    var bytes = ColumnBuffer<UInt8>()
    private var columns: [(id: UInt8, length: Int)] = []
    private var start = 0

    init(bytes expected: Int) {
        bytes.reserve(expected)
        columns.reserveCapacity(12)
    }

    /// All bytes since the last call are the column `id`.
    mutating func close(_ id: UInt8) {
        columns.append((id, bytes.count - start))
        start = bytes.count
    }

    consuming func finish(_ kind: BlockKind, rows: Int, from: Int64, to: Int64) -> [UInt8] {
        BlockFormat.assemble(kind, rows: rows, from: from, to: to, columns: columns, bytes: bytes)
    }
}
