import AgentApp
import Configuring
import Controlling
import Glibc
import JSON
import Logging
import Operating
import Spooling
import Telemetry
import TestSupport
import Testing

/// The whole agent in this process: its own rooms, real /proc, a real file.
@Suite struct AgentTests {
    private func config(_ folder: TemporaryFolder, rule: String = "node_load1 >= 0") throws -> AgentConfig {
        try TestFiles.write(
            """
            host: test-1
            spool: {path: \(folder("spool")), max_size: 64MiB}
            control: {socket: \(folder("sock"))}
            collect: {interval: 100ms}
            tail:
              - {paths: [\(folder("app.log"))], source: app, start: beginning}
            rule_files: [rules.yaml]
            """,
            to: folder("agent.yaml")
        )
        try TestFiles.write("groups:\n  - name: g\n    rules:\n      - alert: Always\n        expr: \(rule)\n", to: folder("rules.yaml"))
        let problems = ConfigProblems()
        let config = AgentConfig.read(path: folder("agent.yaml"), environment: { _ in nil }, problems: problems)
        try #require(problems.isEmpty, "\(problems.all)")
        return config
    }

    /// Runs the agent until the condition holds for its status, then stops it.
    private func run(_ config: AgentConfig, until holds: @escaping @Sendable (JSON) -> Bool) async throws -> JSON? {
        let agent = Agent(config: config, systemd: ServiceNotifier(socketPath: nil), time: SystemTime(), logger: Logger(label: "test"))
        return try await withThrowingTaskGroup(of: JSON?.self) { group in
            group.addTask {
                do { try await agent.run(reading: { .mistakes([]) }) } catch is CancellationError {}
                return nil
            }
            group.addTask { await Looking().look(at: config.controlSocket, until: holds) }
            var seen: JSON?
            while let result = try await group.next() {
                if let result { seen = result }
                group.cancelAll()
            }
            return seen
        }
    }

    @Test func `collections and lines reach the spool, rules are judged, and it all goes on after a restart`() async throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("one\ntwo\n", to: folder("app.log"))
        let first = try await run(try config(folder)) { status in
            (status["spool"]?["lanes"]?["metrics"]?.integer ?? 0) > 1 && (status["spool"]?["lanes"]?["logs"]?.integer ?? 0) > 0
                && status["rules"]?[0]?["firing"]?.integer == 1
        }
        #expect(first?["host"]?.string == "test-1")
        #expect(first?["aggregator"]?["url"]?.isNull == true)
        #expect(first?["tails"]?[0]?["offset"]?.integer == 8)
        #expect(!TestFiles.exists(folder("sock")))

        try TestFiles.write("three\n", to: folder("app.log"), appending: true)
        let second = try await run(try config(folder)) { $0["tails"]?[0]?["offset"]?.integer == 14 }
        #expect(second?["agent_id"] == first?["agent_id"])
    }

    @Test func `a second agent on the same spool is refused; once the first has stopped it is not`() async throws {
        let folder = try TemporaryFolder()
        let config = try config(folder)
        let holder = try Spool(config: config.spool, host: "test-1", time: SystemTime())
        await #expect(throws: SpoolError.self) { try await self.run(config) { _ in true } }
        await holder.close()
        let seen = try await run(config) { _ in true }
        #expect(seen != nil)
    }
}

/// Looks at the agent's socket on a thread of its own.
private actor Looking {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func look(at path: String, until holds: (JSON) -> Bool) -> JSON? {
        let client = ControlClient(path: path)
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while ContinuousClock.now < deadline, !Task.isCancelled {
            if let status = try? client.ask(.status), holds(status) { return status }
            usleep(20_000)
        }
        return nil
    }
}
