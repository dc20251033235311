/// How much an event matters, least first. The five words of the REST interface, lower case.
package enum Severity: UInt8, Sendable, Hashable, CaseIterable, Comparable, CustomStringConvertible {
    case debug, info, warning, error, critical

    /// The word on the wire and in JSON.
    package var label: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        case .critical: "critical"
        }
    }

    package var description: String { label }

    /// Reads one of the five words, in lower case only; nil for anything else.
    package init?(label: some StringProtocol) {
        switch label {
        case "debug": self = .debug
        case "info": self = .info
        case "warning": self = .warning
        case "error": self = .error
        case "critical": self = .critical
        default: return nil
        }
    }

    package static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
}
