import JSON
package import Telemetry

/// A function that templates may call.
package struct TemplateFunction: Sendable {
    package typealias Body = @Sendable (_ arguments: [TemplateValue], _ now: Timestamp) throws(TemplateProblem) -> TemplateValue

    /// How many values it takes.
    let arguments: ClosedRange<Int>
    /// It has little to do with what it makes: bytes that it counts for besides.
    let extraBytes: Int
    /// Of `and` and `or`: the truth of a value that ends it.
    let decides: Bool?
    private let body: Body

    package init(_ arguments: ClosedRange<Int>, extraBytes: Int = 0, _ body: @escaping Body) {
        (self.arguments, self.extraBytes, decides, self.body) = (arguments, extraBytes, nil, body)
    }

    /// `and`, `or`.
    private init(decides: Bool) {
        (arguments, extraBytes, self.decides) = (1...Self.many, 0, decides)
        body = { (arguments, _) throws(TemplateProblem) in arguments.last ?? .nothing }
    }

    /// As many values as one likes.
    package static let many = 1_000

    func apply(_ given: [TemplateValue], _ now: Timestamp) throws(TemplateProblem) -> TemplateValue { try body(given, now) }

    var wantsWords: String {
        arguments.count == 1
            ? "\(arguments.lowerBound)"
            : arguments.upperBound == Self.many
                ? "at least \(arguments.lowerBound)" : "\(arguments.lowerBound) to \(arguments.upperBound)"
    }

    // MARK: What it is given

    /// A text; anything else is wrong.
    package static func text(_ value: TemplateValue, of function: String) throws(TemplateProblem) -> String {
        guard let text = value.asText else { throw TemplateProblem(.wrong, "\(function) wants a text, and this is \(value.typeName)") }
        return text
    }

    package static func texts(_ value: TemplateValue, of function: String) throws(TemplateProblem) -> [String] {
        guard let elements = value.asList else { throw TemplateProblem(.wrong, "\(function) wants a list of texts, and this is \(value.typeName)") }
        var texts: [String] = []
        for element in elements { texts.append(try text(element, of: function)) }
        return texts
    }

    package static func integer(_ value: TemplateValue, of function: String) throws(TemplateProblem) -> Int {
        switch value {
        case .integer(let number): return number
        case .duration(let duration): return duration.nanoseconds
        // 28800e9 is written where a whole number is meant.
        case .float(let number): if let whole = Int(exactly: number) { return whole }
        default: break
        }
        throw TemplateProblem(.wrong, "\(function) wants a whole number, and this is \(value.typeName)")
    }

    /// `fmt.Sprint`: a blank between two values that are no texts.
    static func joined(_ values: [TemplateValue]) -> String {
        var (result, wasText) = ("", true)
        for value in values {
            let isText = value.asText != nil
            if !isText, !wasText { result += " " }
            result += value.printed
            wasText = isText
        }
        return result
    }

    private static func ofText(_ name: String, _ body: @escaping @Sendable (String) throws(TemplateProblem) -> String) -> TemplateFunction {
        TemplateFunction(1...1) { (given, _) throws(TemplateProblem) in .text(try body(try text(given[0], of: name))) }
    }

    /// Its result is escaped: in HTML nothing is to be done with it any more.
    private static func escaping(_ body: @escaping @Sendable (String) -> String) -> TemplateFunction {
        TemplateFunction(0...many) { (given, _) throws(TemplateProblem) in .markup(body(joined(given))) }
    }

    // MARK: Tables

    /// Go's own.
    package static let builtIn: [String: TemplateFunction] = [
        "and": TemplateFunction(decides: false),
        "or": TemplateFunction(decides: true),
        "not": TemplateFunction(1...1) { (given, _) throws(TemplateProblem) in .bool(!given[0].isTrue) },
        "eq": TemplateFunction(2...many) { (given, _) throws(TemplateProblem) in
            var isOne = false
            for other in given.dropFirst() where try TemplateComparison.areEqual(given[0], other) { isOne = true }
            return .bool(isOne)
        },
        "ne": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in .bool(try !TemplateComparison.areEqual(given[0], given[1])) },
        "lt": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in .bool(try TemplateComparison.isLess(given[0], given[1], in: "lt")) },
        "ge": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in .bool(try !TemplateComparison.isLess(given[0], given[1], in: "ge")) },
        "gt": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in
            let isLess = try TemplateComparison.isLess(given[0], given[1], in: "gt")
            let isSame = try TemplateComparison.areEqual(given[0], given[1])
            return .bool(!isLess && !isSame)
        },
        "le": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in
            let isLess = try TemplateComparison.isLess(given[0], given[1], in: "le")
            let isSame = try TemplateComparison.areEqual(given[0], given[1])
            return .bool(isLess || isSame)
        },
        "len": TemplateFunction(1...1) { (given, _) throws(TemplateProblem) in .integer(try TemplateIndexing.length(of: given[0])) },
        "index": TemplateFunction(1...many) { (given, _) throws(TemplateProblem) in try TemplateIndexing.element(of: given) },
        "slice": TemplateFunction(1...4) { (given, _) throws(TemplateProblem) in try TemplateIndexing.slice(of: given) },
        "print": TemplateFunction(0...many) { (given, _) throws(TemplateProblem) in .text(joined(given)) },
        "println": TemplateFunction(0...many) { (given, _) throws(TemplateProblem) in
            .text(given.map(\.printed).joined(separator: " ") + "\n")
        },
        "printf": TemplateFunction(1...many) { (given, _) throws(TemplateProblem) in
            .text(try GoFormat.print(try text(given[0], of: "printf"), Array(given.dropFirst())))
        },
        "html": escaping { GoEscaping.html($0) },
        "js": TemplateFunction(0...many) { (given, _) throws(TemplateProblem) in .text(GoEscaping.script(joined(given))) },
        "urlquery": escaping { GoEscaping.query($0) },
    ]

    /// Alertmanager's own (template/template.go), with those of its later versions.
    package static let alertmanager: [String: TemplateFunction] = [
        "toUpper": ofText("toUpper") { $0.uppercased() },
        "toLower": ofText("toLower") { $0.lowercased() },
        "title": ofText("title") { GoEscaping.title($0) },
        "trimSpace": ofText("trimSpace") { (text) throws(TemplateProblem) in
            var rest = text[...]
            while rest.first?.isWhitespace ?? false { rest.removeFirst() }
            while rest.last?.isWhitespace ?? false { rest.removeLast() }
            return String(rest)
        },
        "join": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in
            .text(try texts(given[1], of: "join").joined(separator: try text(given[0], of: "join")))
        },
        "match": TemplateFunction(2...2, extraBytes: TemplatePatterns.bytes) { (given, _) throws(TemplateProblem) in
            .bool(try TemplatePatterns.matches(try text(given[0], of: "match"), try text(given[1], of: "match")))
        },
        "reReplaceAll": TemplateFunction(3...3, extraBytes: TemplatePatterns.bytes) { (given, _) throws(TemplateProblem) in
            .text(
                try TemplatePatterns.replace(
                    try text(given[0], of: "reReplaceAll"),
                    by: try text(given[1], of: "reReplaceAll"),
                    in: try text(given[2], of: "reReplaceAll")
                )
            )
        },
        "safeHtml": TemplateFunction(1...1) { (given, _) throws(TemplateProblem) in .markup(try text(given[0], of: "safeHtml")) },
        "safeUrl": ofText("safeUrl") { $0 },
        "urlUnescape": ofText("urlUnescape") { (text) throws(TemplateProblem) in try GoEscaping.unescapedQuery(text) },
        "stringSlice": TemplateFunction(0...many) { (given, _) throws(TemplateProblem) in
            var elements: [TemplateValue] = []
            for value in given { elements.append(.text(try text(value, of: "stringSlice"))) }
            return .list(elements)
        },
        "date": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in
            .text(try time(given[1], of: "date").formatted(try text(given[0], of: "date")))
        },
        "tz": TemplateFunction(2...2) { (given, _) throws(TemplateProblem) in
            .time(try time(given[1], of: "tz").in(zone: try text(given[0], of: "tz")))
        },
        "since": TemplateFunction(1...1) { (given, now) throws(TemplateProblem) in
            .duration(GoTime(now).since(try time(given[0], of: "since")))
        },
        "humanizeDuration": Humanizing.ofDuration,
        "toJson": TemplateFunction(1...1) { (given, _) throws(TemplateProblem) in .json(given[0].json.text) },
    ]

    private static func time(_ value: TemplateValue, of function: String) throws(TemplateProblem) -> GoTime {
        guard case .time(let time) = value else { throw TemplateProblem(.wrong, "\(function) wants a time, and this is \(value.typeName)") }
        return time
    }
}
