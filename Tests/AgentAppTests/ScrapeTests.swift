import AgentApp
import Configuring
import Glibc
import JSON
import Logging
import Operating
import TestSupport
import Testing

/// The agent's `/metrics` and those who read it: promtool and a Prometheus, of Debian's package.
@Suite(.timeLimit(.minutes(2)), .enabled(if: TestFiles.exists("/usr/bin/prometheus"), "needs Debian's prometheus"))
struct ScrapeTests {
    /// A GET's body; nil as long as nobody listens.
    private func get(_ path: String, port: Int) async -> String? {
        guard let client = try? SocketClient(port: port) else { return nil }
        guard (try? await client.send("GET \(path) HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")) != nil else { return nil }
        guard let head = try? await client.receive(through: "\r\n\r\n"), head.contains(" 200 ") else { return nil }
        return (try? await client.receive(8 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }

    private func untilThere(_ path: String, port: Int, where holds: (String) -> Bool = { _ in true }) async throws -> String {
        while true {
            try Task.checkCancellation()
            if let body = await get(path, port: port), holds(body) { return body }
            await Pause().briefly()
        }
    }

    private actor Pause {
        private let executor = BlockingExecutor()
        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
        func briefly() { usleep(20_000) }
    }

    private func whileAgentRuns(_ folder: TemporaryFolder, port: Int, _ body: () async throws -> Void) async throws {
        try TestFiles.write(
            """
            spool: {path: \(folder("spool")), max_size: 64MiB}
            control: {socket: \(folder("sock"))}
            metrics: {listen: "127.0.0.1:\(port)"}
            collect:
              textfile: \(folder.path)
              processes: {named: [{name: tests, match: xctest}]}
              exec: [{name: greeting, command: [/bin/echo, 'greeting_ok 1']}]
            rule_files: []
            """,
            to: folder("agent.yaml")
        )
        let problems = ConfigProblems()
        let config = AgentConfig.read(path: folder("agent.yaml"), environment: { _ in nil }, problems: problems)
        try #require(problems.isEmpty, "\(problems.all)")
        let agent = Agent(config: config, systemd: ServiceNotifier(socketPath: nil), time: SystemTime(), logger: Logger(label: "test"))
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { do { try await agent.run(reading: { .mistakes([]) }) } catch is CancellationError {} }
            defer { tasks.cancelAll() }
            try await body()
        }
    }

    @Test func `promtool reads the page, and has nothing to say about metrics of ours`() async throws {
        let (folder, ports) = (try TemporaryFolder(), [try freePort(), try freePort()])
        try TestFiles.write("# HELP job_seconds Of the job.\n# TYPE job_seconds gauge\njob_seconds{name=\"a\"} 1.5\n", to: folder("job.prom"))
        try await whileAgentRuns(folder, port: ports[0]) {
            let page = try await untilThere("/metrics", port: ports[0])
            #expect(page.contains("job_seconds{name=\"a\"} 1.5\n"))
            #expect(page.contains("# HELP greeting_ok Metric read from the command greeting\n# TYPE greeting_ok untyped\ngreeting_ok 1\n"))
            #expect(page.contains("\nnode_load1 "))
            #expect(page.contains("tocsin_collect_collections_total"))
            try TestFiles.write(page, to: folder("page.txt"))
            let check = try ChildProcess.start("/bin/sh", ["-c", "exec /usr/bin/promtool check metrics < \(folder("page.txt"))"])
            // 3: lint about node_exporter's own names; 1 would be a page that it cannot read.
            let ending = await check.wait()
            #expect(ending == .code(0) || ending == .code(3), "\(check.output)")
            #expect(
                !check.output.split(separator: "\n").contains { $0.hasPrefix("tocsin_") || $0.contains("error while linting") },
                "\(check.output)"
            )
        }
    }

    @Test func `a Prometheus scrapes it as it did node_exporter`() async throws {
        let (folder, ports) = (try TemporaryFolder(), [try freePort(), try freePort()])
        let config =
            "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: node\n    static_configs: [{targets: ['127.0.0.1:\(ports[0])']}]\n"
        try TestFiles.write(config, to: folder("prometheus.yml"))
        try await whileAgentRuns(folder, port: ports[0]) {
            let prometheus = try ChildProcess.start(
                "/usr/bin/prometheus",
                [
                    "--config.file=\(folder("prometheus.yml"))", "--storage.tsdb.path=\(folder("tsdb"))",
                    "--web.listen-address=127.0.0.1:\(ports[1])",
                ]
            )
            func ask(_ query: String, until holds: (Double) -> Bool) async throws -> Double {
                var value = 0.0
                _ = try await untilThere("/api/v1/query?query=\(query)", port: ports[1]) { body in
                    guard let answer = try? JSON.parse(Array(body.utf8)), let text = answer["data"]?["result"]?[0]?["value"]?[1]?.string else {
                        return false
                    }
                    value = Double(text) ?? 0
                    return holds(value)
                }
                return value
            }
            #expect(try await ask("up", until: { $0 == 1 }) == 1)
            // Twice: on the connection that is kept.
            #expect(try await ask("count_over_time(up[1m])", until: { $0 >= 2 }) >= 2)
            #expect(try await ask("node_memory_MemTotal_bytes", until: { $0 > 0 }) > 1e7)
            #expect(try await ask("tocsin_named_processes%7Bname%3D%22tests%22%7D", until: { $0 > 0 }) >= 1)
            // node_exporter 1.5 has some 250 families and 600 series on such a machine.
            #expect(try await ask("scrape_samples_scraped", until: { $0 > 0 }) > 300)
            await prometheus.stop()
        }
    }
}
