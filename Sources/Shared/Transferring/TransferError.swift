/// Why a transfer brought no answer. Each holds a sentence: what failed, with which value, and what to check. Whether the other end took the
/// content is not known after ``timeout(_:)`` and ``interrupted(_:)``; after the others it did not.
package enum TransferError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The request or the mail cannot be sent as it is: repeating it does not help.
    case invalid(String)
    /// The name has no address.
    case unresolved(String)
    /// Nobody listens, or the network is down.
    case unreachable(String)
    /// TLS failed: certificate, protocol, or STARTTLS not offered.
    case tls(String)
    case timeout(String)
    /// The connection ended in the middle.
    case interrupted(String)
    case responseTooLarge(String)
    /// The mail server refused, with this SMTP code and reply.
    case rejected(code: Int, reply: String)
    /// The mail server did not accept user name and password.
    case unauthenticated(String)
    /// Too many transfers wait already.
    case busy(String)
    case cancelled

    package var description: String {
        switch self {
        case .invalid(let sentence), .unresolved(let sentence), .unreachable(let sentence), .tls(let sentence), .timeout(let sentence),
            .interrupted(let sentence), .responseTooLarge(let sentence), .unauthenticated(let sentence), .busy(let sentence):
            sentence
        case .rejected(_, let reply): "the mail server refused: \(reply)"
        case .cancelled: "the transfer was cancelled"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .invalid: "invalid"
        case .unresolved: "unresolved"
        case .unreachable: "unreachable"
        case .tls: "tls"
        case .timeout: "timeout"
        case .interrupted: "interrupted"
        case .responseTooLarge: "response_too_large"
        case .rejected: "rejected"
        case .unauthenticated: "unauthenticated"
        case .busy: "busy"
        case .cancelled: "cancelled"
        }
    }

    /// True when the same content will be refused again: a bad request, or an SMTP reply of the 5yz kind (RFC 5321 §4.2.1).
    package var isPermanent: Bool {
        switch self {
        case .invalid: true
        case .rejected(let code, _): code >= 500
        default: false
        }
    }
}
