import Glibc
import JSON
import TestSupport
import Testing

/// An agent whose disk cannot be written when it starts: it runs, says so, alerts, and is itself again when the disk is.
@Suite(.serialized, .enabled(if: geteuid() == 0, "mounting is root's"))
struct NoDiskTests {
    private func isInMemory(_ house: Installation) throws -> Bool {
        let status = try house.status()
        return status?["status"]?.string == "degraded"
            && status?["problems"]?.array?.contains { $0.string?.contains("are held in memory") == true } == true
    }

    /// While there is no disk: metrics and an alert reach the aggregator, and nothing of the file is read.
    private func expectWork(_ house: Installation) throws {
        try eventually("status says that it stands on memory; it wrote \(TestFiles.read(house.folder("agent.out"))?.suffix(3000) ?? "")") {
            try isInMemory(house)
        }
        try eventually("metrics arrive") {
            try house.get("/api/v1/query?query=node_load1")["data"]?["result"]?.array?.isEmpty == false
        }
        try eventually("an alert arrives") {
            try house.get("/api/v1/alerts")["alerts"]?.array?.contains { $0["alertname"]?.string == "Alive" } == true
        }
        let (exit, text) = try ChildProcess.run(["\(Installation.binaries)/agentctl", "status", "--socket", house.socketPath])
        print(text)
        #expect(exit == .code(1))
    }

    private func addRule(_ house: Installation) throws {
        try TestFiles.write(
            "groups: [{name: demo, rules: [{alert: Alive, expr: 'node_load1 >= 0', labels: {severity: info}}]}]\n",
            to: house.folder("rules.yaml")
        )
    }

    private var refuges: Int {
        guard let output = try? ChildProcess.run(["/bin/sh", "-c", "ls -d /dev/shm/tocsin-agent-* 2>/dev/null | wc -l"]).output else { return -1 }
        return Int(output.split(separator: "\n").first ?? "") ?? -1
    }

    @Test func `started on a full disk the agent collects and alerts from memory, and loses nothing when there is room again`() throws {
        let scene = try FaultHouse()
        let house = scene.house
        let before = refuges
        try addRule(house)
        let disk = try SmallFileSystem(at: house.folder("agent"), bytes: 8 << 20)
        try house.startAgent()
        try scene.write(2000)
        try scene.waitUntilRead()
        // An end that leaves no log beside the database: opening it needs room.
        house.agent?.signal(SIGTERM)
        #expect(house.agent?.wait() == .code(0))
        let ballast = disk.fill()
        try house.startAggregator()
        try house.startAgent()
        try scene.write(500)
        try expectWork(house)
        #expect(try house.get("/api/v1/events/stats")["by_source"]?["app"]?.integer ?? 0 == 0)
        // Killed in the middle of it, it goes on from memory.
        house.agent?.killHard()
        try house.startAgent()
        try expectWork(house)
        unsafe unlink(ballast)
        try eventually("the agent is itself again", within: 60) { try !isInMemory(house) && house.status() != nil }
        try scene.write(500)
        try scene.conclude("started on a full disk", times: 1)
        try eventually("the memory is given back") { refuges == before }
        house.agent?.killHard()
    }

    @Test func `started on a read-only file system the agent collects and alerts from memory, and goes on from its spool when it can`() throws {
        let scene = try FaultHouse()
        let house = scene.house
        let before = refuges
        try addRule(house)
        try house.startAggregator()
        let (folder, agent) = (house.folder("agent"), "\(Installation.binaries)/tocsin-agent")
        let process = try ChildProcess(
            [
                "/usr/bin/unshare", "-m", "/bin/sh", "-c",
                "mount --bind \(folder) \(folder) && mount -o remount,ro,bind \(folder) && exec \(agent) --config \(house.folder("agent.yaml"))",
            ],
            outputPath: house.folder("agent.out")
        )
        defer { process.killHard() }
        try eventually("the agent answers; it wrote: \(process.output().suffix(2000))") { try house.status() != nil }
        try scene.write(500)
        try expectWork(house)
        let (exit, output) = try ChildProcess.run(["/usr/bin/nsenter", "-t", "\(process.pid)", "-m", "mount", "-o", "remount,rw,bind", folder])
        #expect(exit == .code(0), "\(output)")
        try eventually("the agent is itself again", within: 60) { try !isInMemory(house) && house.status() != nil }
        try scene.write(500)
        try scene.conclude("started on a read-only file system", times: 1)
        try eventually("the memory is given back") { refuges == before }
    }

    @Test func `a folder that this user may not write is still a mistake that ends the agent`() throws {
        let house = try Installation()
        _ = unsafe chmod(house.folder("agent"), 0o555)
        _ = unsafe chmod(house.folder.path, 0o755)
        let command = [
            "/usr/bin/setpriv", "--reuid", "65534", "--clear-groups", "\(Installation.binaries)/tocsin-agent", "--config", house.folder("agent.yaml"),
        ]
        let (exit, output) = try ChildProcess.run(command)
        #expect(exit == .code(1))
        #expect(output.contains("run as the agent's own user"))
    }
}
