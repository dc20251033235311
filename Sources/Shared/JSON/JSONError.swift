/// Why a text is not JSON as RFC 8259 has it, and where. Nothing of the text may be used.
package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A character stands where the grammar allows none.
        case syntax
        /// The text ends inside a value.
        case truncated
        /// Arrays and objects are nested deeper than the limit.
        case depth
        /// A number's form is wrong, or it is longer than the limit.
        case number
        /// An escape sequence is none of JSON's, or half of a surrogate pair.
        case escape
        /// Bytes that are not UTF-8.
        case encoding
        /// A byte below 0x20 inside a string.
        case control
    }

    package var kind: Kind
    /// Bytes from the beginning of the text.
    package var offset: Int
    /// From 1.
    package var line: Int
    /// In characters, from 1.
    package var column: Int
    /// What is wrong, without the place.
    package var message: String

    /// Counts lines and columns from the beginning of `bytes` to `offset`; done only when something is wrong, so that reading pays nothing.
    init(_ kind: Kind, at offset: Int, in bytes: Span<UInt8>, _ message: String) {
        var (line, column) = (1, 1)
        for index in 0..<min(offset, bytes.count) {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        (self.kind, self.offset, self.line, self.column, self.message) = (kind, offset, line, column, message)
    }

    package var description: String { "line \(line), column \(column) (byte \(offset)): \(message)" }
}

/// What a reader of JSON accepts at most. The size of the whole text is the caller's to bound.
package struct JSONLimits: Sendable, Hashable {
    /// Levels of arrays and objects; never more than ``depthCeiling``.
    package var depthMax: Int
    /// Bytes of one number. 1000 hold every double written out in full.
    package var numberBytesMax: Int

    package init(depthMax: Int = 64, numberBytesMax: Int = 1000) {
        (self.depthMax, self.numberBytesMax) = (min(depthMax, JSONLimits.depthCeiling), numberBytesMax)
    }

    package static let standard = JSONLimits()
    /// The scanner keeps one bit a level in one 128-bit word, and the tree is built by recursion.
    package static let depthCeiling = 128
}
