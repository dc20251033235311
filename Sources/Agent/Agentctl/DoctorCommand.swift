import AgentApp
import ArgumentParser
import JSON
import Operating

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Examine this host's agent: configuration, files, clock, spool, and the way to the aggregator, step by step.",
        discussion: """
            Each line is ok, or says what to do. It changes nothing and needs no running agent. As root it reckons with the rights of the user tocsin-agent.
            Exit code 0: all is well, 1: something is wrong (a warning alone is not).
            """
    )

    @Option(name: .long, help: "The agent's configuration. Default: /etc/tocsin/agent.yaml, or built-in defaults when there is none.")
    var config: String?
    @Option(name: .long, help: "The agent's control socket. Default: as configured.")
    var socket: String?
    @Option(name: .long, help: "Whose rights count. Default: tocsin-agent for root, else yours.")
    var user: String?
    @Flag(name: .long, help: "For programs.")
    var json = false

    func run() async throws {
        let findings = await Doctor(path: config, socket: socket, user: user).examine()
        print(json ? Self.report(findings) : Self.text(findings))
        if findings.contains(where: { $0.verdict == .failure }) { throw ExitCode(Operating.ExitCode.failure) }
    }

    static func text(_ findings: [Doctor.Finding]) -> String {
        let width = findings.map(\.name.count).max() ?? 0
        return findings.map { finding in
            let word = ["ok": "ok  ", "warning": "look", "failure": "BAD "][finding.verdict.rawValue] ?? ""
            let name = finding.name + String(repeating: " ", count: width - finding.name.count)
            let line = "\(word)  \(name)  \(Terminal.printable(finding.sentence))"
            let indent = String(repeating: " ", count: width + 8)
            return finding.verdict == .ok || finding.remedy.isEmpty ? line : "\(line)\n\(indent)→ \(Terminal.printable(finding.remedy))"
        }.joined(separator: "\n")
    }

    static func report(_ findings: [Doctor.Finding]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("healthy", !findings.contains { $0.verdict == .failure })
        writer.key("findings")
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            writer.member("name", finding.name)
            writer.member("verdict", finding.verdict.rawValue)
            writer.member("finding", finding.sentence)
            writer.member("remedy", finding.remedy)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.text
    }
}
