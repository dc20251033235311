/// Takes the numbers out of texts, one text after the other.
struct TextSplitter {
    /// The numbers of all texts as they stand, and the digits of each; of ``count``, behind which is room.
    private(set) var values = [UInt64](repeating: 0, count: 4096)
    private(set) var widths = [UInt8](repeating: 0, count: 4096)
    private(set) var count = 0

    // MARK: The text that was split last

    /// The text with a ``TextTemplates/number`` for each number: its first ``length`` bytes.
    private(set) var template: [UInt8] = []
    private(set) var length = 0
    /// Where its numbers begin; they reach to ``count``.
    private(set) var first = 0
    /// Which of them stand with leading zeros, a bit each.
    private(set) var padded: UInt64 = 0

    /// False: a byte 0 stands in the text.
    mutating func split(_ texts: [UInt8], _ range: Range<Int>) -> Bool {
        // Words of eight bytes are copied whole, so there is room for one more.
        if template.count < range.count + 8 { template = [UInt8](repeating: 0, count: (range.count + 8) * 2) }
        if values.count < count + TextPage.numbersMax {
            values += [UInt64](repeating: 0, count: values.count)
            widths += [UInt8](repeating: 0, count: widths.count)
        }
        (first, padded) = (count, 0)
        var (end, number) = (0, count)
        let numbersMax = count + TextPage.numbersMax
        var zeros: UInt64 = 0
        let isWhole = unsafe texts.withUnsafeBufferPointer { texts in
            unsafe template.withUnsafeMutableBufferPointer { template in
                unsafe values.withUnsafeMutableBufferPointer { values in
                    unsafe widths.withUnsafeMutableBufferPointer { widths in
                        var index = range.lowerBound
                        while index < range.upperBound {
                            if index + 8 <= range.upperBound {
                                let word = unsafe UnsafeRawPointer(texts.baseAddress! + index).loadUnaligned(as: UInt64.self)
                                unsafe UnsafeMutableRawPointer(template.baseAddress! + end).storeBytes(of: word, as: UInt64.self)
                                let plain = Self.plainBytes(of: word)
                                (index, end) = (index + plain, end + plain)
                                if plain == 8 { continue }
                            }
                            let byte = unsafe texts[index]
                            if byte &- 0x30 >= 10 || number == numbersMax {
                                if byte == TextTemplates.number { return false }
                                unsafe template[end] = byte
                                end += 1
                                index += 1
                                continue
                            }
                            let (value, width) = unsafe Self.number(in: texts, index..<range.upperBound)
                            if byte == UInt8(ascii: "0"), width > 1 { zeros |= 1 << UInt64(number - first) }
                            unsafe values[number] = value
                            unsafe widths[number] = UInt8(truncatingIfNeeded: width)
                            number += 1
                            unsafe template[end] = TextTemplates.number
                            end += 1
                            index += width
                        }
                        return true
                    }
                }
            }
        }
        (count, length, padded) = (number, end, zeros)
        return isWhole
    }

    /// The number that begins there, and its digits, at most ``TextPage/digitsMax``.
    @inline(__always)
    private static func number(in texts: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> (value: UInt64, digits: Int) {
        var (value, digits) = (UInt64(0), 0)
        // Most have fewer digits than a word has bytes: all at once, without a branch for each.
        if range.count >= 8 {
            let word = unsafe UInt64(littleEndian: UnsafeRawPointer(texts.baseAddress! + range.lowerBound).loadUnaligned(as: UInt64.self))
            let numbers = word ^ 0x3030_3030_3030_3030
            // A sum above 255 carries into the byte behind: the first that is no digit is sure.
            let others = ((numbers &+ 0x7676_7676_7676_7676) | numbers) & 0x8080_8080_8080_8080
            digits = others.trailingZeroBitCount >> 3
            value = eight(numbers << UInt64(64 - 8 * digits))
            if digits < 8 { return (value, digits) }
        }
        while digits < min(TextPage.digitsMax, range.count), case let digit = unsafe texts[range.lowerBound + digits] &- 0x30, digit < 10 {
            value = value &* 10 &+ UInt64(digit)
            digits += 1
        }
        return (value, digits)
    }

    /// Of eight digits, a byte each, the first in the lowest: neighbours are put together three times.
    @inline(__always)
    private static func eight(_ digits: UInt64) -> UInt64 {
        let twos = (digits &* (10 << 8 + 1)) >> 8 & 0x00FF_00FF_00FF_00FF
        let fours = (twos &* (100 << 16 + 1)) >> 16 & 0x0000_FFFF_0000_FFFF
        return (fours &* (10_000 << 32 + 1)) >> 32
    }

    /// How many of a word's bytes come before the first digit or byte 0.
    private static func plainBytes(of word: UInt64) -> Int {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let word = UInt64(littleEndian: word)
        // A byte below n (at most 128) borrows its top bit when n is taken from each; a borrow also reaches bytes above it, so the lowest alone is sure.
        let unlikeDigits = word ^ (0x30 * ones)
        let digits = (unlikeDigits &- 10 * ones) & ~unlikeDigits
        let zeros = (word &- ones) & ~word
        return ((digits | zeros) & tops).trailingZeroBitCount / 8
    }
}
