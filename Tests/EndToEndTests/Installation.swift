import Glibc
import JSON
import TestSupport
import Testing

/// One aggregator, one agent, their receivers and their files: the real binaries in a folder of their own, on free ports of loopback.
final class Installation {
    let folder: TemporaryFolder
    let port: Int
    let webhookPort: Int
    let smtpPort: Int
    private(set) var aggregator: ChildProcess?
    private(set) var agent: ChildProcess?
    private var receivers: ChildProcess?

    var address: String { "http://127.0.0.1:\(port)" }
    var socketPath: String { folder("agent.sock") }
    var logPath: String { folder("app.log") }
    var receivedPath: String { folder("received.ndjson") }

    /// Where `make build` put the programs; the Makefile names the folder.
    static let binaries = unsafe getenv("TOCSIN_BINARIES").map { unsafe String(cString: $0) } ?? ".build/release"
    private static let here = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/")

    static func script(_ name: String) -> [String] { ["/usr/bin/python3", "\(here)/\(name)"] }

    init() throws {
        folder = try TemporaryFolder()
        (port, webhookPort, smtpPort) = (try freePort(), try freePort(), try freePort())
        TestFiles.makeFolder(folder("aggregator"))
        TestFiles.makeFolder(folder("agent"))
        try TestFiles.write("", to: logPath)
        try writeAggregatorConfiguration()
        try writeAgentConfiguration()
    }

    /// The agent first, so that nothing is left in flight.
    deinit {
        agent?.killHard()
        aggregator?.killHard()
        receivers?.killHard()
    }

    // MARK: Configuration

    func writeAggregatorConfiguration(
        extra: String = "",
        listen: String? = nil,
        groupBy: String = "[alertname, host]",
        hostDown: String = "30s"
    ) throws {
        try TestFiles.write(
            """
            listen: \(listen ?? "{address: \"127.0.0.1:\(port)\"}")
            storage: {path: \(folder("aggregator"))}
            host_down: {after: \(hostDown)}
            receivers:
              - name: ops
                webhook_configs: [{url: "http://127.0.0.1:\(webhookPort)/hook", secret_file: \(folder("webhook.secret")), send_resolved: true}]
                email_configs: [{smarthost: "127.0.0.1:\(smtpPort)", from: tocsin@example.org, to: ops@example.org, require_tls: false, send_resolved: true}]
            route: {receiver: ops, group_by: \(groupBy), group_wait: 0s, group_interval: 1s}
            \(extra)

            """,
            to: folder("aggregator.yaml")
        )
        try TestFiles.write("open sesame", to: folder("webhook.secret"))
    }

    func writeAgentConfiguration(extra: String = "", address: String? = nil) throws {
        try TestFiles.write(
            """
            aggregator: \(address ?? self.address)
            host: test-1
            spool: {path: \(folder("agent")), max_size: 256MiB}
            control: {socket: \(socketPath)}
            collect: {interval: 1s}
            tail:
              - {paths: [\(logPath)], source: app, start: beginning}
            patterns:
              - {name: alarm, match: 'ALARM'}
            rule_files: [\(folder("rules.yaml"))]
            \(extra)

            """,
            to: folder("agent.yaml")
        )
        try TestFiles.write(
            """
            groups:
              - name: demo
                rules:
                  - alert: Alarm
                    expr: increase(log_pattern_matches_total{pattern="alarm"}[4s]) > 0
                    labels: {severity: warning}
                    annotations: {summary: 'alarm on {{ $labels.host }}'}

            """,
            to: folder("rules.yaml")
        )
    }

    // MARK: Starting and stopping

    func startReceivers(failures: Int = 0) throws {
        let output = folder("receivers.out")
        receivers = try ChildProcess(
            Installation.script("receivers.py") + ["\(webhookPort)", "\(smtpPort)", receivedPath, "\(failures)"],
            outputPath: output
        )
        try eventually("the receivers listen") { TestFiles.read(output)?.contains("ready") == true }
    }

    func stopReceivers() {
        receivers?.killHard()
        receivers = nil
    }

    func startAggregator(environment: [String: String] = [:], expecting scheme: String? = nil) throws {
        let process = try ChildProcess(
            ["\(Installation.binaries)/tocsin-aggregator", "--config", folder("aggregator.yaml")],
            environment: environment,
            outputPath: folder("aggregator.out")
        )
        aggregator = process
        try eventually("the aggregator answers; it wrote: \(process.output().suffix(2000))") {
            if let exit = process.poll() { throw Stopped(what: "aggregator", exit: exit, output: process.output()) }
            return (try? Curl.run(["-k", (scheme ?? self.address) + "/health"]))?.status == 200
        }
    }

    func startAgent(environment: [String: String] = [:]) throws {
        let process = try ChildProcess(
            ["\(Installation.binaries)/tocsin-agent", "--config", folder("agent.yaml")],
            environment: environment,
            outputPath: folder("agent.out")
        )
        agent = process
        try eventually("the agent answers on its socket; it wrote: \(process.output().suffix(2000))") {
            if let exit = process.poll() { throw Stopped(what: "agent", exit: exit, output: process.output()) }
            return try self.status() != nil
        }
    }

    // MARK: Looking

    /// `agentctl status --json`; nil while the agent does not answer.
    func status() throws -> JSON? {
        let (_, output) = try ChildProcess.run(["\(Installation.binaries)/agentctl", "status", "--json", "--socket", socketPath])
        return try? JSON.parse(output)
    }

    func appendLog(_ lines: String) throws { try TestFiles.write(lines, to: logPath, appending: true) }

    func get(_ path: String) throws -> JSON { try Curl.get(address + path) }

    /// What the receivers got so far.
    func received(_ kind: String) -> [JSON] {
        let lines = (TestFiles.read(receivedPath) ?? "").split(separator: "\n")
        return lines.compactMap { try? JSON.parse(String($0)) }.filter { $0["kind"]?.string == kind }
    }
}

struct Stopped: Error, CustomStringConvertible {
    let what: String
    let exit: ChildProcess.Exit
    let output: String
    var description: String { "the \(what) ended with \(exit); it wrote:\n\(output.suffix(3000))" }
}

struct NeverHappened: Error, CustomStringConvertible {
    let description: String
}

/// Looks again and again until the condition holds. Real processes need real time: the bound is generous, the usual case is quick.
func eventually(_ what: @autoclosure () -> String, within seconds: Double = 20, _ condition: () throws -> Bool) throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: .seconds(seconds))
    while try !condition() {
        guard clock.now < deadline else { throw NeverHappened(description: "not within \(seconds) s: \(what())") }
        usleep(20_000)
    }
}
