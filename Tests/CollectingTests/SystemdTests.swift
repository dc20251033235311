import Collecting
import Dispatch
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Answers as systemd would, from a list of prepared messages that GLib has marshalled (Tests/Fixtures/dbus/make.py).
private final class FakeSystemd: Sendable {
    private let listener: Int32
    /// Calls by member, in the order in which they came.
    private let heard = Mutex<[String]>([])
    private let queue = DispatchQueue(label: "test.systemd")

    /// - Parameters:
    ///   - answers: a call's member → names of messages; the last one is given again and again. `-` hangs up, `…` never answers.
    ///   - connections: how many one after the other.
    init(at path: String, answers: [String: [String]], connections: Int = 1) throws {
        Fixture.makeFolders(for: path)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in unsafe field.copyBytes(from: path.utf8) }
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(status == 0 && listen(listener, 4) == 0)
        queue.async {
            var left = answers
            for _ in 0..<connections { self.serve(&left) }
        }
    }

    deinit { close(listener) }

    var calls: [String] { heard.withLock { $0 } }

    private func serve(_ answers: inout [String: [String]]) {
        let peer = accept(listener, nil, nil)
        guard peer >= 0 else { return }
        defer {
            // Not by closing alone: programs that other tests start at the same time inherit the descriptor.
            shutdown(peer, Int32(SHUT_RDWR))
            close(peer)
        }
        var input = read(peer, until: "\r\n")
        let user = "\(geteuid())".utf8.map { String($0, radix: 16) }.joined()
        guard input == "\0AUTH EXTERNAL \(user)\r\n" else { return }
        send(peer, Array("OK 0123456789abcdef0123456789abcdef\r\n".utf8))
        input = read(peer, until: "\r\n")
        guard input == "BEGIN\r\n" else { return }
        while let head = bytes(peer, 16) {
            func number(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(head[offset + $1]) << (8 * $1) } }
            guard let rest = bytes(peer, (number(12) + 7) / 8 * 8 + number(4)) else { return }
            let text = String(decoding: rest, as: UTF8.self)
            guard let member = ["Hello", "ListUnitsByPatterns", "SystemState", "Type"].first(where: { text.contains($0) }) else { return }
            heard.withLock { $0.append(member) }
            var names = answers[member] ?? []
            guard let name = names.first else { return }
            if names.count > 1 { names.removeFirst() }
            answers[member] = names
            if name == "-" { return }
            if name == "…" { continue }
            for part in name.split(separator: "+") { send(peer, message(String(part), serial: Array(head[8..<12]))) }
        }
    }

    private func message(_ name: String, serial: [UInt8]) -> [UInt8] {
        let folder = Fixture.folder.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/dbus"
        var bytes = TestFiles.bytes("\(folder)/\(name).bin") ?? Array(name.utf8)
        let mark: [UInt8] = [0xD4, 0xC3, 0xB2, 0xA1]
        if let place = bytes.indices.dropLast(3).first(where: { Array(bytes[$0..<($0 + 4)]) == mark }) {
            bytes.replaceSubrange(place..<(place + 4), with: serial)
        }
        return bytes
    }

    private func bytes(_ peer: Int32, _ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var piece = [UInt8](repeating: 0, count: count - bytes.count)
            let got = unsafe recv(peer, &piece, piece.count, 0)
            guard got > 0 else { return nil }
            bytes += piece[..<got]
        }
        return bytes
    }

    private func read(_ peer: Int32, until end: String) -> String {
        var text = ""
        while !text.hasSuffix(end), let byte = bytes(peer, 1) { text += String(decoding: byte, as: UTF8.self) }
        return text
    }

    private func send(_ peer: Int32, _ bytes: [UInt8]) { _ = unsafe Glibc.send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
}

@Suite(.timeLimit(.minutes(1))) struct SystemdTests {
    private static let good = [
        "Hello": ["signal+hello+signal"], "ListUnitsByPatterns": ["units"], "SystemState": ["state-running"], "Type": ["type-notify"],
    ]

    private func collectors(_ folder: TemporaryFolder, deadline: Duration = .seconds(20)) -> Collectors {
        let config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["systemd"]))
        return Collectors(config, files: KernelFiles(root: folder.path, calls: Fixture.calls), time: ManualTime(), deadline: deadline)
    }

    private func bus(_ folder: TemporaryFolder) -> String { folder.path + "/run/dbus/system_bus_socket" }

    private func states(_ scrape: Scrape, of unit: String) -> [String] {
        scrape.samples.filter { $0.series.name == "node_systemd_unit_state" && $0.series["name"] == unit && $0.value == 1 }
            .compactMap { $0.series["state"] }
    }

    @Test func `each unit's state, as node_exporter writes it`() async throws {
        let folder = try TemporaryFolder()
        let systemd = try FakeSystemd(at: bus(folder), answers: Self.good)
        let collectors = collectors(folder)
        let scrape = await collectors.scrape()
        #expect(scrape.status("systemd")?.lastError == nil, "\(scrape.collectors)")
        let names = Set(scrape.samples.filter { $0.series.name == "node_systemd_unit_state" }.compactMap { $0.series["name"] })
        // One that is neither there nor doing anything is left out; one that failed before it went away is not.
        #expect(
            names == ["apt-daily.service", "backup.service", "cups.service", "fstrim.timer", "getty@tty1.service", "mysql.service", "nginx.service"]
        )
        #expect(scrape.value("node_systemd_unit_state", [Label("name", "nginx.service"), Label("state", "active"), Label("type", "notify")]) == 1)
        #expect(scrape.value("node_systemd_unit_state", [Label("name", "nginx.service"), Label("state", "failed"), Label("type", "notify")]) == 0)
        #expect(scrape.value("node_systemd_unit_state", [Label("name", "fstrim.timer"), Label("state", "active")]) == 1)
        #expect(states(scrape, of: "backup.service") == ["failed"])
        #expect(states(scrape, of: "getty@tty1.service") == ["activating"])
        #expect(states(scrape, of: "cups.service") == [], "reloading is none of node_exporter's states")
        #expect(scrape.value("node_systemd_system_running") == 1)
        #expect(scrape.value("tocsin_systemd_units_omitted") == 0)
        #expect(systemd.calls.count { $0 == "Type" } == 6, "asked for services only")

        // The connection is kept, and types are asked for once.
        _ = await collectors.scrape()
        #expect(systemd.calls.count { $0 == "Type" } == 6)
        #expect(systemd.calls.count { $0 == "Hello" } == 1)
        #expect(systemd.calls.count { $0 == "ListUnitsByPatterns" } == 2)
    }

    @Test func `as root it is asked at its own socket, where nobody says hello`() async throws {
        try #require(geteuid() == 0)
        let folder = try TemporaryFolder()
        let systemd = try FakeSystemd(at: folder.path + "/run/systemd/private", answers: Self.good)
        #expect(await collectors(folder).scrape().value("node_systemd_system_running") == 1)
        #expect(!systemd.calls.contains("Hello"))
    }

    @Test func `a bus that was started anew is connected to again at the same collection`() async throws {
        let folder = try TemporaryFolder()
        var answers = Self.good
        answers["ListUnitsByPatterns"] = ["units", "-", "no-units"]
        answers["SystemState"] = ["state-running", "state-degraded"]
        let systemd = try FakeSystemd(at: bus(folder), answers: answers, connections: 2)
        let collectors = collectors(folder)
        #expect(await collectors.scrape().samples.count > 30)
        let scrape = await collectors.scrape()
        #expect(scrape.status("systemd")?.lastError == nil)
        #expect(scrape.value("node_systemd_system_running") == 0)
        #expect(!scrape.samples.contains { $0.series.name == "node_systemd_unit_state" })
        #expect(systemd.calls.count { $0 == "Hello" } == 2)
    }

    @Test(arguments: [
        ("units", "denied", "AccessDenied"), ("units", "-", "Protocol error"), ("units", "number", "Protocol error"),
        ("units", "…", "timed out"), ("units", "nonsense that is no message at all", "Protocol error"), ("hello", "denied", "AccessDenied"),
        ("hello", "-", "Protocol error"),
    ])
    func `an answer that is none costs this collector alone, and never more than its time`(call: String, answer: String, words: String) async throws {
        let folder = try TemporaryFolder()
        var answers = Self.good
        answers[call == "units" ? "ListUnitsByPatterns" : "Hello"] = [answer]
        let systemd = try FakeSystemd(at: bus(folder), answers: answers, connections: 3)
        let scrape = await collectors(folder, deadline: .seconds(4)).scrape()
        #expect(scrape.status("systemd")?.isStale == false)
        #expect(scrape.status("systemd")?.lastError?.contains(words) == true, "\(scrape.status("systemd")?.lastError ?? "")")
        #expect(!scrape.samples.contains { ($0.series.name ?? "").hasPrefix("node_systemd") })
        #expect(!systemd.calls.isEmpty)
    }

    @Test func `answers cut or changed anywhere are refused or read, never a trap`() async throws {
        let path = Fixture.folder.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/dbus/units.bin"
        let whole = try #require(TestFiles.bytes(path))
        #expect(DBusMessageProbe.units(in: whole) == 8)
        for length in 0..<whole.count { #expect(DBusMessageProbe.units(in: Array(whole[..<length])) == nil) }
        var random = SeededGenerator(seed: 11)
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = DBusMessageProbe.units(in: bytes)
        }
    }

    @Test func `the real bus lets us in, and says that there is no systemd`() async throws {
        try #require(TestFiles.exists("/usr/bin/dbus-daemon"))
        let folder = try TemporaryFolder()
        Fixture.makeFolders(for: bus(folder))
        let config =
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
            + "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig><type>system</type><listen>unix:path=\(bus(folder))</listen>"
            + "<policy context=\"default\"><allow send_destination=\"*\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>"
        try TestFiles.write(config, to: folder("bus.conf"))
        let daemon = try ChildProcess.start("/usr/bin/dbus-daemon", ["--config-file=\(folder("bus.conf"))", "--nofork", "--print-address=1"])
        _ = try await daemon.line(containing: "unix:path=")
        let scrape = await collectors(folder).scrape()
        #expect(scrape.value("node_scrape_collector_success", [Label("collector", "systemd")]) == 0)
        #expect(scrape.status("systemd")?.lastError == nil, "a host without systemd has nothing to complain about")
        await daemon.stop()
    }

    @Test func `without a bus there is none, and nothing to complain about`() async throws {
        let scrape = await collectors(try TemporaryFolder()).scrape()
        #expect(scrape.value("node_scrape_collector_success", [Label("collector", "systemd")]) == 0)
        #expect(scrape.status("systemd")?.lastError == nil)
    }
}
