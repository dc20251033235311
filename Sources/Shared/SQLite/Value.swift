/// One value of SQLite's five storage classes.
package enum Value: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    /// A 64-bit pattern: SQLite has no unsigned integers, so numbers past `Int64.max` are stored as negative ones (``Row/unsigned(_:)``).
    package static func unsigned(_ value: UInt64) -> Value { .integer(Int64(bitPattern: value)) }

    package static func optional(_ value: String?) -> Value { value.map { .text($0) } ?? .null }
    package static func optional(_ value: Int64?) -> Value { value.map { .integer($0) } ?? .null }
}

extension Value: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByNilLiteral, ExpressibleByFloatLiteral {
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(stringLiteral value: String) { self = .text(value) }
    package init(floatLiteral value: Double) { self = .real(value) }
    package init(nilLiteral: ()) { self = .null }
}
