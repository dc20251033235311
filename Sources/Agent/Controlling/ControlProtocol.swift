// The protocol on the control socket: one request a connection, one line of JSON each way, UTF-8.
//
//     → {"version": 1, "command": "status"}
//     ← {"version": 1, "result": {…}}          or  {"version": 1, "error": "what is wrong; what to do"}
//
// A request with another version is answered with an error that names ours, so that an agentctl of another release says so plainly.

import JSON
package import Telemetry

/// What can be asked of a running agent.
package enum ControlCommand: String, Sendable, Hashable, CaseIterable {
    /// The whole state, see ``AgentStatus/json(writer:)``.
    case status
    /// Ship now whatever the back-off says; answered with the state afterwards.
    case flush
    /// Read the configuration again; answered with a ``ReloadReport``.
    case reload
    /// The spool's numbers, what is wrong with its file, and the file written anew.
    case spoolStat = "spool_stat"
    case spoolCheck = "spool_check"
    case spoolRepair = "spool_repair"
}

/// What came of a reload.
package struct ReloadReport: Sendable, Hashable {
    /// Keys that changed and are in force.
    package var changed: [String]
    /// Keys that changed and count after a restart only.
    package var needsRestart: [String]
    /// Why something stays as it was: mistakes of the files (then everything does), or what could not be put in force.
    package var problems: [String]

    package init(changed: [String] = [], needsRestart: [String] = [], problems: [String] = []) {
        (self.changed, self.needsRestart, self.problems) = (changed, needsRestart, problems)
    }
}

package enum ControlLimits {
    package static let protocolVersion: Int64 = 1
    /// A request is one short line.
    static let requestBytesMax = 4096
    /// An answer holds every followed file: 4 096 of them with long paths fit.
    static let answerBytesMax = 16 << 20
    /// Connections served at a time; more wait in the kernel's queue.
    static let connectionsMax = 8
    /// How long a client may take to send its line, and to take its answer.
    static let patience = Duration.seconds(5)
}

/// What a running agent shows and does when it is asked. AgentApp puts it together from the rooms.
package protocol Controllable: Sendable {
    func status() async -> AgentStatus
    /// Returns when the spool is empty or an attempt failed.
    func flush() async
    /// Reads the configuration again and puts it in force.
    func reload() async -> ReloadReport
    /// An object for one of the spool's commands.
    func spool(_ command: ControlCommand) async throws(ControlError) -> [UInt8]
}

extension ReloadReport {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("changed", changed)
        writer.member("needs_restart", needsRestart)
        writer.member("problems", problems)
        writer.endObject()
    }
}

/// One exchange, apart from the socket.
enum ControlExchange {
    static func answer(to request: [UInt8], by agent: any Controllable) async -> [UInt8] {
        let tree: JSON
        do throws(JSONError) { tree = try JSON.parse(request) } catch { return failure("the request is not JSON: \(error)") }
        guard tree["version"]?.integer == ControlLimits.protocolVersion else {
            return failure(
                "this agent speaks version \(ControlLimits.protocolVersion) of the control protocol, not \(tree["version"]?.text ?? "none"); "
                    + "use the agentctl that was installed with it"
            )
        }
        guard let word = tree["command"]?.string, let command = ControlCommand(rawValue: word) else {
            let known = ControlCommand.allCases.map(\.rawValue).joined(separator: ", ")
            return failure("there is no command \(tree["command"]?.text ?? "in the request"); this agent knows \(known)")
        }
        if command == .flush { await agent.flush() }
        var result: [UInt8]?
        do throws(ControlError) {
            if [.spoolStat, .spoolCheck, .spoolRepair].contains(command) { result = try await agent.spool(command) }
        } catch { return failure(error.description) }
        var writer = JSONWriter(reserving: 4096)
        writer.beginObject()
        writer.member("version", ControlLimits.protocolVersion)
        writer.key("result")
        if let result {
            writer.raw(utf8: result.span)
        } else if command == .reload {
            await agent.reload().write(to: &writer)
        } else {
            await agent.status().write(to: &writer)
        }
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }

    private static func failure(_ sentence: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("version", ControlLimits.protocolVersion)
        writer.member("error", sentence)
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }
}
