import Blocks

/// The correlation ids of a sealed block, where they lie: found and made one at a time.
struct CorrelationTexts {
    private let payload: Payload
    private let isPacked: Bool
    let count: Int
    /// Where each lies: in the packed bytes, or in the others. Not there when all packed ones have one length.
    private let ranges: [Range<Int>]
    /// Bytes that each packed one takes; 0: not all the same.
    private let width: Int

    init(_ payload: Payload) throws(BlockError) {
        let bytes = payload.compressible.span
        var cursor = ByteCursor(payload.compressible.indices)
        let size = try cursor.count(in: bytes)
        isPacked = try cursor.byte(in: bytes) == 1
        count = size
        // Trace ids: tens of thousands of one length. Their lengths are compared, not read one by one.
        if isPacked, size > 0, let width = CorrelationTexts.width(payload.compressible, from: cursor.offset, count: size) {
            guard width * size <= payload.packed.count else { throw .malformed("a correlation id is missing") }
            (self.payload, self.width, ranges) = (payload, width, [])
            return
        }
        var ranges = [Range<Int>]()
        ranges.reserveCapacity(size)
        var offset = 0
        for _ in 0..<size {
            if isPacked {
                let length = try cursor.varint(in: bytes)
                guard length <= UInt64(payload.packed.count - offset) else { throw .malformed("a correlation id is missing") }
                ranges.append(offset..<offset + Int(length))
                offset += Int(length)
            } else {
                ranges.append(try cursor.text(in: bytes))
            }
        }
        (self.payload, self.ranges, width) = (payload, ranges, 0)
    }

    /// The length that each of `count` one-byte lengths gives; nil when they differ or take more than a byte.
    private static func width(_ bytes: [UInt8], from start: Int, count: Int) -> Int? {
        guard start + count <= bytes.count, bytes[start] < 0x80 else { return nil }
        let first = bytes[start]
        let differences = unsafe bytes.withUnsafeBufferPointer { bytes in
            var all: UInt8 = 0
            for index in start..<start + count { unsafe all |= bytes[index] ^ first }
            return all
        }
        return differences == 0 ? Int(first) : nil
    }

    private func range(_ index: Int) -> Range<Int> { width > 0 ? index * width..<(index + 1) * width : ranges[index] }

    func text(_ index: Int) throws(BlockError) -> String {
        guard isPacked else {
            guard UTF8.isValid(payload.compressible.span.extracting(ranges[index])) else { throw .malformed("a correlation id is not UTF-8") }
            return String(decoding: payload.compressible[ranges[index]], as: UTF8.self)
        }
        return String(
            decoding: payload.packed[range(index)].flatMap { [CorrelationTexts.digit($0 >> 4), CorrelationTexts.digit($0 & 15)] },
            as: UTF8.self
        )
    }

    /// Which one it is; nil when it is none of them.
    func place(of id: [UInt8]) -> Int? {
        if !isPacked { return ranges.firstIndex { payload.compressible[$0].elementsEqual(id) } }
        guard let packed = CorrelationColumn.packed(id), width == 0 || width == packed.count else { return nil }
        return unsafe payload.packed.withUnsafeBufferPointer { bytes in
            (0..<count).first { index in
                let range = range(index)
                guard range.count == packed.count else { return false }
                for index in packed.indices where unsafe bytes[range.lowerBound + index] != packed[index] { return false }
                return true
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}

extension CorrelationColumn {
    /// By row: 0 none, else a place plus one.
    ///
    /// - Parameters:
    ///   - count: of the first rows only, where no more are wanted.
    ///   - before: how many entries stand in rows before these.
    static func decodeCodes(_ bytes: [UInt8], count: Int, after before: Int) throws(BlockError) -> [UInt32] {
        var codes = [UInt32]()
        codes.reserveCapacity(count)
        var (offset, newest) = (0, UInt32(before))
        for _ in 0..<count {
            guard offset < bytes.count else { throw .malformed("correlation ids of \(codes.count) rows where \(count) belong") }
            var code = UInt64(bytes[offset])
            if code < 0x80 {
                offset += 1
            } else if offset + 1 < bytes.count, bytes[offset + 1] < 0x80 {
                // Most are of one or two bytes.
                code = code & 0x7F | UInt64(bytes[offset + 1]) << 7
                offset += 2
            } else {
                var cursor = ByteCursor(offset..<bytes.count)
                code = try cursor.varint(in: bytes.span)
                offset = cursor.offset
            }
            if code == 0 {
                codes.append(0)
            } else if code == 1 {
                newest += 1
                codes.append(newest)
            } else {
                guard code - 2 < UInt64(newest) else { throw .malformed("a correlation id before the first") }
                codes.append(newest - UInt32(code - 2))
            }
        }
        return codes
    }
}
