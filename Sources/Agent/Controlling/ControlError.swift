/// Why the control socket cannot be served, or does not answer.
package enum ControlError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Nobody serves this socket: no agent runs, or another path is meant.
    case notRunning(path: String)
    /// The socket is there and this user may not use it.
    case denied(path: String)
    /// The agent's own words.
    case refused(String)
    case failed(String)

    package var description: String {
        switch self {
        case .notRunning(let path):
            "no agent answers at \(path): start it (systemctl start tocsin-agent), or name its socket with --socket (control.socket of its configuration)"
        case .denied(let path): "this user may not use \(path): run as root or as the agent's user, or join the group that owns it"
        case .refused(let sentence), .failed(let sentence): sentence
        }
    }
}
