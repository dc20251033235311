import Glibc

/// Finds a short text in a long one, ASCII letters in either case. The needle's least frequent byte is looked for with memchr, which compares
/// 32 bytes at a time; a loop over bytes would cost ten times as much, and a word search reads every message.
struct ByteSearch: Sendable, Hashable {
    /// In lower case, not empty.
    let needle: [UInt8]
    /// The byte that is looked for, and its other case.
    private let anchor: Int
    private let other: UInt8

    init(lowered needle: [UInt8]) {
        precondition(!needle.isEmpty, "nothing to look for")
        self.needle = needle
        anchor = needle.indices.min { ByteSearch.frequency(needle[$0]) < ByteSearch.frequency(needle[$1]) } ?? 0
        let byte = needle[anchor]
        other = byte &- UInt8(ascii: "a") < 26 ? byte & 0xDF : byte
    }

    /// Where the needle first stands at or behind `start`.
    func first(in text: Span<UInt8>, from start: Int = 0) -> Int? {
        // The last place where the anchor of a whole needle can be.
        let end = text.count - (needle.count - 1 - anchor)
        var place = start + anchor
        return unsafe text.withUnsafeBufferPointer { text -> Int? in
            guard let base = text.baseAddress, place < end else { return nil }
            // The next place of each case; looked for again only when it was passed.
            var (lower, upper) = (-1, other == needle[anchor] ? end : -1)
            while place < end {
                if lower < place { lower = unsafe ByteSearch.next(needle[anchor], in: base, place, end) }
                if upper < place { upper = unsafe ByteSearch.next(other, in: base, place, end) }
                place = min(lower, upper)
                guard place < end else { return nil }
                if unsafe matches(base + (place - anchor)) { return place - anchor }
                place += 1
            }
            return nil
        }
    }

    /// Where the byte next stands in `place..<end`; `end` when it does not.
    private static func next(_ byte: UInt8, in base: UnsafePointer<UInt8>, _ place: Int, _ end: Int) -> Int {
        guard let found = unsafe memchr(base + place, Int32(byte), end - place) else { return end }
        return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    /// - Precondition: as many bytes as the needle has can be read there.
    private func matches(_ text: UnsafePointer<UInt8>) -> Bool {
        for index in needle.indices {
            let byte = unsafe text[index]
            guard (byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte) == needle[index] else { return false }
        }
        return true
    }

    /// About how often a byte stands in logs: letters of English words, then digits and the rest.
    private static func frequency(_ byte: UInt8) -> Int {
        let letters = [UInt8]("etaoinsrhldcumfpgwybvkxjqz".utf8)
        if let rank = letters.firstIndex(of: byte) { return 100 - 3 * rank }
        if byte &- UInt8(ascii: "0") < 10 { return 60 }
        // Stands for a number (TextTemplates).
        if byte == 0 { return 100 }
        return byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") ? 50 : 40
    }
}
