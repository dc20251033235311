import JSON

/// What becomes of values before they join the text.
package enum TemplateEscaping: Sendable {
    case none
    /// The template is JSON, and values stand inside its strings; what `toJson` gives stands outside of them.
    case json
    /// As the place in the HTML needs it, as Go's html/template.
    case html
}

/// The text that a template makes.
struct TemplateOutput {
    private(set) var text = ""
    private let escaping: TemplateEscaping
    private let bytesMax: Int
    private var place = HTMLPlace()

    init(_ escaping: TemplateEscaping, bytesMax: Int) { (self.escaping, self.bytesMax) = (escaping, bytesMax) }

    /// The template's own words.
    mutating func append(own words: String) throws(TemplateProblem) {
        if case .html = escaping { text += place.passing(words) } else { text += words }
        try check()
    }

    mutating func append(_ value: TemplateValue) throws(TemplateProblem) {
        let words = if case .nothing = value { "<no value>" } else { value.printed }
        switch escaping {
        case .none: text += words
        case .json: if case .json = value { text += words } else { text += insideString(words) }
        case .html:
            let isMarkup = if case .markup = value { true } else { false }
            text += place.escaped(words, isMarkup: isMarkup)
        }
        try check()
    }

    private func insideString(_ words: String) -> String {
        var writer = JSONWriter(reserving: words.utf8.count + 2)
        writer.string(words)
        return String(writer.text.dropFirst().dropLast())
    }

    private func check() throws(TemplateProblem) {
        guard text.utf8.count <= bytesMax else { throw TemplateProblem(.limit, "it makes more than \(bytesMax) bytes") }
    }
}
