/// What becomes of values before they join the text.
package enum TemplateEscaping: Sendable {
    case none
    /// The same everywhere: a JSON string's.
    case values(@Sendable (String) -> String)
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
        case .values(let escape): text += escape(words)
        case .html:
            let isMarkup = if case .markup = value { true } else { false }
            text += place.escaped(words, isMarkup: isMarkup)
        }
        try check()
    }

    private func check() throws(TemplateProblem) {
        guard text.utf8.count <= bytesMax else { throw TemplateProblem(.limit, "it makes more than \(bytesMax) bytes") }
    }
}
