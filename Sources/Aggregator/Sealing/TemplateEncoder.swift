import Blocks
import Glibc

/// Takes the texts of a page apart into templates and numbers (see TextPage). The words of a template's text that hold no number are told once, not once a row.
struct TemplateEncoder {
    /// A word with numbers in it: where it stands in the template, and how many numbers stand before its begin and its end.
    private struct NumberedWord {
        let range: Range<Int>
        let before: Int
        let through: Int
    }

    private struct Template {
        let bytes: [UInt8]
        let hash: UInt64
        /// Numbers of a row.
        let places: Int
        /// All numbers, row by row: one append a row costs less than one for each number.
        var values: [UInt64] = []
        /// Digits of each.
        var widths: [UInt8] = []
        var words: [NumberedWord] = []
        /// Its words must be looked for in each row: escapes, or letters beyond ASCII beside a number.
        var isVisited = false

        /// All numbers that stood in one place, in the order of the rows.
        func encode(_ place: Int, into payload: inout Payload) {
            let indices = stride(from: place, to: self.values.count, by: places)
            let (values, widths) = (indices.map { self.values[$0] }, indices.map { self.widths[$0] })
            NumberColumn.encode(values, compressible: &payload.compressible, packed: &payload.packed)
            if zip(values, widths).allSatisfy({ Int($1) == TextPage.digits(of: $0) }) {
                payload.compressible.append(0)
            } else if let width = widths.first, widths.allSatisfy({ $0 == width }) {
                payload.compressible += [1, width]
            } else {
                payload.compressible.append(2)
                payload.compressible += widths
            }
        }
    }

    private let content: TextPage.Content
    private let templatesMax: Int
    private var templates: [Template] = []
    /// Open addressing by hash: number + 1, 0 = free.
    private var slots = [UInt16](repeating: 0, count: 2048)
    private var last = 0
    /// The text without its digits, and its numbers.
    private var scratch: [UInt8] = []
    private var values: [UInt64] = []
    private var widths: [UInt8] = []

    init(_ content: TextPage.Content, templatesMax: Int) { (self.content, self.templatesMax) = (content, min(templatesMax, 1000)) }

    /// Nil where plain text is the better form; some words may have been told then.
    mutating func encode(_ texts: [UInt8], _ ranges: [Range<Int>?], words: inout HashSet) -> Payload? {
        var codes = [UInt16]()
        codes.reserveCapacity(ranges.count)
        for range in ranges {
            guard let range else {
                codes.append(0)
                continue
            }
            guard split(texts, range), let template = find(&words) else { return nil }
            take(template, texts, range, &words)
            codes.append(UInt16(template + 1))
        }
        var payload = Payload()
        payload.compressible.append(1)
        payload.compressible.appendVarint(UInt64(templates.count))
        for template in templates {
            payload.compressible.appendVarint(UInt64(template.bytes.count))
            payload.compressible += template.bytes
        }
        payload.compressible.append(contentsOf: codes.lazy.map { UInt8(truncatingIfNeeded: $0) })
        if templates.count >= 255 { payload.compressible.append(contentsOf: codes.lazy.map { UInt8($0 >> 8) }) }
        for template in templates {
            for place in 0..<template.places { template.encode(place, into: &payload) }
        }
        return payload
    }

    /// False: a byte 0 stands in the text.
    private mutating func split(_ texts: [UInt8], _ range: Range<Int>) -> Bool {
        // Words of eight bytes are copied whole, so there is room for one more.
        if scratch.count < range.count + 8 { scratch = [UInt8](repeating: 0, count: (range.count + 8) * 2) }
        values.removeAll(keepingCapacity: true)
        widths.removeAll(keepingCapacity: true)
        var end = 0
        let isWhole = unsafe texts.withUnsafeBufferPointer { texts in
            unsafe scratch.withUnsafeMutableBufferPointer { scratch in
                var index = range.lowerBound
                while index < range.upperBound {
                    if index + 8 <= range.upperBound {
                        let word = unsafe UnsafeRawPointer(texts.baseAddress! + index).loadUnaligned(as: UInt64.self)
                        unsafe UnsafeMutableRawPointer(scratch.baseAddress! + end).storeBytes(of: word, as: UInt64.self)
                        let plain = Self.plainBytes(of: word)
                        (index, end) = (index + plain, end + plain)
                        if plain == 8 { continue }
                    }
                    var byte = unsafe texts[index]
                    if byte &- 0x30 >= 10 || values.count == TextPage.numbersMax {
                        if byte == TextPage.placeholder { return false }
                        unsafe scratch[end] = byte
                        end += 1
                        index += 1
                        continue
                    }
                    var (value, width): (UInt64, UInt8) = (0, 0)
                    repeat {
                        value = value &* 10 &+ UInt64(byte &- 0x30)
                        width += 1
                        index += 1
                        byte = unsafe index < range.upperBound ? texts[index] : 0
                    } while byte &- 0x30 < 10 && width < TextPage.digitsMax
                    unsafe scratch[end] = TextPage.placeholder
                    end += 1
                    values.append(value)
                    widths.append(width)
                }
                return true
            }
        }
        length = end
        return isWhole
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

    private var length = 0

    /// The template that ``split(_:_:)`` has found; nil when there would be too many.
    private mutating func find(_ words: inout HashSet) -> Int? {
        if !templates.isEmpty, isSame(last) { return last }
        let hash = WordHash.hash(scratch.span.extracting(0..<length))
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let known = Int(slots[slot]) - 1
            if templates[known].hash == hash, isSame(known) {
                last = known
                return known
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        guard templates.count < templatesMax else { return nil }
        var template = Template(bytes: Array(scratch[..<length]), hash: hash, places: values.count)
        findWords(of: &template, &words)
        templates.append(template)
        slots[slot] = UInt16(templates.count)
        last = templates.count - 1
        return last
    }

    private func isSame(_ template: Int) -> Bool {
        guard templates[template].bytes.count == length else { return false }
        return unsafe templates[template].bytes.withUnsafeBytes { known in
            unsafe scratch.withUnsafeBytes { scratch in
                guard let known = known.baseAddress, let scratch = scratch.baseAddress else { return length == 0 }
                return unsafe memcmp(known, scratch, length) == 0
            }
        }
    }

    /// Words without a number are told now, those with one are remembered.
    private func findWords(of template: inout Template, _ words: inout HashSet) {
        let bytes = template.bytes
        var parts: [Range<Int>] = []
        switch content {
        case .message: parts = [0..<bytes.count]
        case .data:
            var hasEscapes = false
            Words.forEachString(in: bytes.span) { range, isEscaped in
                parts.append(range)
                if isEscaped { hasEscapes = true }
            }
            if hasEscapes {
                template.isVisited = true
                return
            }
        }
        var numbered: [NumberedWord] = []
        var isVisited = false
        var told: [UInt64] = []
        // Words come in the order in which they begin: the numbers before one are counted from the one before.
        var (before, counted) = (0, 0)
        func numbers(in range: Range<Int>) -> Int { bytes[range].count { $0 == TextPage.placeholder } }
        for part in parts {
            Words.forEachWord(in: bytes.span, part, isTemplate: true) { range, isWide in
                let own = numbers(in: range)
                switch (isWide, hasNumbers: own > 0) {
                case (false, false): told.append(WordHash.folded(bytes.span, range))
                case (true, false): Words.visitWide(bytes.span.extracting(range)) { told.append($0) }
                case (true, true): isVisited = true
                case (false, true):
                    before += numbers(in: counted..<range.lowerBound)
                    counted = range.lowerBound
                    numbered.append(NumberedWord(range: range, before: before, through: before + own))
                }
            }
        }
        if isVisited {
            template.isVisited = true
            return
        }
        for hash in told { words.insert(hash) }
        template.words = numbered
    }

    /// One more row of a template.
    private mutating func take(_ number: Int, _ texts: [UInt8], _ range: Range<Int>, _ words: inout HashSet) {
        templates[number].values += values
        templates[number].widths += widths
        if templates[number].isVisited { return words.insert(texts.span.extracting(range), content) }
        for word in templates[number].words {
            // A number is one byte in the template and its digits in the text.
            var start = range.lowerBound + word.range.lowerBound
            for index in 0..<word.before { start += Int(widths[index]) - 1 }
            var end = start + word.range.count
            for index in word.before..<word.through { end += Int(widths[index]) - 1 }
            words.insert(WordHash.folded(texts.span, start..<end))
        }
    }
}

extension HashSet {
    mutating func insert(_ text: Span<UInt8>, _ content: TextPage.Content) {
        var hashes: [UInt64] = []
        switch content {
        case .message: Words.visit(text: text) { hashes.append($0) }
        case .data: Words.visit(data: text) { hashes.append($0) }
        }
        for hash in hashes { insert(hash) }
    }
}
