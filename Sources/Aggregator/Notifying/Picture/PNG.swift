import CDeflate

/// PNG (RFC 2083): one palette, eight bits a pixel, packed by libdeflate. Each chunk is its length, its name, its bytes and the CRC-32 of name and bytes.
enum PNG {
    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// - Parameter pixels: row by row, an index into the palette each; `width * height` of them.
    static func encode(_ pixels: [UInt8], width: Int, height: Int, palette: [(UInt8, UInt8, UInt8)]) -> [UInt8] {
        precondition(pixels.count == width * height, "a pixel for each place")
        var rows: [UInt8] = []
        rows.reserveCapacity((width + 1) * height)
        for row in 0..<height {
            // Filter 0: most rows are long runs of one colour anyway.
            rows.append(0)
            rows += pixels[row * width..<(row + 1) * width]
        }
        // Depth 8, colour type 3 (palette), deflate, no filter of its own, not interlaced.
        let header = number(UInt32(width)) + number(UInt32(height)) + [8, 3, 0, 0, 0]
        return signature + chunk("IHDR", header) + chunk("PLTE", palette.flatMap { [$0.0, $0.1, $0.2] }) + chunk("IDAT", packed(rows))
            + chunk("IEND", [])
    }

    private static func chunk(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
        let named = Array(name.utf8) + bytes
        let sum = unsafe named.withUnsafeBytes { unsafe libdeflate_crc32(0, $0.baseAddress, $0.count) }
        return number(UInt32(bytes.count)) + named + number(sum)
    }

    private static func number(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    /// zlib's format (RFC 1950).
    private static func packed(_ bytes: [UInt8]) -> [UInt8] {
        guard let compressor = unsafe libdeflate_alloc_compressor(9) else { preconditionFailure("libdeflate cannot start: out of memory") }
        defer { unsafe libdeflate_free_compressor(compressor) }
        let bound = unsafe libdeflate_zlib_compress_bound(compressor, bytes.count)
        return unsafe bytes.withUnsafeBytes { input in
            unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
                count = unsafe libdeflate_zlib_compress(compressor, input.baseAddress, input.count, output.baseAddress, bound)
                precondition(count > 0, "libdeflate's bound was not enough")
            }
        }
    }
}
