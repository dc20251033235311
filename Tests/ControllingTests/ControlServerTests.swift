import Controlling
import Glibc
import JSON
import Logging
import Operating
import Synchronization
import Telemetry
import TestSupport
import Testing

/// An agent whose state is given.
final class FakeAgent: Controllable {
    let flushes = Mutex(0)
    private let state: AgentStatus

    init(_ state: AgentStatus = .sample()) { self.state = state }

    func status() async -> AgentStatus { state }
    func flush() async { flushes.withLock { $0 += 1 } }
    func reload() async -> ReloadReport { ReloadReport(changed: ["tail"], needsRestart: ["spool"], problems: ["a \"word\""]) }
    func spool(_ command: ControlCommand) async throws(ControlError) -> [UInt8] {
        guard command == .spoolStat else { throw .refused("the spool is damaged: page 7") }
        return Array("{\"path\":\"/var/lib/tocsin-agent/spool.db\"}".utf8)
    }
}

extension AgentStatus {
    static func sample(problems: [String] = []) -> AgentStatus {
        let now = Timestamp(milliseconds: 1_767_225_600_000)
        return AgentStatus(
            identity: HostIdentity(agent: UUID(high: 1, low: 2), host: "web-1", tags: ["production"]),
            version: "0.1.0",
            startedAt: now.advanced(by: .seconds(-3700)),
            now: now,
            spool: SpoolStatus(
                bytes: 3 << 20,
                maxBytes: 512 << 20,
                batches: [.metrics: 4, .logs: 3],
                oldest: now.advanced(by: .milliseconds(-2500)),
                secondsToFull: 7200,
                gapCounts: [.truncated: 1],
                recentGaps: [Gap(source: "/var/log/a", reason: .truncated, from: now, to: now, count: 0, bytes: 7, detail: "it became shorter")]
            ),
            shipping: ShippingStatus(
                url: "https://tocsin.example.org:8640",
                isReachable: true,
                lastAcknowledgedAt: now.advanced(by: .seconds(-3)),
                lastError: nil,
                failuresInARow: 0
            ),
            tails: [
                TailStatus(path: "/var/log/a", source: "a", offset: 10, size: 30, problem: nil),
                TailStatus(path: "/var/log/b", source: "b", offset: 0, size: 0, problem: "permission denied"),
            ],
            rules: [RuleStatus(name: "DiskFull", group: "disks", pending: 0, firing: 2, lastError: nil)],
            collectors: [CollectorStatus(name: "cpu", isStale: false, lastError: nil, lastDuration: .milliseconds(2))],
            problems: problems
        )
    }
}

/// Runs a server for the time of the body.
func withServer(_ path: String, agent: any Controllable, _ body: @escaping @Sendable () throws -> Void) async throws {
    let server = ControlServer(path: path, agent: agent, logger: Logger(label: "test"))
    try server.open()
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        // The client blocks: it gets a thread of its own.
        let outcome = await onThread { Result { try body() } }
        group.cancelAll()
        try await group.waitForAll()
        try outcome.get()
    }
}

private func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    let executor = ThreadActor()
    return await executor.run(work)
}

private actor ThreadActor {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    func run<Value: Sendable>(_ work: @Sendable () -> Value) -> Value { work() }
}

@Suite struct ControlServerTests {
    @Test func `status is answered with every key that the interface names`() async throws {
        let folder = try TemporaryFolder()
        try await withServer(folder("s"), agent: FakeAgent()) {
            let status = try ControlClient(path: folder("s")).ask(.status)
            #expect(status["status"]?.string == "healthy")
            #expect(status["agent_id"]?.string == "00000000-0000-0001-0000-000000000002")
            #expect(status["host"]?.string == "web-1")
            #expect(status["uptime_seconds"]?.double == 3700)
            #expect(status["aggregator"]?["url"]?.string == "https://tocsin.example.org:8640")
            #expect(status["aggregator"]?["reachable"]?.bool == true)
            #expect(status["aggregator"]?["last_ack"]?.string == "2025-12-31T23:59:57Z")
            #expect(status["aggregator"]?["lag_seconds"]?.double == 2.5)
            #expect(status["spool"]?["bytes"]?.integer == 3 << 20)
            #expect(status["spool"]?["max_bytes"]?.integer == 512 << 20)
            #expect(status["spool"]?["batches"]?.integer == 7)
            #expect(status["spool"]?["oldest"]?.string == "2025-12-31T23:59:57.500Z")
            #expect(status["spool"]?["seconds_to_full"]?.double == 7200)
            #expect(status["tails"]?.array?.count == 2)
            #expect(status["rules"]?[0]?["firing"]?.integer == 2)
            #expect(status["gaps"]?[0]?["reason"]?.string == "truncated")
        }
    }

    @Test func `flush reaches the agent and comes back with its state`() async throws {
        let folder = try TemporaryFolder()
        let agent = FakeAgent()
        try await withServer(folder("s"), agent: agent) {
            let status = try ControlClient(path: folder("s")).ask(.flush)
            #expect(status["host"]?.string == "web-1")
        }
        #expect(agent.flushes.withLock { $0 } == 1)
    }

    @Test func `the socket is for its owner and group, and gone when the agent has stopped`() async throws {
        let folder = try TemporaryFolder()
        try await withServer(folder("s"), agent: FakeAgent()) {
            var status = stat()
            #expect(unsafe lstat(folder("s"), &status) == 0)
            #expect(status.st_mode & 0o777 == 0o660)
        }
        #expect(!TestFiles.exists(folder("s")))
    }

    @Test func `a socket that an agent left behind is taken over, one that is answered is not`() async throws {
        let folder = try TemporaryFolder()
        // Bound and never removed, as after kill -9.
        let abandoned = ControlServer(path: folder("s"), agent: FakeAgent(), logger: Logger(label: "test"))
        try abandoned.open()
        let second = ControlServer(path: folder("s"), agent: FakeAgent(), logger: Logger(label: "test"))
        #expect(throws: ControlError.self) { try second.open() }
        try leaveSocketBehind(folder("old"))
        try await withServer(folder("old"), agent: FakeAgent()) {
            let status = try ControlClient(path: folder("old")).ask(.status)
            #expect(status["host"]?.string == "web-1")
        }
    }

    @Test func `a file at the socket's path is not removed`() throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("precious", to: folder("s"))
        let server = ControlServer(path: folder("s"), agent: FakeAgent(), logger: Logger(label: "test"))
        #expect(throws: ControlError.self) { try server.open() }
        #expect(TestFiles.read(folder("s")) == "precious")
    }

    @Test func `a path that no socket can have is an error that says so`() throws {
        let server = ControlServer(path: "/tmp/" + String(repeating: "x", count: 200), agent: FakeAgent(), logger: Logger(label: "test"))
        let error = #expect(throws: ControlError.self) { try server.open() }
        #expect(error?.description.contains("shorter control.socket") == true)
    }

    @Test func `nobody at the socket is told apart from other failures`() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: ControlError.self) { try ControlClient(path: folder("none")).ask(.status) }
        #expect(error == .notRunning(path: folder("none")))
    }

    @Test(arguments: [
        ("{}\n", "version 1"), ("{\"version\":2,\"command\":\"status\"}\n", "version 1"),
        ("{\"version\":1,\"command\":\"reboot\"}\n", "status, flush"),
        ("hello\n", "not JSON"), ("{\"version\":1}\n", "status, flush"),
    ])
    func `a request that makes no sense is answered with what would`(request: String, words: String) async throws {
        let folder = try TemporaryFolder()
        try await withServer(folder("s"), agent: FakeAgent()) {
            let answer = try JSON.parse(try talk(to: folder("s"), sending: Array(request.utf8)))
            #expect(answer["error"]?.string?.contains(words) == true)
        }
    }

    @Test func `silent, endless and vanishing clients do not keep others from their answer, nor the server from its end`() async throws {
        let folder = try TemporaryFolder()
        try await withServer(folder("s"), agent: FakeAgent()) {
            let silent = try (0..<4).map { _ in try connected(to: folder("s")) }
            defer { for descriptor in silent { close(descriptor) } }
            close(try connected(to: folder("s")))
            let answer = try talk(to: folder("s"), sending: [UInt8](repeating: 0x61, count: 1 << 20))
            #expect(answer.isEmpty)
            let status = try ControlClient(path: folder("s")).ask(.status)
            #expect(status["host"]?.string == "web-1")
        }
    }
}

struct SocketFailure: Error { let code = errno }

private func address(_ path: String) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
    return address
}

/// A bound socket whose owner has gone.
private func leaveSocketBehind(_ path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = address(path)
    let code = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard code == 0 else { throw SocketFailure() }
}

private func connected(to path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = address(path)
    let code = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard code == 0 else { throw SocketFailure() }
    return descriptor
}

/// Sends, and reads until the other end closes.
private func talk(to path: String, sending bytes: [UInt8]) throws -> [UInt8] {
    let descriptor = try connected(to: path)
    defer { close(descriptor) }
    _ = unsafe send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    var (answer, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 65_536))
    while case let count = unsafe read(descriptor, &buffer, buffer.count), count > 0 { answer += buffer[..<count] }
    return answer
}
