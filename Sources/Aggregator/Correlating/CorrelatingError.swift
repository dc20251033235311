/// Why the room cannot begin. While it runs it reports failures, waits and tries again instead.
package enum CorrelatingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file of the room's state cannot be used; the sentence says why and what to do. Nothing was changed.
    case stateUnusable(String)

    package var description: String {
        switch self {
        case .stateUnusable(let reason): "cannot open the correlation state: \(reason)"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString { "state_unusable" }
}
