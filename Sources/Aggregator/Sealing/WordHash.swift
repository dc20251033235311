/// A hash that is on disk: it never changes.
enum WordHash {
    private static let prime: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Eight bytes at a time.
    static func hash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        var hash = seed ^ UInt64(bytes.count) &* prime
        unsafe bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset + 8 <= raw.count {
                hash = mix(hash, unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset += 8
            }
            if offset < raw.count {
                var word: UInt64 = 0
                for index in stride(from: raw.count - 1, through: offset, by: -1) { word = unsafe word << 8 | UInt64(raw[index]) }
                hash = mix(hash, word)
            }
        }
        return hash ^ hash >> 29
    }

    /// The same for a word in either case: bit 5 of each byte is set, which makes small letters of capitals and keeps different words apart.
    static func folded(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var hash = UInt64(range.count) &* prime
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a word lies outside of its text")
        unsafe bytes.withUnsafeBytes { raw in
            var offset = range.lowerBound
            while offset + 8 <= range.upperBound {
                hash = mix(hash, unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) | 0x2020_2020_2020_2020)
                offset += 8
            }
            let rest = range.upperBound - offset
            guard rest > 0 else { return }
            var word: UInt64 = 0
            if offset + 8 <= raw.count {
                word = unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            } else {
                for index in stride(from: range.upperBound - 1, through: offset, by: -1) { word = unsafe word << 8 | UInt64(raw[index]) }
            }
            let mask = UInt64.max >> UInt64(64 - 8 * rest)
            hash = mix(hash, word & mask | 0x2020_2020_2020_2020 & mask)
        }
        return hash ^ hash >> 29
    }

    private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: prime)
        return product.high ^ product.low &+ 0xD6E8_FEB8_6659_FD93
    }
}
