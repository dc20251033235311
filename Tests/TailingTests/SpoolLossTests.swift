import Glibc
import Logging
import Operating
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Tailing

/// The spool is gone: the aggregator says where each file stood.
@Suite struct SpoolLossTests {
    private func lines(_ range: Range<Int>) -> String { range.map { "line \($0)\n" }.joined() }
    private func expected(_ range: Range<Int>) -> [String] { range.map { "line \($0)" } }
    private func flags(_ house: EngineHouse) -> [String] { house.gaps.filter { $0.reason == .spoolLost }.map(\.source) }

    @Test(arguments: [TailConfig.Start.beginning, .end])
    func `reading goes on behind the last line that the aggregator has, and what was not delivered is read again`(start: TailConfig.Start) throws {
        let house = try EngineHouse(start: start)
        try house.write("before\n")
        house.start()
        house.drain()
        try house.write(lines(0..<100))
        house.drain()
        house.deliver()
        let before = house.lines.count
        try house.write(lines(100..<150))
        house.drain()
        #expect(house.lines.count == before + 50)
        try house.write(lines(150..<160))
        house.loseSpool(answer: house.known)
        house.drain()
        #expect(house.lines == expected(100..<160))
        #expect(flags(house) == ["spool"])
        #expect(house.notes[FileMemory.note] == "")
        // What is known now is in the new spool: another start asks nobody.
        try house.write(lines(160..<170))
        house.restart()
        house.drain()
        #expect(house.lines == expected(100..<170))
    }

    @Test func `a quiet file is in the new spool before a line of it comes`() throws {
        let house = try EngineHouse()
        try house.write(lines(0..<10))
        house.start()
        house.drain()
        house.deliver()
        house.loseSpool(answer: house.known)
        house.drain()
        house.restart()
        house.drain()
        #expect(house.lines.isEmpty)
    }

    @Test func `a file that was begun at its end is not read from its beginning, though no line of it ever came`() throws {
        let house = try EngineHouse(start: .end)
        try house.write(lines(0..<10))
        house.start()
        house.drain()
        house.deliver()
        house.loseSpool(answer: house.known)
        try house.write(lines(10..<12))
        house.drain()
        #expect(house.lines == expected(10..<12))
        #expect(flags(house) == ["spool"])
    }

    @Test func `a file that was rotated meanwhile is read on from its place, and the new one from its beginning, unflagged`() throws {
        let house = try EngineHouse()
        try house.write(lines(0..<20))
        house.start()
        house.drain()
        house.deliver()
        try house.write(lines(20..<30))
        house.rename("app.log", "app.log.1")
        try house.write(lines(30..<40))
        house.loseSpool(answer: house.known)
        house.drain()
        #expect(house.lines == expected(20..<40))
        #expect(flags(house) == ["spool"])
    }

    @Test func `a file that is gone is a gap from the first byte that is missing; one that was finished is none`() throws {
        let house = try EngineHouse(["*.log"])
        try house.write(lines(0..<20), to: "a.log")
        try house.write(lines(0..<5), to: "b.log")
        house.start()
        house.drain()
        house.remove("b.log")
        house.scan()
        house.drain()
        house.pass(.seconds(60))
        house.drain()
        house.deliver()
        #expect(house.known.positions.map(\.path) == [house.path("a.log")])
        house.remove("a.log")
        house.loseSpool(answer: house.known)
        house.drain()
        #expect(house.gaps.map(\.reason).sorted { $0.rawValue < $1.rawValue } == [.fileLost, .spoolLost])
        #expect(house.gaps.first { $0.reason == .fileLost }?.detail.contains("byte 150") == true)
    }

    @Test func `a file that was compressed is known under its new identity before the old one is forgotten`() async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<20))
        house.start()
        house.drain()
        house.deliver()
        try house.write(lines(20..<30))
        house.rename("app.log", "app.log.1")
        let run = try ChildProcess.start("/usr/bin/gzip", ["-f", house.path("app.log.1")])
        #expect(await run.wait() == .code(0))
        try house.write(lines(30..<40))
        house.loseSpool(answer: house.known)
        // Delivered is only that the files were found, none of their lines.
        let found = house.engine.pending
        house.store(TailBatch(gaps: found.gaps, positions: found.positions, reads: found.reads, notes: found.notes))
        house.deliver()
        house.loseSpool(answer: house.known)
        house.drain()
        #expect(house.lines == expected(20..<40))
        #expect(flags(house) == ["spool"])
    }

    @Test func `another content under the same inode is not taken for the file`() throws {
        let house = try EngineHouse()
        try house.write(lines(0..<20))
        house.start()
        house.drain()
        house.deliver()
        house.truncate()
        try house.write(lines(500..<600))
        house.loseSpool(answer: house.known)
        house.drain()
        #expect(house.lines == expected(500..<600))
        #expect(house.gaps.contains { $0.reason == .truncated })
    }

    @Test func `a file that the aggregator does not know is read from its beginning, and flagged`() throws {
        let house = try EngineHouse(["a.log", "b.log"], start: .end)
        try house.write(lines(0..<3), to: "a.log")
        try house.write(lines(3..<5), to: "b.log")
        house.loseSpool(answer: KnownFiles(hasEarlierAgent: true))
        house.drain()
        #expect(house.lines.sorted() == expected(0..<5))
        #expect(flags(house) == ["spool", house.path("a.log"), house.path("b.log")])
    }

    @Test(arguments: [TailConfig.Start.beginning, .end])
    func `a first agent of a host begins as start says, and flags nothing`(start: TailConfig.Start) throws {
        let house = try EngineHouse(start: start)
        try house.write(lines(0..<3))
        house.loseSpool(answer: KnownFiles(hasEarlierAgent: false))
        try house.write(lines(3..<5))
        house.drain()
        #expect(house.lines == expected(start == .end ? 3..<5 : 0..<5))
        #expect(house.gaps.isEmpty)
        #expect(house.notes[FileMemory.note] == "")
    }

    @Test func `a spool that has lost its last commits goes on where the aggregator is further, and where it is further itself`() throws {
        let house = try EngineHouse(["a.log", "b.log"])
        try house.write(lines(0..<10), to: "a.log")
        try house.write(lines(100..<110), to: "b.log")
        house.start()
        house.drain()
        house.deliver()
        try house.write(lines(110..<120), to: "b.log")
        house.drain()
        let stale = house.positions
        try house.write(lines(10..<20), to: "a.log")
        house.drain()
        var known = house.known
        // Of the one the aggregator has more than the spool, of the other one less.
        known.positions = known.positions.map { $0.path.hasSuffix("/a.log") ? house.positions[$0.identity] ?? $0 : $0 }
        try house.write(lines(20..<30), to: "a.log")
        try house.write(lines(120..<130), to: "b.log")
        house.salvageSpool(stale, answer: known)
        house.drain()
        #expect(Set(house.lines) == Set(expected(20..<30) + expected(120..<130)))
        #expect(house.lines.count == 20)
    }

    // MARK: A late answer

    @Test func `read from the beginning because nobody answered: the late answer says which bytes came twice`() throws {
        let house = try EngineHouse()
        try house.write(lines(0..<20))
        house.start()
        house.drain()
        house.deliver()
        let known = house.known
        try house.write(lines(20..<30))
        house.loseSpool(answer: nil)
        house.drain()
        #expect(house.lines == expected(0..<30))
        #expect(house.gaps.isEmpty)
        #expect(
            house.notes[FileMemory.note].flatMap { FileMemory($0) }
                == .begun([.init(device: known.positions[0].device, inode: known.positions[0].inode, offset: 0)])
        )
        house.answerLate(known)
        house.drain()
        #expect(house.lines == expected(0..<30))
        #expect(flags(house) == ["spool", house.path()])
        #expect(house.gaps.last?.bytes == known.positions[0].offset)
        #expect(house.notes[FileMemory.note] == "")
    }

    @Test func `begun at the end because nobody answered: what is missing is read when the answer comes, and flagged`() throws {
        let house = try EngineHouse(start: .end)
        try house.write(lines(0..<5))
        house.start()
        try house.write(lines(5..<20))
        house.drain()
        house.deliver()
        let known = house.known
        try house.write(lines(20..<30))
        house.loseSpool(answer: nil)
        try house.write(lines(30..<32))
        house.drain()
        #expect(house.lines == expected(30..<32))
        house.answerLate(known)
        house.drain()
        #expect(house.lines == expected(30..<32) + expected(20..<32))
        #expect(flags(house) == ["spool", house.path()])
    }

    @Test func `an answer after a restart that knows nothing of a file does not have it read again`() throws {
        let house = try EngineHouse()
        try house.write(lines(0..<20))
        house.loseSpool(answer: nil)
        house.drain()
        house.restart()
        house.answerLate(KnownFiles(hasEarlierAgent: true))
        house.drain()
        #expect(house.lines == expected(0..<20))
        // It was begun at its beginning, and whether somebody had read it before nobody knows.
        #expect(flags(house) == ["spool", house.path()])
    }

    @Test func `a late answer that there was no agent before flags nothing`() throws {
        let house = try EngineHouse(start: .end)
        try house.write(lines(0..<5))
        house.loseSpool(answer: nil)
        house.drain()
        house.answerLate(KnownFiles(hasEarlierAgent: false))
        house.drain()
        #expect(house.lines.isEmpty && house.gaps.isEmpty)
        #expect(house.notes[FileMemory.note] == "")
    }

    @Test func `what a spool says of itself survives being written down`() {
        let starts = [FileMemory.Start(device: 66, inode: .max, offset: 0), FileMemory.Start(device: 1, inode: 2, offset: 3)]
        for memory in [FileMemory.new, .salvaged, .begun(starts), .begun([])] { #expect(FileMemory(memory.text) == memory) }
        #expect(FileMemory("") == nil)
    }

    // MARK: Asking

    private struct Unreachable: Error, CustomStringConvertible { let description = "nobody there" }

    private func withTailer(_ path: String, _ question: PositionQuestion, into shelf: Shelf, _ body: (Tailer) async throws -> Void) async throws {
        let tailer = Tailer(
            [TailConfig(paths: [path], start: .beginning)],
            host: "web-1",
            checkpoint: Checkpoint(),
            question: question,
            into: shelf,
            time: SystemTime(),
            metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup { group in
            group.addTask { try? await tailer.run() }
            try await body(tailer)
            group.cancelAll()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `files wait for an answer, and it says so`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        try TestFiles.write("one\n", to: folder("a.log"))
        let asked = Bell()
        let mayAnswer = Mutex(false)
        let question = PositionQuestion(memory: .new, patience: .seconds(3600)) { _ in
            asked.ring()
            guard mayAnswer.withLock({ $0 }) else { throw Unreachable() }
            return KnownFiles(hasEarlierAgent: false)
        }
        try await withTailer(folder("a.log"), question, into: shelf) { tailer in
            // The second attempt: the first has failed by then.
            while asked.rings < 2 { await asked.wait(after: asked.rings) }
            #expect(tailer.waitsFor()?.contains("nobody there") == true)
            #expect(shelf.view.offered == 0)
            mayAnswer.withLock { $0 = true }
            await shelf.wait { $0.lines == ["one"] }
            #expect(tailer.waitsFor() == nil)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `without an answer in time files are read, and asking goes on`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        try TestFiles.write("one\n", to: folder("a.log"))
        let mayAnswer = Mutex(false)
        let question = PositionQuestion(memory: .new, patience: .milliseconds(50)) { _ in
            guard mayAnswer.withLock({ $0 }) else { throw Unreachable() }
            return KnownFiles(hasEarlierAgent: true)
        }
        try await withTailer(folder("a.log"), question, into: shelf) { tailer in
            await shelf.wait { $0.lines == ["one"] }
            mayAnswer.withLock { $0 = true }
            await shelf.wait { $0.gaps.count == 2 }
            #expect(tailer.waitsFor() == nil)
        }
        #expect(shelf.view.gaps.allSatisfy { $0.reason == .spoolLost })
        #expect(shelf.view.lines == ["one"])
    }
}
