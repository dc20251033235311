import JSON

/// One member of a small JSON object that travels as text.
enum JSONText {
    /// The member's text; nil when there is none, or it is no text.
    static func member(_ name: String, of object: String) throws -> String? { try JSON.parse(Array(object.utf8))[name]?.string }
}
