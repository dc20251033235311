import Logging
import Operating
import ServiceLifecycle
import Synchronization
import Testing

/// A room that tells when it begins and ends.
private final class Room: Service {
    let name: String
    private let journal: Journal

    init(_ name: String, _ journal: Journal) { (self.name, self.journal) = (name, journal) }

    func run() async throws {
        journal.note("\(name) runs")
        try? await gracefulShutdown()
        journal.note("\(name) stops")
    }
}

private final class Journal: Sendable {
    private let lines = Mutex<[String]>([])
    private let bell = Bell()

    var all: [String] { lines.withLock { $0 } }

    func note(_ line: String) {
        lines.withLock { $0.append(line) }
        bell.ring()
    }

    func wait(for line: String) async {
        while true {
            let seen = bell.rings
            if all.contains(line) { return }
            await bell.wait(after: seen)
        }
    }
}

private struct Refused: Error {}

@Suite struct ReplaceableTests {
    private func running(
        _ first: String?,
        _ journal: Journal,
        _ body: @escaping @Sendable (Replaceable<String?, Room>) async throws -> Void
    ) async throws {
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let rooms = try await Replaceable<String?, Room>(first, logger: quiet) { name in
            if name == "bad" { throw Refused() }
            return name.map { Room($0, journal) }
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let group = ServiceGroup(services: [rooms], logger: quiet)
            tasks.addTask { try await group.run() }
            try await body(rooms)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func `the old room stops before the new one is made, and the last one stops with the program`() async throws {
        let journal = Journal()
        try await running("a", journal) { rooms in
            await journal.wait(for: "a runs")
            _ = try await rooms.replace(with: "b")
            #expect(rooms.current?.name == "b")
            await journal.wait(for: "b runs")
        }
        #expect(journal.all == ["a runs", "a stops", "b runs", "b stops"])
    }

    @Test func `the same settings change nothing`() async throws {
        let journal = Journal()
        try await running("a", journal) { rooms in
            await journal.wait(for: "a runs")
            let changed = try await rooms.replace(with: "a")
            #expect(!changed)
        }
        #expect(journal.all == ["a runs", "a stops"])
    }

    @Test func `settings that cannot be put in force bring the old room back`() async throws {
        let journal = Journal()
        try await running("a", journal) { rooms in
            await journal.wait(for: "a runs")
            await #expect(throws: Refused.self) { try await rooms.replace(with: "bad") }
            #expect(rooms.current?.name == "a")
            _ = try await rooms.replace(with: "c")
            await journal.wait(for: "c runs")
        }
        #expect(journal.all.last == "c stops")
    }

    @Test func `a room can go and come`() async throws {
        let journal = Journal()
        try await running(nil, journal) { rooms in
            #expect(rooms.current == nil)
            _ = try await rooms.replace(with: "a")
            await journal.wait(for: "a runs")
            _ = try await rooms.replace(with: nil)
            #expect(rooms.current == nil)
        }
        #expect(journal.all == ["a runs", "a stops"])
    }

    @Test func `who asks after the end is told so`() async throws {
        let journal = Journal()
        let kept = Mutex<Replaceable<String?, Room>?>(nil)
        try await running("a", journal) { rooms in
            kept.withLock { $0 = rooms }
            await journal.wait(for: "a runs")
        }
        let rooms = try #require(kept.withLock { $0 })
        await #expect(throws: Replaceable<String?, Room>.Stopped.self) { try await rooms.replace(with: "b") }
    }
}
