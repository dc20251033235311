import AgentApp
import Configuring
import Controlling
import Glibc
import JSON
import Logging
import Operating
import TestSupport
import Testing

/// A whole agent in this process whose configuration changes under it.
@Suite struct ReloadTests {
    private func write(_ folder: TemporaryFolder, tail: String, rule: String, more: String = "") throws {
        try TestFiles.write(
            """
            host: test-1
            spool: {path: \(folder("spool")), max_size: 64MiB}
            control: {socket: \(folder("sock"))}
            collect: {interval: 100ms}
            tail:
              - {paths: ["\(folder(tail))"], source: app, start: beginning}
            rule_files: [rules.yaml]
            \(more)
            """,
            to: folder("agent.yaml")
        )
        try TestFiles.write("groups:\n  - name: g\n    rules:\n      - alert: Always\n        expr: \(rule)\n", to: folder("rules.yaml"))
    }

    /// Runs an agent for the time of the body, which asks it over its socket on a thread that may block.
    private func withAgent(_ folder: TemporaryFolder, _ body: @escaping @Sendable (Asking) async throws -> Void) async throws {
        guard case .config(let config) = AgentProgram.read(folder("agent.yaml")) else { throw Mistaken() }
        let agent = Agent(config: config, systemd: ServiceNotifier(socketPath: nil), time: SystemTime(), logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await agent.run(reading: { AgentProgram.read(folder("agent.yaml")) }) } catch is CancellationError {}
            }
            try await body(Asking(path: folder("sock")))
            group.cancelAll()
        }
    }

    private struct Mistaken: Error {}

    @Test func `tails, rules, collectors and the aggregator change while it runs, and nothing is read twice`() async throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("one\ntwo\n", to: folder("a.log"))
        try TestFiles.write("three\n", to: folder("b.log"))
        try write(folder, tail: "a.log", rule: "node_load1 >= 0")
        try await withAgent(folder) { asking in
            let first = try #require(await asking.status { $0["tails"]?[0]?["offset"]?.integer == 8 && $0["rules"]?[0]?["firing"]?.integer == 1 })
            try write(folder, tail: "[ab].log", rule: "node_load5 >= 0", more: "aggregator: http://127.0.0.1:9")
            let report = try await asking.ask(.reload)
            #expect(report["changed"]?.array?.compactMap(\.string) == ["rule_files", "tail", "aggregator"])
            #expect(report["needs_restart"]?.array?.isEmpty == true)
            #expect(report["problems"]?.array?.isEmpty == true)
            let second = await asking.status { status in
                (status["tails"]?.array ?? []).compactMap { $0["offset"]?.integer }.sorted() == [6, 8]
                    && status["aggregator"]?["url"]?.string == "http://127.0.0.1:9" && status["rules"]?[0]?["firing"]?.integer == 1
            }
            #expect(second?["agent_id"] == first["agent_id"])
        }
    }

    @Test func `a configuration with mistakes is refused, every one is told, and the old one goes on`() async throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("one\n", to: folder("a.log"))
        try write(folder, tail: "a.log", rule: "node_load1 >= 0")
        try await withAgent(folder) { asking in
            _ = try #require(await asking.status { $0["tails"]?[0]?["offset"]?.integer == 4 })
            try write(folder, tail: "b.log", rule: "rate(x[5m", more: "nonsense: 1")
            let report = try await asking.ask(.reload)
            #expect(report["problems"]?.array?.count == 2)
            let problems = (report["problems"]?.array ?? []).compactMap(\.string)
            #expect(problems.contains { $0.contains("agent.yaml:8: nonsense") } && problems.contains { $0.contains("rules.yaml:5: ") })
            #expect(report["changed"]?.array?.isEmpty == true)
            try TestFiles.write("two\n", to: folder("a.log"), appending: true)
            let later = await asking.status { $0["tails"]?[0]?["offset"]?.integer == 8 && $0["rules"]?[0]?["firing"]?.integer == 1 }
            #expect(later != nil)
        }
    }

    @Test func `what needs a restart is named, and the rest is in force`() async throws {
        let folder = try TemporaryFolder()
        try write(folder, tail: "a.log", rule: "node_load1 >= 0")
        try await withAgent(folder) { asking in
            _ = try #require(await asking.status { _ in true })
            try write(folder, tail: "a.log", rule: "node_load1 >= 1", more: "tags: [new]\nlog: {level: error}")
            let report = try await asking.ask(.reload)
            #expect(report["changed"]?.array?.compactMap(\.string) == ["rule_files"])
            #expect(report["needs_restart"]?.array?.compactMap(\.string) == ["tags", "log"])
        }
    }
}

/// Asks an agent's socket on a thread of its own.
private actor Asking {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private let client: ControlClient

    init(path: String) { client = ControlClient(path: path) }

    func ask(_ command: ControlCommand) throws -> JSON { try client.ask(command) }

    func status(until holds: @Sendable (JSON) -> Bool) -> JSON? {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while ContinuousClock.now < deadline {
            if let status = try? client.ask(.status), holds(status) { return status }
            usleep(20_000)
        }
        return nil
    }
}
