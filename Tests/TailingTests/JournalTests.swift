import Glibc
import Logging
import Matching
import Operating
import ServiceLifecycle
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Tailing

/// Real journal files, made by systemd-journal-remote of Debian's package of that name.
@Suite(.timeLimit(.minutes(2)), .enabled(if: JournalMaker.isThere, "systemd-journal-remote is not installed")) struct JournalTests {
    private static let start: Int64 = 1_767_225_600_000_000

    private static func entry(_ number: Int64, _ message: String, unit: String = "app.service", priority: Int = 6, more: [(String, String)] = [])
        -> JournalMaker.Entry
    {
        JournalMaker.Entry(
            microseconds: start + number * 1_000_000,
            fields: [
                ("MESSAGE", message), ("PRIORITY", "\(priority)"), ("_SYSTEMD_UNIT", unit), ("SYSLOG_IDENTIFIER", "app"), ("_PID", "42"),
            ] + more
        )
    }

    private func reading(
        _ config: JournalConfig,
        into shelf: NotedShelf,
        _ body: @escaping @Sendable (JournalReader) async throws -> Void
    ) async throws {
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let reader = JournalReader(
            config,
            host: "web-1",
            checkpoint: Checkpoint(notes: shelf.notes),
            into: shelf,
            time: SystemTime(),
            metrics: MetricsRegistry(),
            logger: quiet
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let group = ServiceGroup(services: [reader], logger: quiet)
            tasks.addTask { try await group.run() }
            try await body(reader)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func `entries become events, and each is read once through restarts`() async throws {
        let folder = try TemporaryFolder()
        let maker = JournalMaker(folder: folder)
        try await maker.write([Self.entry(1, "one", priority: 3), Self.entry(2, "two\nlines"), Self.entry(3, "three")], to: "a.journal")
        let shelf = NotedShelf()
        let config = JournalConfig(path: folder.path, start: .beginning)
        try await reading(config, into: shelf) { _ in await shelf.wait { $0.count >= 3 } }
        #expect(shelf.events.map(\.message) == ["one", "two\nlines", "three"])
        #expect(shelf.events.map(\.severity) == [.error, .info, .info])
        #expect(shelf.events[0].timestamp == Timestamp(nanoseconds: (Self.start + 1_000_000) * 1000))
        #expect(shelf.events[0].source == "app" && shelf.events[0].host == "web-1")
        #expect(shelf.events[0].data == #"{"input":"journald","fields":{"unit":"app.service","app":"app","pid":42}}"#)

        try await maker.write([Self.entry(4, "four"), Self.entry(5, "five")], to: "b.journal")
        try await reading(config, into: shelf) { _ in await shelf.wait { $0.count >= 5 } }
        #expect(shelf.events.compactMap(\.message) == ["one", "two\nlines", "three", "four", "five"])
        #expect(shelf.gaps.isEmpty)
    }

    @Test func `what the next room refuses comes again, once`() async throws {
        let folder = try TemporaryFolder()
        try await JournalMaker(folder: folder).write((1...50).map { Self.entry($0, "n\($0)") }, to: "a.journal")
        let shelf = NotedShelf()
        shelf.fail(2)
        try await reading(JournalConfig(path: folder.path, start: .beginning), into: shelf) { _ in await shelf.wait { $0.count >= 50 } }
        #expect(shelf.events.compactMap(\.message) == (1...50).map { "n\($0)" })
    }

    @Test func `units, priorities and matches choose; what is dropped is passed over and what is redacted never leaves`() async throws {
        let folder = try TemporaryFolder()
        let entries = [
            Self.entry(1, "wanted", unit: "ssh.service", priority: 4), Self.entry(2, "too chatty", unit: "ssh.service", priority: 7),
            Self.entry(3, "another unit", unit: "cron.service", priority: 1), Self.entry(4, "noise", unit: "ssh.service", priority: 3),
            Self.entry(5, "password=hunter2", unit: "ssh.service", priority: 2),
        ]
        try await JournalMaker(folder: folder).write(entries, to: "a.journal")
        let shelf = NotedShelf()
        let rules = MessageRules(redact: [RedactionRule(try Pattern("password=\\S+"))], drop: [try Pattern("noise")])
        let config = JournalConfig(path: folder.path, start: .beginning, units: ["ssh"], priorityMax: 4, matches: ["_PID=42"], rules: rules)
        try await reading(config, into: shelf) { _ in await shelf.wait { $0.count >= 2 } }
        #expect(shelf.events.compactMap(\.message) == ["wanted", "<redacted>"])
    }

    @Test func `from the end only what comes later is read, also what came while the agent was away`() async throws {
        let folder = try TemporaryFolder()
        let maker = JournalMaker(folder: folder)
        try await maker.write([Self.entry(1, "old")], to: "a.journal")
        let shelf = NotedShelf()
        let config = JournalConfig(path: folder.path)
        try await reading(config, into: shelf) { _ in await shelf.waitForNote() }
        try await maker.write([Self.entry(2, "away")], to: "b.journal")
        try await reading(config, into: shelf) { _ in await shelf.wait { $0.count >= 1 } }
        #expect(shelf.events.compactMap(\.message) == ["away"])
    }

    @Test func `a journal that was vacuumed past the cursor is a gap from where it was left`() async throws {
        let folder = try TemporaryFolder()
        let maker = JournalMaker(folder: folder)
        try await maker.write([Self.entry(1, "one")], to: "a.journal")
        let shelf = NotedShelf()
        let config = JournalConfig(path: folder.path, start: .beginning)
        try await reading(config, into: shelf) { _ in await shelf.wait { $0.count >= 1 } }
        _ = unsafe unlink(folder("a.journal"))
        try await maker.write([Self.entry(90, "ninety")], to: "c.journal")
        try await reading(config, into: shelf) { _ in await shelf.wait { $0.count >= 2 } }
        #expect(shelf.events.compactMap(\.message) == ["one", "ninety"])
        let gap = try #require(shelf.gaps.first)
        #expect(shelf.gaps.count == 1)
        #expect(gap.reason == .retention && gap.source == "journald")
        #expect(gap.from == Timestamp(nanoseconds: (Self.start + 1_000_000) * 1000))
        #expect(gap.to == Timestamp(nanoseconds: (Self.start + 90_000_000) * 1000))
    }

    @Test func `a filter that was changed is no gap`() async throws {
        let folder = try TemporaryFolder()
        let maker = JournalMaker(folder: folder)
        try await maker.write([Self.entry(1, "one", unit: "a.service")], to: "a.journal")
        let shelf = NotedShelf()
        try await reading(JournalConfig(path: folder.path, start: .beginning), into: shelf) { _ in await shelf.wait { $0.count >= 1 } }
        try await maker.write([Self.entry(2, "two", unit: "b.service")], to: "b.journal")
        try await reading(JournalConfig(path: folder.path, units: ["b"]), into: shelf) { _ in await shelf.wait { $0.count >= 2 } }
        #expect(shelf.events.compactMap(\.message) == ["one", "two"])
        #expect(shelf.gaps.isEmpty)
    }

    @Test func `a folder that is not there is a problem, and read as soon as it is`() async throws {
        let folder = try TemporaryFolder()
        let shelf = NotedShelf()
        try await reading(JournalConfig(path: folder("none"), start: .beginning), into: shelf) { reader in
            while reader.status().problem == nil { await Task.yield() }
            #expect(reader.status().problem?.contains("No such file") == true)
        }
        #expect(shelf.events.isEmpty)
    }
}

/// A next room that keeps events, gaps and notes.
final class NotedShelf: Sink {
    private let state = Mutex<(events: [Event], gaps: [Gap], notes: [String: String], failures: Int)>(([], [], [:], 0))
    private let bell = Bell()

    var events: [Event] { state.withLock { $0.events } }
    var gaps: [Gap] { state.withLock { $0.gaps } }
    var notes: [String: String] { state.withLock { $0.notes } }
    func fail(_ count: Int) { state.withLock { $0.failures = count } }

    func accept(_ intake: Intake) async throws(SinkError) {
        let fails = state.withLock { state in
            if state.failures > 0 {
                state.failures -= 1
                return true
            }
            state.events += intake.events
            state.gaps += intake.gaps
            state.notes.merge(intake.notes) { $1 }
            return false
        }
        if fails { throw .failed("the disk is full") }
        bell.ring()
    }

    func wait(until holds: @Sendable ([Event]) -> Bool) async {
        while true {
            let seen = bell.rings
            if holds(events) { return }
            await bell.wait(after: seen)
        }
    }

    func waitForNote() async {
        while true {
            let seen = bell.rings
            if !notes.isEmpty { return }
            await bell.wait(after: seen)
        }
    }
}

/// Makes journal files of entries in systemd's export format (https://systemd.io/JOURNAL_EXPORT_FORMATS).
struct JournalMaker {
    struct Entry: Sendable {
        let microseconds: Int64
        let fields: [(String, String)]
    }

    static let program = "/lib/systemd/systemd-journal-remote"
    static var isThere: Bool { unsafe access(program, X_OK) == 0 }

    let folder: TemporaryFolder

    func write(_ entries: [Entry], to name: String) async throws {
        var bytes: [UInt8] = []
        for entry in entries {
            bytes += Array("__REALTIME_TIMESTAMP=\(entry.microseconds)\n__MONOTONIC_TIMESTAMP=\(entry.microseconds)\n".utf8)
            bytes += Array("_BOOT_ID=0123456789abcdef0123456789abcdef\n".utf8)
            for (field, value) in entry.fields {
                if value.contains("\n") {
                    var count = UInt64(value.utf8.count).littleEndian
                    bytes += Array(field.utf8) + [0x0A]
                    unsafe withUnsafeBytes(of: &count) { unsafe bytes.append(contentsOf: $0) }
                    bytes += Array(value.utf8) + [0x0A]
                } else {
                    bytes += Array("\(field)=\(value)\n".utf8)
                }
            }
            bytes.append(0x0A)
        }
        try TestFiles.write(bytes, to: folder("export"))
        // Made elsewhere and moved, so that a reader sees a whole file.
        TestFiles.makeFolder(folder("making"))
        let process = try ChildProcess.start("/bin/sh", ["-c", "\(Self.program) -o \(folder("making/x.journal")) - < \(folder("export"))"])
        _ = await process.wait()
        guard unsafe rename(folder("making/x.journal"), folder(name)) == 0 else { throw NotMade() }
    }

    struct NotMade: Error {}
}
