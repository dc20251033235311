/// A value that is never printed.
package struct Secret: Sendable, CustomStringConvertible {
    package let value: String

    package init(_ value: String) { self.value = value }

    package var description: String { "<redacted>" }
}
