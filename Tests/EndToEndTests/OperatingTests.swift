import Glibc
import JSON
import TestSupport
import Testing

/// Starting, stopping, refusing: what an operator and systemd see.
@Suite(.serialized) struct OperatingTests {
    @Test func `the configuration behind verify is the one that verify reads`() throws {
        let house = try Installation()
        try TestFiles.write("storage: {path: \(house.folder("elsewhere"))}\n", to: house.folder("elsewhere.yaml"))
        let (exit, output) = try ChildProcess.run([
            "\(Installation.binaries)/tocsin-aggregator", "verify", "--config", house.folder("elsewhere.yaml"),
        ])
        #expect(exit == .code(2))
        #expect(output.contains(house.folder("elsewhere")))
    }

    @Test func `every mistake of a configuration is named in one run, with its line and what to write`() throws {
        let house = try Installation()
        try TestFiles.write(
            """
            aggregator: http://127.0.0.1:8640
            spol: {path: /tmp}
            spool: {max_size: "512"}
            collect: {interval: soon}
            tail: {paths: /var/log/syslog}
            rule_files: [/nowhere/rules.yaml, \(house.folder("bad-rules.yaml"))]

            """,
            to: house.folder("bad-agent.yaml")
        )
        try TestFiles.write("groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: sum(rate(x[5m)\n", to: house.folder("bad-rules.yaml"))
        let (exit, output) = try ChildProcess.run(["\(Installation.binaries)/tocsin-agent", "--check", "--config", house.folder("bad-agent.yaml")])
        print(output)
        #expect(exit == .code(1))
        for (line, word) in [(2, "spol"), (3, "512"), (4, "soon"), (5, "tail"), (6, "/nowhere/rules.yaml")] {
            let found = output.split(separator: "\n").contains { $0.contains("bad-agent.yaml:\(line): ") && $0.contains(word) }
            #expect(found, "line \(line): \(word)")
        }
        #expect(output.contains("bad-rules.yaml:5: "))

        try TestFiles.write(
            """
            listen: {address: nowhere}
            storage: {path: \(house.folder("aggregator")), retention: {events: 30}}
            limits: {body: 16MB, bodi: 1MiB}
            route: {receiver: nobody}

            """,
            to: house.folder("bad-aggregator.yaml")
        )
        let (other, complaints) = try ChildProcess.run([
            "\(Installation.binaries)/tocsin-aggregator", "--check", "--config", house.folder("bad-aggregator.yaml"),
        ])
        print(complaints)
        #expect(other == .code(1))
        for (line, word) in [(1, "nowhere"), (2, "30"), (3, "bodi"), (4, "nobody")] {
            let found = complaints.split(separator: "\n").contains { $0.contains("bad-aggregator.yaml:\(line): ") && $0.contains(word) }
            #expect(found, "line \(line): \(word)")
        }
        let (absent, absence) = try ChildProcess.run(["\(Installation.binaries)/tocsin-agent", "--check", "--config", "/nowhere/agent.yaml"])
        #expect(absent == .code(1))
        #expect(absence.contains("/nowhere/agent.yaml"))
        let (fine, words) = try ChildProcess.run(["\(Installation.binaries)/tocsin-agent", "--check", "--config", house.folder("agent.yaml")])
        #expect(fine == .code(0), "\(words)")
    }

    @Test func `the service manager is told READY and STOPPING, and SIGTERM ends both within 5 s with nothing lost`() throws {
        let house = try Installation()
        let socketPath = house.folder("notify")
        let messages = house.folder("notify.log")
        let listener = try ChildProcess(Installation.script("notify_socket.py") + [socketPath, messages], outputPath: house.folder("listener.out"))
        try eventually("the notify socket listens") { listener.output().contains("ready") }
        func told(_ word: String) -> Int { (TestFiles.read(messages) ?? "").split(separator: "\n").filter { $0.contains(word) }.count }

        try house.startAggregator(environment: ["NOTIFY_SOCKET": socketPath])
        try eventually("the aggregator says READY") { told("READY=1") == 1 }
        try house.startAgent(environment: ["NOTIFY_SOCKET": socketPath])
        try eventually("the agent says READY") { told("READY=1") == 2 }

        try house.appendLog((0..<5000).map { "line \($0)\n" }.joined())
        try eventually("lines flow") { (try house.get("/api/v1/events/stats")["by_source"]?["app"]?.integer ?? 0) > 0 }
        let clock = ContinuousClock()
        for (name, process) in [("agent", house.agent), ("aggregator", house.aggregator)] {
            let asked = clock.now
            process?.signal(SIGTERM)
            #expect(process?.wait() == .code(0), "\(name): \(process?.output().suffix(1000) ?? "")")
            let took = clock.now - asked
            print("SIGTERM to the end of the \(name): \(took)")
            #expect(took < .seconds(5))
        }
        #expect(told("STOPPING=1") == 2)

        try house.startAggregator()
        try house.startAgent()
        try eventually("all lines are stored") { try house.get("/api/v1/events/stats")["by_source"]?["app"]?.integer == 5000 }
        _ = listener.killHard()
    }

    @Test func `without an aggregator the spool grows, status says so, and it drains when there is one again`() throws {
        let house = try Installation()
        try house.startAgent()
        try house.appendLog((0..<1000).map { "line \($0)\n" }.joined())
        try eventually("batches wait and status tells") {
            guard let status = try house.status() else { return false }
            return status["aggregator"]?["reachable"]?.bool == false && (status["spool"]?["batches"] ?? .null) != .null
                && status["status"]?.string == "degraded"
        }
        let (exit, _) = try ChildProcess.run(["\(Installation.binaries)/agentctl", "status", "--socket", house.socketPath])
        #expect(exit == .code(1))
        try house.startAggregator()
        try eventually("the backlog is stored", within: 90) { try house.get("/api/v1/events/stats")["by_source"]?["app"]?.integer == 1000 }
        try eventually("status is healthy again") { try house.status()?["status"]?.string == "healthy" }
        house.agent?.killHard()
        let (gone, _) = try ChildProcess.run(["\(Installation.binaries)/agentctl", "status", "--socket", house.socketPath])
        #expect(gone == .code(2))
    }
}
