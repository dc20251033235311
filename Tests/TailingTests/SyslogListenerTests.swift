import Glibc
import Logging
import Matching
import Operating
import ServiceLifecycle
import Telemetry
import TestSupport
import Testing

@testable import Tailing

@Suite(.timeLimit(.minutes(2))) struct SyslogListenerTests {
    /// Runs listeners for the time of the body.
    private func listening(
        _ configs: [SyslogConfig],
        into shelf: Shelf,
        metrics: MetricsRegistry = MetricsRegistry(),
        _ body: @escaping @Sendable (SyslogListener) async throws -> Void
    ) async throws {
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let listener = SyslogListener(configs, host: "web-1", tags: ["t"], into: shelf, time: SystemTime(), metrics: metrics, logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let group = ServiceGroup(services: [listener], logger: quiet)
            tasks.addTask { try await group.run() }
            await listener.wait { $0.allSatisfy { $0.problem == nil && !$0.name.hasSuffix(":0") } }
            try await body(listener)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static let tcp = SyslogConfig(address: .tcp(host: "127.0.0.1", port: 0), messageBytesMax: 1000)
    private static let udp = SyslogConfig(address: .udp(host: "127.0.0.1", port: 0), messageBytesMax: 1000)

    private static func port(_ listener: SyslogListener) -> UInt16 {
        listener.status().first?.name.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
    }

    @Test func `messages of a stream become events with time, severity, program and fields`() async throws {
        let shelf = Shelf()
        try await listening([Self.tcp], into: shelf) { listener in
            let client = try Sender(.stream, port: Self.port(listener))
            let new = "<165>1 2026-11-01T08:00:00.5Z mail-1 postfix 77 - [a@1 k=\"v\"] queued"
            try client.send("\(new.utf8.count) \(new)<11>Nov  1 08:00:01 box sshd[4711]: refused\n")
            await shelf.wait { $0.lines.count == 2 }
            let events = shelf.events
            #expect(events.map(\.message) == ["queued", "refused"])
            #expect(events.map(\.source) == ["postfix", "sshd"])
            #expect(events.map(\.severity) == [.info, .error])
            #expect(events[0].timestamp == Timestamp(nanoseconds: 1_793_520_000_500_000_000))
            #expect(events[0].host == "web-1" && events[0].tags == ["t"])
            #expect(events[0].data.contains(#""peer":"127.0.0.1","fields":{"facility":"local4","hostname":"mail-1","app":"postfix","pid":77,"sd""#))
            #expect(events[1].data.contains(#""hostname":"box","app":"sshd","pid":4711"#))
            await listener.wait { $0[0].messages == 2 && $0[0].peers == 1 && $0[0].connections == 1 }
        }
    }

    @Test func `datagrams over IP and over a Unix socket are taken, and the socket is gone afterwards`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        let unix = SyslogConfig(address: .unix(path: folder("log")), rules: MessageRules(source: "local", redact: [], drop: [try Pattern("secret")]))
        try await listening([Self.udp, unix], into: shelf) { listener in
            try Sender(.datagram, port: Self.port(listener)).send("<13>from afar\n")
            let local = try Sender(.datagram, path: folder("log"))
            try local.send("<12>a secret")
            try local.send("<12>from here\0")
            await shelf.wait { $0.lines.count == 2 }
            #expect(Set(shelf.events.map { "\($0.source): \($0.message ?? "")" }) == ["syslog: from afar", "local: from here"])
        }
        #expect(!TestFiles.exists(folder("log")))
    }

    @Test func `a socket left behind is replaced, one that is served and a file are left alone`() async throws {
        let folder = try TemporaryFolder()
        let first = try SyslogSocket.open(.unix(path: folder("log")))
        #expect(throws: SyslogSocket.Failure.self) { try SyslogSocket.open(.unix(path: folder("log"))) }
        close(first.descriptor)
        let second = try SyslogSocket.open(.unix(path: folder("log")))
        second.close()
        try TestFiles.write("x", to: folder("log"))
        #expect(throws: SyslogSocket.Failure.self) { try SyslogSocket.open(.unix(path: folder("log"))) }
        #expect(TestFiles.read(folder("log")) == "x")
    }

    @Test func `while the next room is full a stream's sender waits, and nothing is lost`() async throws {
        let shelf = Shelf()
        shelf.fail(3)
        let count = 20_000
        try await listening([Self.tcp], into: shelf) { listener in
            let sender = try Sender(.stream, port: Self.port(listener))
            try sender.send((0..<count).map { "<13>number \($0)\n" }.joined())
            sender.hangUp()
            await shelf.wait { $0.lines.count >= count }
            #expect(shelf.view.lines == (0..<count).map { "number \($0)" })
            #expect(shelf.view.gaps.isEmpty)
        }
    }

    @Test func `datagrams that the kernel had no room for are a gap with their number`() async throws {
        let shelf = Shelf()
        let sent = 30_000
        try await listening([Self.udp], into: shelf) { listener in
            // The next room takes nothing for a while; the kernel's buffer runs over.
            shelf.fail(4)
            let sender = try Sender(.datagram, port: Self.port(listener))
            let text = "<13>" + String(repeating: "x", count: 900)
            for _ in 0..<sent { try sender.send(text) }
            await shelf.wait { view in view.lines.count + Int(view.gaps.reduce(0) { $0 + $1.count }) == sent }
            #expect(shelf.view.gaps.allSatisfy { $0.reason == .datagramsLost })
            #expect(listener.status()[0].dropped == shelf.view.gaps.reduce(0) { $0 + $1.count })
        }
    }

    @Test func `a message over the limit is cut, counted and a gap`() async throws {
        let shelf = Shelf()
        try await listening([Self.udp], into: shelf) { listener in
            try Sender(.datagram, port: Self.port(listener)).send("<13>" + String(repeating: "x", count: 1500))
            await shelf.wait { $0.lines.count == 1 }
            #expect(shelf.events[0].message?.utf8.count == 996)
            #expect(shelf.events[0].data.contains(#""cut":504"#))
            #expect(shelf.view.gaps.map(\.reason) == [.lineCut])
            #expect(shelf.view.gaps.map(\.bytes) == [504])
        }
    }

    @Test(arguments: ["udp://0.0.0.0:514", "tcp://[::1]:601", "unix:///dev/log", "unix-stream:///run/x"])
    func `an address is written as it is read`(text: String) { #expect(SyslogConfig.Address(text)?.description == text) }

    @Test(arguments: ["udp://host:514", "tcp://1.2.3.4", "unix://dev/log", "http://1.2.3.4:1", "udp://::1:514", "tcp://1.2.3.4:70000"])
    func `what is no address is refused`(text: String) { #expect(SyslogConfig.Address(text) == nil) }
}

/// A program that logs.
private struct Sender {
    enum Kind { case stream, datagram }
    struct Failure: Error { let code: Int32 }

    private let descriptor: Int32

    init(_ kind: Kind, port: UInt16) throws {
        descriptor = socket(AF_INET, Int32((kind == .stream ? SOCK_STREAM : SOCK_DGRAM).rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if code != 0 { throw Failure(code: errno) }
    }

    init(_ kind: Kind, path: String) throws {
        descriptor = socket(AF_UNIX, Int32((kind == .stream ? SOCK_STREAM : SOCK_DGRAM).rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if code != 0 { throw Failure(code: errno) }
    }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 { throw Failure(code: errno) }
            sent += count
        }
    }

    func hangUp() { close(descriptor) }
}
