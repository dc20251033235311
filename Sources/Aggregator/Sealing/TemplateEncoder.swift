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

    /// Numbers only: rows come by the ten thousand, and what has a reference in it would be counted for each.
    private struct Template {
        /// Of the texts of all templates.
        let text: Range<Int>
        let hash: UInt64
        /// Numbers of a row.
        let places: Int
        /// Of all words with numbers.
        var words = 0..<0
        /// Its words must be looked for in each row: escapes, or letters beyond ASCII beside a number.
        var isVisited = false
        var rows = 0
        /// Where a number has stood with leading zeros: a bit a place.
        var padded: UInt64 = 0
    }

    private let content: TextPage.Content
    private let templatesMax: Int
    private var templates: [Template] = []
    private var texts: [UInt8] = []
    private var words: [NumberedWord] = []
    /// Open addressing by hash: number + 1, 0 = free.
    private var slots = [UInt16](repeating: 0, count: 2048)
    private var last = 0
    private var splitter = TextSplitter()

    init(_ content: TextPage.Content, templatesMax: Int) { (self.content, self.templatesMax) = (content, min(templatesMax, 1000)) }

    /// Nil where plain text is the better form; some words may have been told then.
    mutating func encode(_ texts: [UInt8], _ ranges: [Range<Int>?], words: inout HashSet) -> Payload? {
        var codes = [UInt16]()
        codes.reserveCapacity(ranges.count)
        // By row that has a text: where its numbers begin.
        var firsts = [Int]()
        firsts.reserveCapacity(ranges.count)
        for range in ranges {
            guard let range else {
                codes.append(0)
                continue
            }
            guard splitter.split(texts, range), let template = find(&words) else { return nil }
            take(template, texts, range, &words)
            codes.append(UInt16(template + 1))
            firsts.append(splitter.first)
        }
        var payload = Payload()
        payload.compressible.append(1)
        payload.compressible.appendVarint(UInt64(templates.count))
        for template in templates {
            payload.compressible.appendVarint(UInt64(template.text.count))
            payload.compressible += self.texts[template.text]
        }
        payload.compressible.append(contentsOf: codes.lazy.map { UInt8(truncatingIfNeeded: $0) })
        if templates.count >= 255 { payload.compressible.append(contentsOf: codes.lazy.map { UInt8($0 >> 8) }) }
        encodeNumbers(codes.lazy.filter { $0 > 0 }.map { Int($0) - 1 }, firsts, into: &payload)
        return payload
    }

    /// Of each template, place by place, the numbers of its rows in their order.
    /// - Parameters: of each row that has a text, which template it has, and where its numbers begin.
    private func encodeNumbers(_ rows: some Sequence<Int>, _ firsts: [Int], into payload: inout Payload) {
        var ends = [Int]()
        ends.reserveCapacity(templates.count)
        var start = 0
        for template in templates {
            ends.append(start)
            start += template.rows
        }
        // Sorted by template: each ends where its last row was put.
        var sorted = [Int](repeating: 0, count: firsts.count)
        for (row, template) in rows.enumerated() {
            sorted[ends[template]] = firsts[row]
            ends[template] += 1
        }
        for (number, template) in templates.enumerated() {
            let firsts = sorted[ends[number] - template.rows..<ends[number]]
            for place in 0..<template.places {
                NumberColumn.encode(firsts.map { splitter.values[$0 + place] }, compressible: &payload.compressible, packed: &payload.packed)
                guard template.padded & 1 << UInt64(place) != 0 else {
                    payload.compressible.append(0)
                    continue
                }
                let widths = firsts.map { splitter.widths[$0 + place] }
                if let width = widths.first, widths.allSatisfy({ $0 == width }) {
                    payload.compressible += [1, width]
                } else {
                    payload.compressible.append(2)
                    payload.compressible += widths
                }
            }
        }
    }

    /// The template of the text that was split last; nil when there would be too many.
    private mutating func find(_ words: inout HashSet) -> Int? {
        if !templates.isEmpty, isSame(last) { return last }
        let hash = WordHash.hash(splitter.template.span.extracting(0..<splitter.length))
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
        var template = Template(text: texts.count..<texts.count + splitter.length, hash: hash, places: splitter.count - splitter.first)
        texts += splitter.template[..<splitter.length]
        findWords(of: &template, &words)
        templates.append(template)
        slots[slot] = UInt16(templates.count)
        last = templates.count - 1
        return last
    }

    private func isSame(_ template: Int) -> Bool {
        let text = templates[template].text
        guard text.count == splitter.length else { return false }
        return unsafe texts.withUnsafeBytes { texts in
            unsafe splitter.template.withUnsafeBytes { found in
                guard !text.isEmpty, let known = texts.baseAddress, let found = found.baseAddress else { return text.isEmpty }
                return unsafe memcmp(known + text.lowerBound, found, text.count) == 0
            }
        }
    }

    /// Words without a number are told now, those with one are remembered.
    private mutating func findWords(of template: inout Template, _ words: inout HashSet) {
        let bytes = Array(texts[template.text])
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
        func numbers(in range: Range<Int>) -> Int { bytes[range].count { $0 == TextTemplates.number } }
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
        template.words = self.words.count..<self.words.count + numbered.count
        self.words += numbered
    }

    /// One more row of a template: the text that was split last.
    private mutating func take(_ number: Int, _ texts: [UInt8], _ range: Range<Int>, _ words: inout HashSet) {
        templates[number].rows += 1
        templates[number].padded |= splitter.padded
        let (template, first) = (templates[number], splitter.first)
        if template.isVisited { return words.insert(texts.span.extracting(range), content) }
        for index in template.words {
            // A number is one byte in the template and its digits in the text.
            let word = self.words[index]
            var start = range.lowerBound + word.range.lowerBound
            for place in 0..<word.before { start += Int(splitter.widths[first + place]) - 1 }
            var end = start + word.range.count
            for place in word.before..<word.through { end += Int(splitter.widths[first + place]) - 1 }
            words.insert(WordHash.folded(texts.span, start..<end))
        }
    }
}
