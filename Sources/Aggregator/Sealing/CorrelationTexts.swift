import Blocks

/// The correlation ids of a sealed block, where they lie: found and made one at a time.
struct CorrelationTexts {
    private let payload: Payload
    private let isPacked: Bool
    /// Where each lies: in the packed bytes, or in the others.
    private let ranges: [Range<Int>]

    var count: Int { ranges.count }

    init(_ payload: Payload) throws(BlockError) {
        let bytes = payload.compressible.span
        var cursor = ByteCursor(payload.compressible.indices)
        let size = try cursor.count(in: bytes)
        isPacked = try cursor.byte(in: bytes) == 1
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
        (self.payload, self.ranges) = (payload, ranges)
    }

    func text(_ index: Int) throws(BlockError) -> String {
        guard isPacked else {
            guard UTF8.isValid(payload.compressible.span.extracting(ranges[index])) else { throw .malformed("a correlation id is not UTF-8") }
            return String(decoding: payload.compressible[ranges[index]], as: UTF8.self)
        }
        return String(
            decoding: payload.packed[ranges[index]].flatMap { [CorrelationTexts.digit($0 >> 4), CorrelationTexts.digit($0 & 15)] },
            as: UTF8.self
        )
    }

    /// Which one it is; nil when it is none of them.
    func place(of id: [UInt8]) -> Int? {
        if !isPacked { return ranges.firstIndex { payload.compressible[$0].elementsEqual(id) } }
        guard let packed = CorrelationColumn.packed(id) else { return nil }
        return unsafe payload.packed.withUnsafeBufferPointer { bytes in
            ranges.firstIndex { range in
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
    static func decodeCodes(_ bytes: [UInt8], count: Int) throws(BlockError) -> [UInt32] {
        var codes = [UInt32]()
        codes.reserveCapacity(count)
        var cursor = ByteCursor(bytes.indices)
        var newest = 0
        for _ in 0..<count {
            let code = try cursor.varint(in: bytes.span)
            if code == 0 {
                codes.append(0)
            } else if code == 1 {
                newest += 1
                codes.append(UInt32(newest))
            } else {
                guard code - 2 < UInt64(newest) else { throw .malformed("a correlation id before the first") }
                codes.append(UInt32(newest) - UInt32(code - 2))
            }
        }
        return codes
    }
}
