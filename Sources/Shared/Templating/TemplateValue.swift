import JSON

/// A value in a template, with Go's kinds as far as templates can tell them apart.
package enum TemplateValue: Sendable {
    /// `nil`.
    case nothing
    /// While a template is checked: anything.
    case unknown
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case text(String)
    /// A text that is HTML already.
    case markup(String)
    /// A text that is JSON already.
    case json(String)
    case list([TemplateValue])
    case time(GoTime)
    case duration(GoDuration)
    case object(any TemplateObject)
}

/// What a template is given, and what it finds in it.
package protocol TemplateObject: Sendable {
    /// As Go calls it in its errors: `template.Alert`.
    var typeName: String { get }
    /// Of fields and methods: what a problem names when one is asked for that is not there.
    var memberNames: [String] { get }
    var content: TemplateContent { get }
    /// A field, what a method makes of the arguments, or what a map has under this key; nil: there is none of this name.
    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue?
}

/// What an object is made of: `range`, `len`, `index` and printing go over it.
package enum TemplateContent: Sendable {
    case list([TemplateValue])
    /// Sorted by key. What is not there is an empty text.
    case map([(key: String, value: TemplateValue)])
    /// A structure's fields in their order, under the names that JSON has for them.
    case record([(key: String, value: TemplateValue)])
}

extension TemplateValue {
    /// As Go calls the type.
    var typeName: String {
        switch self {
        case .nothing: "nil"
        case .unknown: "interface {}"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float64"
        case .text, .json: "string"
        case .markup: "template.HTML"
        case .list(let elements): elements.allSatisfy { $0.asText != nil } ? "[]string" : "[]interface {}"
        case .time: "time.Time"
        case .duration: "time.Duration"
        case .object(let object): object.typeName
        }
    }

    var isUnknown: Bool { if case .unknown = self { true } else { false } }

    /// The text, when it is one.
    package var asText: String? {
        switch self {
        case .text(let text), .markup(let text), .json(let text): text
        default: nil
        }
    }

    /// The elements, when it is a list.
    package var asList: [TemplateValue]? {
        switch self {
        case .list(let elements): elements
        case .object(let object): if case .list(let elements) = object.content { elements } else { nil }
        default: nil
        }
    }

    /// Neither zero nor empty.
    var isTrue: Bool {
        switch self {
        case .nothing: false
        case .bool(let value): value
        case .integer(let number): number != 0
        case .float(let number): number != 0
        case .text(let text), .markup(let text), .json(let text): !text.isEmpty
        case .list(let elements): !elements.isEmpty
        case .duration(let duration): duration.nanoseconds != 0
        case .time, .unknown: true
        case .object(let object):
            switch object.content {
            case .list(let elements): !elements.isEmpty
            case .map(let pairs): !pairs.isEmpty
            case .record: true
            }
        }
    }

    /// As `%v` prints it.
    package var printed: String {
        switch self {
        case .nothing: return "<nil>"
        case .unknown: return ""
        case .bool(let value): return "\(value)"
        case .integer(let number): return "\(number)"
        case .float(let number): return GoFloat.shortest(number)
        case .text(let text), .markup(let text), .json(let text): return text
        case .list(let elements): return "[" + elements.map(\.printed).joined(separator: " ") + "]"
        case .time(let time): return time.description
        case .duration(let duration): return duration.description
        case .object(let object):
            switch object.content {
            case .list(let elements): return TemplateValue.list(elements).printed
            case .map(let pairs): return "map[" + pairs.map { "\($0.key):\($0.value.printed)" }.joined(separator: " ") + "]"
            case .record(let fields): return "{" + fields.map(\.value.printed).joined(separator: " ") + "}"
            }
        }
    }

    /// As Go's encoding/json writes it.
    var json: JSON {
        switch self {
        case .nothing, .unknown: .null
        case .bool(let value): .bool(value)
        case .integer(let number): .number("\(number)")
        case .float(let number): .number(GoFloat.plain(number))
        case .text(let text), .markup(let text), .json(let text): .string(text)
        case .list(let elements): .array(elements.map(\.json))
        case .time(let time): .string(time.rfc3339)
        case .duration(let duration): .number("\(duration.nanoseconds)")
        case .object(let object):
            switch object.content {
            case .list(let elements): .array(elements.map(\.json))
            case .map(let pairs), .record(let pairs): .object(pairs.map { JSON.Member($0.key, $0.value.json) })
            }
        }
    }
}
