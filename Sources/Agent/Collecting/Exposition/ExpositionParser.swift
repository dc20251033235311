import Telemetry

/// Reads the Prometheus text format, version 0.0.4, strictly: what it does not understand is an error with its line, never a guess.
///
/// - Lines end with a line feed, the last one too: a text without it may be half of one.
/// - `# HELP name text` (`\\` and `\n` escaped) and `# TYPE name counter|gauge|histogram|summary|untyped`, each at most once a name, TYPE before the
///   name's first sample; other comments are left out.
/// - `name{label="value",…} value [milliseconds]`; `\\`, `\"` and `\n` are the only escapes. Values are what Go's ParseFloat takes, of which
///   `NaN` and `±Inf` are written as words.
/// - Histograms have `le` on each `_bucket`, the counts grow with `le`, and `+Inf` is there; summaries have `quantile`.
/// - A series stands there once.
///
/// Source: prometheus.io/docs/instrumenting/exposition_formats, expfmt/text_parse.go of prometheus/common.
package struct ExpositionParser {
    private var families: [ExposedFamily] = []
    /// A metric name → its family.
    private var places: [String: Int] = [:]
    private var series: Set<Labels> = []
    private let limits: ExpositionLimits

    private init(_ limits: ExpositionLimits) { self.limits = limits }

    /// - Throws: for the first mistake; nothing of the text is used then.
    package static func parse(_ text: Span<UInt8>, limits: ExpositionLimits = ExpositionLimits()) throws(ExpositionError) -> [ExposedFamily] {
        var parser = ExpositionParser(limits)
        var (start, line) = (0, 1)
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
            guard end < text.count else { throw ExpositionError(line, "the last line has no line feed: it may be half of one") }
            guard end - start <= limits.lineBytesMax else { throw ExpositionError(line, "longer than \(limits.lineBytesMax) bytes") }
            try parser.take(start..<end, of: text, line)
            (start, line) = (end + 1, line + 1)
        }
        for family in parser.families { try family.checkShape() }
        return parser.families.filter { !$0.samples.isEmpty }
    }

    package static func parse(_ text: [UInt8], limits: ExpositionLimits = ExpositionLimits()) throws(ExpositionError) -> [ExposedFamily] {
        try parse(text.span, limits: limits)
    }

    // MARK: Lines

    private mutating func take(_ range: Range<Int>, of text: Span<UInt8>, _ line: Int) throws(ExpositionError) {
        var cursor = ExpositionCursor(range, line: line)
        cursor.skipBlanks(in: text)
        guard let first = cursor.peek(in: text) else { return }
        if first == UInt8(ascii: "#") {
            cursor.advance()
            try takeComment(&cursor, of: text)
        } else {
            try takeSample(&cursor, of: text)
        }
    }

    private mutating func takeComment(_ cursor: inout ExpositionCursor, of text: Span<UInt8>) throws(ExpositionError) {
        cursor.skipBlanks(in: text)
        let keyword = cursor.word(in: text)
        let isHelp = text.holds("HELP", at: keyword)
        guard isHelp || text.holds("TYPE", at: keyword) else { return }
        cursor.skipBlanks(in: text)
        let name = try cursor.name(in: text, colons: true)
        guard cursor.isAtBlankOrEnd(in: text) else { throw cursor.error("a metric name ends with a character that it must not have") }
        cursor.skipBlanks(in: text)
        let place = try place(of: name, cursor.line)
        if isHelp {
            guard families[place].help == nil else { throw cursor.error("a second HELP for \(name)") }
            families[place].help = try cursor.help(in: text)
        } else {
            let word = cursor.word(in: text)
            guard let kind = Self.kind(text, word) else {
                throw cursor.error("\"\(text.excerpt(word))\" is no type: write counter, gauge, histogram, summary or untyped")
            }
            cursor.skipBlanks(in: text)
            guard cursor.isAtEnd else { throw cursor.error("something stands after the type of \(name)") }
            guard !families[place].isTyped else { throw cursor.error("a second TYPE for \(name)") }
            guard families[place].samples.isEmpty else { throw cursor.error("the TYPE of \(name) stands after its samples") }
            families[place].isTyped = true
            families[place].kind = kind
        }
    }

    private static func kind(_ text: Span<UInt8>, _ word: Range<Int>) -> MetricKind? {
        if text.holds("counter", at: word) { return .counter }
        if text.holds("gauge", at: word) { return .gauge }
        if text.holds("histogram", at: word) { return .histogram }
        if text.holds("summary", at: word) { return .summary }
        if text.holds("untyped", at: word) { return .untyped }
        return nil
    }

    private mutating func takeSample(_ cursor: inout ExpositionCursor, of text: Span<UInt8>) throws(ExpositionError) {
        let line = cursor.line
        let name = try cursor.name(in: text, colons: true)
        cursor.skipBlanks(in: text)
        var labels: [Label] = []
        if cursor.peek(in: text) == UInt8(ascii: "{") {
            cursor.advance()
            labels = try cursor.labels(in: text, most: limits.labelsMax)
        } else if !cursor.followsBlank(in: text) {
            throw cursor.error("\(name) is followed by neither a blank nor {")
        }
        cursor.skipBlanks(in: text)
        let value = try cursor.value(in: text)
        cursor.skipBlanks(in: text)
        let timestamp = cursor.isAtEnd ? nil : try cursor.timestamp(in: text)
        cursor.skipBlanks(in: text)
        guard cursor.isAtEnd else { throw cursor.error("something stands after the value of \(name)") }

        let labelSet = Labels(name: name, labels)
        guard series.count < limits.samplesMax else { throw ExpositionError(line, "more than \(limits.samplesMax) samples") }
        guard series.insert(labelSet).inserted else { throw ExpositionError(line, "\(labelSet) is there a second time") }
        let place = try familyPlace(of: name, line)
        families[place].samples.append(ExposedSample(series: labelSet, value: value, timestampMs: timestamp, line: line))
    }

    // MARK: Families

    private mutating func place(of name: String, _ line: Int) throws(ExpositionError) -> Int {
        if let place = places[name] { return place }
        guard families.count < limits.familiesMax else { throw ExpositionError(line, "more than \(limits.familiesMax) metric names") }
        families.append(ExposedFamily(name: name, line: line))
        places[name] = families.count - 1
        return families.count - 1
    }

    /// A histogram's `_bucket`, `_sum` and `_count` and a summary's `_sum` and `_count` belong to the family that was declared before them.
    private mutating func familyPlace(of name: String, _ line: Int) throws(ExpositionError) -> Int {
        for (suffix, kinds) in ExposedFamily.suffixes where name.hasSuffix(suffix) {
            if let place = places[String(name.dropLast(suffix.count))], kinds.contains(families[place].kind) { return place }
        }
        return try place(of: name, line)
    }
}

/// How much of a text is taken: beyond it the whole text is refused.
package struct ExpositionLimits: Sendable, Hashable {
    /// A script's output has some dozens; more than this is a label out of control.
    package var samplesMax: Int
    package var familiesMax: Int
    package var labelsMax: Int
    package var lineBytesMax: Int

    package init(samplesMax: Int = 5_000, familiesMax: Int = 1_000, labelsMax: Int = 32, lineBytesMax: Int = 16 * 1024) {
        (self.samplesMax, self.familiesMax, self.labelsMax, self.lineBytesMax) = (samplesMax, familiesMax, labelsMax, lineBytesMax)
    }
}

/// Where a text is not the Prometheus text format, and why.
package struct ExpositionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1.
    package let line: Int
    package let problem: String

    init(_ line: Int, _ problem: String) { (self.line, self.problem) = (line, problem) }

    package var description: String { "line \(line): \(problem)" }
}
