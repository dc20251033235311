/// `eq`, `lt` and the others: whole numbers with whole numbers, texts with texts. Source: Go's text/template/funcs.go.
enum TemplateComparison {
    private enum Kind: Equatable {
        case bool(Bool), integer(Int), float(Double), text(String)
    }

    private static func kind(_ value: TemplateValue) -> Kind? {
        switch value {
        case .bool(let value): .bool(value)
        case .integer(let number): .integer(number)
        case .duration(let duration): .integer(duration.nanoseconds)
        case .float(let number): .float(number)
        case .text(let text), .markup(let text), .json(let text): .text(text)
        default: nil
        }
    }

    static func areEqual(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateProblem) -> Bool {
        switch (a, b) {
        case (.nothing, .nothing): return true
        case (.nothing, _), (_, .nothing): return false
        case (.time(let a), .time(let b)): return a == b
        default: break
        }
        switch (kind(a), kind(b)) {
        case (.bool(let a)?, .bool(let b)?): return a == b
        case (.integer(let a)?, .integer(let b)?): return a == b
        case (.float(let a)?, .float(let b)?): return a == b
        case (.text(let a)?, .text(let b)?): return a.unicodeScalars.elementsEqual(b.unicodeScalars)
        default: throw refusal(a, b, in: "eq")
        }
    }

    static func isLess(_ a: TemplateValue, _ b: TemplateValue, in function: String) throws(TemplateProblem) -> Bool {
        switch (kind(a), kind(b)) {
        case (.integer(let a)?, .integer(let b)?): return a < b
        case (.float(let a)?, .float(let b)?): return a < b
        case (.text(let a)?, .text(let b)?): return a.utf8.lexicographicallyPrecedes(b.utf8)
        default: throw refusal(a, b, in: function)
        }
    }

    private static func refusal(_ a: TemplateValue, _ b: TemplateValue, in function: String) -> TemplateProblem {
        TemplateProblem(.wrong, "\(function) cannot compare \(a.typeName) with \(b.typeName)")
    }
}

/// `len`, `index`, `slice`. Texts are bytes.
enum TemplateIndexing {
    static func length(of value: TemplateValue) throws(TemplateProblem) -> Int {
        switch value {
        case .text(let text), .markup(let text), .json(let text): return text.utf8.count
        case .list(let elements): return elements.count
        case .object(let object):
            switch object.content {
            case .list(let elements): return elements.count
            case .map(let pairs): return pairs.count
            case .record: break
            }
        default: break
        }
        throw TemplateProblem(.wrong, "len wants a text, a list or a map, and this is \(value.typeName)")
    }

    static func element(of given: [TemplateValue]) throws(TemplateProblem) -> TemplateValue {
        var value = given[0]
        for index in given.dropFirst() {
            if case .object(let object) = value, case .map(let pairs) = object.content {
                let key = try TemplateFunction.text(index, of: "index")
                value = pairs.first { $0.key == key }?.value ?? .text("")
            } else if let elements = value.asList {
                value = elements[try place(index, below: elements.count)]
            } else if let text = value.asText {
                let bytes = Array(text.utf8)
                value = .integer(Int(bytes[try place(index, below: bytes.count)]))
            } else if case .nothing = value {
                throw TemplateProblem(.unfit, "index of what is nothing")
            } else {
                throw TemplateProblem(.wrong, "index wants a list, a map or a text, and this is \(value.typeName)")
            }
        }
        return value
    }

    private static func place(_ index: TemplateValue, below count: Int, upTo: Bool = false) throws(TemplateProblem) -> Int {
        guard case .integer(let place) = index else {
            throw TemplateProblem(.wrong, "an index is a whole number, and this is \(index.typeName)")
        }
        guard place >= 0, place < count || upTo && place == count else {
            throw TemplateProblem(.unfit, "the index \(place) is out of range: there are \(count)")
        }
        return place
    }

    static func slice(of given: [TemplateValue]) throws(TemplateProblem) -> TemplateValue {
        func bounds(_ count: Int) throws(TemplateProblem) -> Range<Int> {
            var places: [Int] = []
            for index in given.dropFirst() { places.append(try place(index, below: count, upTo: true)) }
            let (start, end) = (places.first ?? 0, places.count > 1 ? places[1] : count)
            guard start <= end else { throw TemplateProblem(.unfit, "the slice from \(start) to \(end) is turned round") }
            return start..<end
        }
        if let text = given[0].asText {
            guard given.count <= 3 else { throw TemplateProblem(.wrong, "slice of a text takes two places") }
            let bytes = Array(text.utf8)
            return .text(String(decoding: bytes[try bounds(bytes.count)], as: UTF8.self))
        }
        guard let elements = given[0].asList else {
            throw TemplateProblem(.wrong, "slice wants a text or a list, and this is \(given[0].typeName)")
        }
        return .list(Array(elements[try bounds(elements.count)]))
    }
}
