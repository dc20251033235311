import Blocks

/// Numbers of a few bits each, one behind the other, least significant bit first; the last byte is filled with zeros.
enum BitPacking {
    /// Bits that hold every number up to `greatest`.
    static func width(of greatest: UInt64) -> Int { 64 - greatest.leadingZeroBitCount }

    static func byteCount(_ count: Int, width: Int) -> Int { (count * width + 7) / 8 }

    /// - Precondition: each number less `least` is below 2^width; `width` is at most 64.
    static func append(_ values: [UInt64], less least: UInt64 = 0, width: Int, to bytes: inout [UInt8]) {
        guard width > 0, !values.isEmpty else { return }
        let count = byteCount(values.count, width: width)
        // Whole words are written: up to seven bytes more than are kept.
        let packed = unsafe [UInt8](unsafeUninitializedCapacity: count + 8) { buffer, end in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            var (pending, filled, offset): (UInt64, Int, Int) = (0, 0, 0)
            for number in values {
                let value = number &- least
                pending |= value << UInt64(filled)
                filled += width
                guard filled >= 64 else { continue }
                unsafe raw.storeBytes(of: pending.littleEndian, toByteOffset: offset, as: UInt64.self)
                offset += 8
                filled -= 64
                pending = filled == 0 ? 0 : value >> UInt64(width - filled)
            }
            if filled > 0 { unsafe raw.storeBytes(of: pending.littleEndian, toByteOffset: offset, as: UInt64.self) }
            end = count
        }
        bytes += packed
    }

    /// - Precondition: `bytes` holds ``byteCount(_:width:)`` bytes from `start` on.
    static func unpack(_ bytes: Span<UInt8>, from start: Int, count: Int, width: Int) -> [UInt64] {
        guard width > 0 else { return [UInt64](repeating: 0, count: count) }
        let end = start + byteCount(count, width: width)
        precondition(start >= 0 && end <= bytes.count && width <= 64, "packed numbers lie outside of their bytes")
        let mask = width == 64 ? UInt64.max : 1 << UInt64(width) - 1
        var values = [UInt64]()
        values.reserveCapacity(count)
        var bit = 0
        unsafe bytes.withUnsafeBytes { raw in
            for _ in 0..<count {
                let (byte, shift) = (start + bit / 8, UInt64(bit % 8))
                var value: UInt64
                if byte + 9 <= end {
                    value = unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) >> shift
                    if shift > 0 { value |= unsafe UInt64(raw[byte + 8]) << (64 - shift) }
                } else {
                    value = 0
                    for index in stride(from: min(byte + 8, end - 1), through: byte, by: -1) {
                        let place = 8 * (index - byte)
                        let piece = unsafe UInt64(raw[index])
                        value |=
                            place >= Int(shift)
                            ? (place - Int(shift) < 64 ? piece << UInt64(place - Int(shift)) : 0) : piece >> UInt64(Int(shift) - place)
                    }
                }
                values.append(value & mask)
                bit += width
            }
        }
        return values
    }
}
