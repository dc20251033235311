import Glibc
package import JSON

/// Asks a running agent. Blocks; for `agentctl` and tests.
package struct ControlClient: Sendable {
    private let path: String

    /// Where an installed agent listens.
    package static let pathDefault = "/run/tocsin-agent/control.sock"

    package init(path: String = ControlClient.pathDefault) { self.path = path }

    /// The answer's `result`.
    /// - Parameter patience: how long the agent may take; a flush waits for the aggregator.
    package func ask(_ command: ControlCommand, within patience: Duration = .seconds(30)) throws(ControlError) -> JSON {
        var request = JSONWriter()
        request.beginObject()
        request.member("version", ControlLimits.protocolVersion)
        request.member("command", command.rawValue)
        request.endObject()
        request.endLine()
        let answer: [UInt8]
        do throws(UnixSocket.Failure) {
            let socket = try UnixSocket.stream()
            try socket.connect(to: path)
            try socket.write(request.bytes, within: patience)
            answer = try socket.readLine(bytesMax: ControlLimits.answerBytesMax, within: patience)
        } catch {
            throw describe(error)
        }
        let tree: JSON
        do throws(JSONError) { tree = try JSON.parse(answer) } catch {
            throw .failed("what answers at \(path) is no Tocsin agent: \(error)")
        }
        if let sentence = tree["error"]?.string { throw .refused(sentence) }
        guard let result = tree["result"] else { throw .failed("the agent at \(path) answered without a result; use the agentctl of its release") }
        return result
    }

    private func describe(_ failure: UnixSocket.Failure) -> ControlError {
        switch failure {
        case .timeout: .failed("the agent at \(path) does not answer in time: look at its log (journalctl -u tocsin-agent)")
        case .ended: .failed("the agent at \(path) closed the connection; it may be stopping")
        case .system(ENOENT), .system(ECONNREFUSED): .notRunning(path: path)
        case .system(EACCES), .system(EPERM): .denied(path: path)
        case .system(let code): .failed("the socket \(path) cannot be used: \(UnixSocket.text(of: code))")
        }
    }
}
