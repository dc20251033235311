extension [UInt8] {
    /// LEB128: seven bits a byte, least significant first, the top bit says that more follow.
    package mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    package mutating func appendZigzag(_ value: Int64) { appendVarint(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    package mutating func appendLittleEndian(_ value: some FixedWidthInteger & UnsignedInteger) {
        var rest = value
        for _ in 0..<value.bitWidth / 8 {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// A varint length and the bytes.
    package mutating func appendText(_ text: String) {
        let span = text.utf8Span.span
        appendVarint(UInt64(span.count))
        append(span)
    }

    package mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

/// Reads forward through bytes and never past `end`. It keeps an offset only, so that the span is passed along and nothing is copied.
package struct ByteCursor: Sendable {
    package private(set) var offset: Int
    package let end: Int

    /// - Precondition: the range lies inside the bytes that are passed later.
    package init(_ range: Range<Int>) { (offset, end) = (range.lowerBound, range.upperBound) }

    package var isAtEnd: Bool { offset == end }
    package var remaining: Int { end - offset }

    /// Passes over a byte that was looked at.
    /// - Precondition: a byte is left.
    mutating func advance() {
        precondition(offset < end, "no byte is left")
        offset += 1
    }

    package mutating func byte(in bytes: Span<UInt8>) throws(BlockError) -> UInt8 {
        guard offset < end else { throw .malformed("it ends too early, at byte \(end)") }
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func varint(in bytes: Span<UInt8>) throws(BlockError) -> UInt64 {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while true {
            guard offset < end else { throw .malformed("it ends too early, at byte \(end)") }
            let byte = bytes[offset]
            offset += 1
            if byte < 0x80 {
                guard shift < 63 || byte <= 1 else { throw .malformed("a number of more than 64 bits at byte \(offset)") }
                return value | UInt64(byte) << shift
            }
            guard shift < 63 else { throw .malformed("a number of more than 64 bits at byte \(offset)") }
            value |= UInt64(byte & 0x7F) << shift
            shift += 7
        }
    }

    package mutating func zigzag(in bytes: Span<UInt8>) throws(BlockError) -> Int64 {
        let value = try varint(in: bytes)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number of things of which each takes at least `bytesEach` of the bytes that are left: so the memory for them stays in proportion.
    package mutating func count(bytesEach: Int = 1, in bytes: Span<UInt8>) throws(BlockError) -> Int {
        let value = try varint(in: bytes)
        guard value <= UInt64(remaining / bytesEach) else {
            throw .malformed("a count of \(value) at byte \(offset), where \(remaining) bytes are left")
        }
        return Int(value)
    }

    /// The range of the next `count` bytes.
    package mutating func take(_ count: Int) throws(BlockError) -> Range<Int> {
        guard count >= 0, count <= remaining else { throw .malformed("it ends too early, at byte \(end)") }
        defer { offset += count }
        return offset..<offset + count
    }

    /// Range of a text with a varint length before it.
    package mutating func text(in bytes: Span<UInt8>) throws(BlockError) -> Range<Int> {
        try take(try count(in: bytes))
    }

    package mutating func string(in bytes: [UInt8]) throws(BlockError) -> String {
        let range = try text(in: bytes.span)
        guard UTF8.isValid(bytes.span.extracting(range)) else { throw .malformed("a text at byte \(range.lowerBound) is not UTF-8") }
        return String(decoding: bytes[range], as: UTF8.self)
    }

    package mutating func littleEndian32(in bytes: Span<UInt8>) throws(BlockError) -> UInt32 {
        let range = try take(4)
        var value: UInt32 = 0
        for index in range.reversed() { value = value << 8 | UInt32(bytes[index]) }
        return value
    }

    package mutating func littleEndian64(in bytes: Span<UInt8>) throws(BlockError) -> UInt64 {
        let range = try take(8)
        return BlockFormat.littleEndian64(bytes, at: range.lowerBound)
    }
}

extension UTF8 {
    /// Whether the bytes are well-formed UTF-8 as a whole.
    package static func isValid(_ bytes: Span<UInt8>) -> Bool {
        do {
            _ = try UTF8Span(validating: bytes)
            return true
        } catch {
            return false
        }
    }
}
