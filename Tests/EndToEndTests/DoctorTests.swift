import Glibc
import JSON
import TestSupport
import Testing

/// `agentctl doctor` and `agentctl top --once` against real programs.
@Suite(.serialized) struct DoctorTests {
    private struct Line {
        let name: String
        let verdict: String
        let finding: String
    }

    private func doctor(_ house: Installation) throws -> (exit: ChildProcess.Exit, lines: [Line], text: String) {
        let command = ["\(Installation.binaries)/agentctl", "doctor", "--config", house.folder("agent.yaml"), "--user", "root"]
        let (exit, output) = try ChildProcess.run(command + ["--json"])
        let (_, text) = try ChildProcess.run(command)
        let lines = try JSON.parse(output)["findings"]?.array?.map {
            Line(name: $0["name"]?.string ?? "", verdict: $0["verdict"]?.string ?? "", finding: $0["finding"]?.string ?? "")
        }
        return (exit, lines ?? [], text)
    }

    /// An aggregator that wants tokens, and an agent that has this one.
    private func house(token: String) throws -> Installation {
        let house = try Installation()
        let (_, hash) = try ChildProcess.run(["sh", "-c", "printf %s the-right-token | sha256sum"])
        try TestFiles.write("- {name: test-1, sha256: \(hash.prefix(64)), role: agent, host: test-1}\n", to: house.folder("tokens.yaml"))
        _ = unsafe chmod(house.folder("agent"), 0o750)
        try TestFiles.write(token, to: house.folder("agent.token"))
        _ = unsafe chmod(house.folder("agent.token"), 0o600)
        try house.writeAggregatorConfiguration(extra: "tokens: {file: \(house.folder("tokens.yaml"))}")
        try house.writeAgentConfiguration(extra: "token_file: \(house.folder("agent.token"))")
        try house.startAggregator()
        return house
    }

    @Test func `on a healthy host every line of doctor is ok, and top shows what runs`() throws {
        let house = try house(token: "the-right-token")
        try house.startAgent()
        try house.appendLog("one line\n")
        try eventually("the agent is healthy") { try house.status()?["status"]?.string == "healthy" }
        let (exit, lines, text) = try doctor(house)
        print(text)
        #expect(exit == .code(0))
        // Whether this machine's clock is kept by a time server is not the installation's.
        let bad = lines.filter { $0.verdict != "ok" && $0.name != "clock" }
        #expect(bad.isEmpty, "\(bad)")
        for name in ["config", "token file", "spool folder", "log file", "dns", "tcp", "aggregator", "token", "agent"] {
            #expect(lines.contains { $0.name == name }, "\(name)")
        }

        let (shown, screen) = try ChildProcess.run(["\(Installation.binaries)/agentctl", "top", "--once", "--socket", house.socketPath])
        print(screen)
        #expect(shown == .code(0))
        for word in ["test-1", "healthy", "CPU", "Memory", "FILESYSTEM"] { #expect(screen.contains(word), "\(word)") }
        #expect(!screen.contains("\u{1B}"))
        let (alone, without) = try ChildProcess.run(["\(Installation.binaries)/agentctl", "top", "--once", "--socket", house.folder("nobody.sock")])
        #expect(alone == .code(0))
        #expect(without.contains("no agent answers"))
    }

    @Test func `a wrong token is the line that is bad, with what to do, and exit code 1`() throws {
        let house = try house(token: "a-wrong-token")
        try house.startAgent()
        let (exit, lines, text) = try doctor(house)
        print(text)
        #expect(exit == .code(1))
        let token = try #require(lines.first { $0.name == "token" })
        #expect(token.verdict == "failure")
        #expect(token.finding.contains("not known"))
        #expect(text.contains("→") && text.contains("sha256"))
        for name in ["config", "token file", "spool folder", "dns", "tcp", "aggregator"] {
            #expect(lines.filter { $0.name == name }.allSatisfy { $0.verdict == "ok" }, "\(name)")
        }
        #expect(!text.contains("a-wrong-token"))
    }
}
