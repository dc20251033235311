/// A JSON value as a tree, for answers and small bodies. Where many events are read use ``JSONScanner``.
package enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    /// As it is written, so that no digit is lost; see ``integer`` and ``double``.
    case number(String)
    case string(String)
    case array([JSON])
    /// In the order of the text. Of duplicate names the last value wins, at the place of the first.
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var key: String
        package var value: JSON

        package init(_ key: String, _ value: JSON) { (self.key, self.value) = (key, value) }
    }

    /// Reads one value; anything but white space around it is an error.
    package static func parse(_ bytes: Span<UInt8>, limits: JSONLimits = .standard) throws(JSONError) -> JSON {
        var scanner = JSONScanner(over: bytes, limits: limits)
        let value = try JSON.value(from: try scanner.next(in: bytes), &scanner, in: bytes)
        _ = try scanner.next(in: bytes)
        return value
    }

    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) -> JSON {
        try parse(bytes.span, limits: limits)
    }

    package static func parse(_ text: String, limits: JSONLimits = .standard) throws(JSONError) -> JSON {
        try parse(Array(text.utf8), limits: limits)
    }

    /// Reads the value whose first token is known; `first` is not `.end`, `.key` or a closing one.
    private static func value(from first: JSONToken, _ scanner: inout JSONScanner, in bytes: Span<UInt8>) throws(JSONError) -> JSON {
        switch first {
        case .beginObject: return .object(try members(&scanner, in: bytes))
        case .beginArray:
            var elements: [JSON] = []
            while case let token = try scanner.next(in: bytes), token != .endArray {
                elements.append(try value(from: token, &scanner, in: bytes))
            }
            return .array(elements)
        case .string(let text): return .string(text.string(in: bytes))
        case .number(let text): return .number(text.string(in: bytes))
        case .bool(let value): return .bool(value)
        case .null, .key, .endObject, .endArray, .end: return .null
        }
    }

    private static func members(_ scanner: inout JSONScanner, in bytes: Span<UInt8>) throws(JSONError) -> [Member] {
        var members: [Member] = []
        var places: [String: Int] = [:]
        while case .key(let text) = try scanner.next(in: bytes) {
            let key = text.string(in: bytes)
            let value = try value(from: try scanner.next(in: bytes), &scanner, in: bytes)
            if let place = places.updateValue(members.count, forKey: key) {
                members[place].value = value
                places[key] = place
            } else {
                members.append(Member(key, value))
            }
        }
        return members
    }
}

extension JSON {
    /// A member's value; nil when there is none or this is no object. Looks at one member after the other.
    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// An element; nil when there is none or this is no array.
    package subscript(index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    package var isNull: Bool { self == .null }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// Nil when it is written with a fraction or an exponent, or does not fit.
    package var integer: Int64? {
        if case .number(let text) = self { Int64(text) } else { nil }
    }

    /// Nil when it lies outside of what a double holds.
    package var double: Double? {
        guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
        return value
    }

    package var array: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// Compact JSON text.
    package var text: String {
        var writer = JSONWriter()
        writer.value(self)
        return writer.text
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .number(String(value)) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0.0, $0.1) }) }
    package init(nilLiteral: ()) { self = .null }
}
