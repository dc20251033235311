import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Tailing

@Suite struct RotationTests {
    @Test func `a renamed file is read to its end, then the new one from its beginning`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.start()
        house.drain()
        try house.write("a2\n")
        house.rename("app.log", "app.log.1")
        try house.write("a3\n", to: "app.log.1")
        try house.write("b1\n")
        house.scan()
        house.drain()
        #expect(house.lines == ["a1", "a2", "a3", "b1"])
        // The writer opens its log anew only now.
        try house.write("a4\n", to: "app.log.1")
        house.drain()
        #expect(house.lines.last == "a4")
        #expect(house.gaps.isEmpty)
    }

    @Test func `half a line at a rotated file's end is given when the file is finished, with its position`() throws {
        let house = try EngineHouse()
        try house.write("a1\nhalf")
        house.start()
        house.drain()
        house.rename("app.log", "app.log.1")
        try house.write("b1\n")
        house.scan()
        house.drain()
        #expect(house.lines == ["a1", "b1"])
        house.pass(TailingLimits.rotatedIdle + .seconds(1))
        house.drain()
        #expect(house.lines == ["a1", "b1", "half"])
        #expect(house.positions.values.filter { $0.device != 0 }.count == 1)
        #expect(house.engine.files.count == 1)
        // Not found anew by another look around, nor by the next rotation.
        house.rename("app.log.1", "app.log.2")
        house.rename("app.log", "app.log.1")
        try house.write("c1\n")
        house.scan()
        house.drain()
        #expect(house.lines == ["a1", "b1", "half", "c1"])
    }

    @Test func `a deleted file is read to its end by its descriptor, then let go`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.start()
        house.drain()
        try house.write("a2\nrest")
        house.remove()
        house.scan()
        house.drain()
        #expect(house.lines == ["a1", "a2"])
        house.pass(TailingLimits.deletedIdle + .seconds(1))
        house.drain()
        #expect(house.lines == ["a1", "a2", "rest"])
        #expect(house.engine.files.isEmpty)
        #expect(house.gaps.isEmpty)
    }

    @Test func `a truncated file is read from its beginning, and the loss is told`() throws {
        let house = try EngineHouse()
        try house.write("a1\na2\n")
        house.start()
        house.drain()
        house.truncate()
        try house.write("b1\n")
        house.drain()
        #expect(house.lines == ["a1", "a2", "b1"])
        #expect(house.gaps.map(\.reason) == [.truncated])
        #expect(house.gaps[0].source == house.path())
    }

    @Test func `a file truncated and grown past the old place is recognised by its beginning`() throws {
        let house = try EngineHouse()
        try house.write("old old old\n")
        house.start()
        house.drain()
        house.truncate()
        try house.write("new 1\nnew 2\nnew 3\n")
        house.drain()
        #expect(house.lines == ["old old old", "new 1", "new 2", "new 3"])
        #expect(house.gaps.map(\.reason) == [.truncated])
    }

    @Test func `a file truncated and filled to the same length is recognised too`() throws {
        let house = try EngineHouse()
        try house.write("aaaa\n")
        house.stamp("app.log", 1_790_000_000)
        house.start()
        house.drain()
        house.truncate()
        try house.write("bbbb\n")
        house.stamp("app.log", 1_790_000_100)
        house.drain()
        #expect(house.lines == ["aaaa", "bbbb"])
    }

    @Test func `copytruncate loses nothing: what was not yet read is read from the copy`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.start()
        house.drain()
        try house.write("a2\na3\n")
        try house.copy("app.log", "app.log.1")
        house.truncate()
        try house.write("b1\n")
        house.drain()
        #expect(house.lines == ["a1", "a2", "a3", "b1"])
        #expect(house.gaps.isEmpty)
        #expect(house.events[1].data == "{\"path\":\"\(house.path())\",\"offset\":3}")
    }

    @Test func `copytruncate while the agent is away loses nothing either`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.start()
        house.drain()
        house.stop()
        try house.write("a2\n")
        try house.copy("app.log", "app.log.1")
        house.truncate()
        try house.write("b1\nb2\n")
        house.restart()
        house.drain()
        #expect(house.lines == ["a1", "a2", "b1", "b2"])
        #expect(house.gaps.isEmpty)
    }

    @Test func `a file rotated while the agent is away is found by its inode`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.start()
        house.drain()
        house.stop()
        try house.write("a2\n")
        house.rename("app.log", "app.log.1")
        try house.write("b1\n")
        house.restart()
        house.drain()
        #expect(house.lines == ["a1", "a2", "b1"])
        #expect(house.gaps.isEmpty)
    }

    @Test func `files that came and were rotated while the agent was away are read in between`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.stamp("app.log", 1_790_000_000)
        house.start()
        house.drain()
        house.stop()
        try house.write("a2\n")
        house.stamp("app.log", 1_790_000_010)
        house.rename("app.log", "app.log.3")
        try house.write("b1\n", to: "app.log.2")
        house.stamp("app.log.2", 1_790_000_020)
        try house.write("c1\n", to: "app.log.1")
        house.stamp("app.log.1", 1_790_000_030)
        try house.write("d1\n")
        // Not the log's: another name, another time.
        try house.write("no\n", to: "app.log.1.gz")
        try house.write("no\n", to: "app.log.4")
        house.stamp("app.log.4", 1_780_000_000)
        house.restart()
        house.drain()
        #expect(house.lines == ["a1", "a2", "b1", "c1", "d1"])
    }

    @Test func `a file that is gone after the agent was away is told as lost`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.start()
        house.drain()
        house.stop()
        house.remove()
        // Takes the inode that became free: the new file must not get it here.
        try house.write("somebody else's\n", to: "other")
        try house.write("b1\n")
        house.restart()
        house.drain()
        #expect(house.lines == ["a1", "b1"])
        #expect(house.gaps.map(\.reason).allSatisfy { $0 == .fileLost || $0 == .truncated })
        #expect(house.gaps.count == 1)
        house.restart()
        house.drain()
        #expect(house.gaps.count == 1, "told once")
    }

    @Test func `an inode that was used again is a new file`() throws {
        let house = try EngineHouse(["*.log"])
        try house.write("an old file with some text\n", to: "a.log")
        house.start()
        house.drain()
        house.stop()
        // The same inode with another name and other content.
        house.rename("a.log", "b.log")
        house.truncate("b.log")
        try house.write("a new file that is longer than the old one\n", to: "b.log")
        house.restart()
        house.drain()
        #expect(house.lines == ["an old file with some text", "a new file that is longer than the old one"])
        #expect(house.gaps.map(\.reason) == [.fileLost])
    }

    @Test func `a disk with another device number has the same files still`() throws {
        let house = try EngineHouse()
        try house.write("a1\n")
        house.start()
        house.drain()
        let old = try #require(house.positions.values.first { $0.device != 0 })
        var moved = TailBatch()
        moved.positions[FileIdentity(device: old.device, inode: old.inode)] = {
            var gone = old
            gone.isFinished = true
            return gone
        }()
        house.store(moved)
        var renumbered = TailBatch()
        renumbered.positions[FileIdentity(device: 4711, inode: old.inode)] = ReadPosition(
            path: old.path,
            device: 4711,
            inode: old.inode,
            offset: old.offset,
            headHash: old.headHash,
            headLength: old.headLength
        )
        house.store(renumbered)
        try house.write("a2\n")
        house.restart()
        house.drain()
        #expect(house.lines == ["a1", "a2"])
        #expect(!house.positions.keys.contains { $0.device == 4711 })
    }

    @Test func `what was read and not stored is read again after a restart`() throws {
        let house = try EngineHouse()
        try house.write("a1\na2\n")
        house.start()
        #expect(house.read().events.count == 2)
        house.restart()
        house.drain()
        #expect(house.lines == ["a1", "a2"])
    }

    @Test func `a link's file is followed through its rotation in its own folder, also while the agent was away`() throws {
        let house = try EngineHouse(["link.log"])
        TestFiles.makeFolder(house.path("pods"))
        try house.write("a1\n", to: "pods/0.log")
        #expect(unsafe symlink(house.path("pods/0.log"), house.path("link.log")) == 0)
        house.start()
        house.drain()
        house.stop()
        try house.write("a2\n", to: "pods/0.log")
        house.rename("pods/0.log", "pods/0.log.20261009-120000")
        try house.write("b1\n", to: "pods/0.log")
        house.restart()
        house.drain()
        #expect(house.lines == ["a1", "a2", "b1"])
        #expect(house.gaps.isEmpty)
    }

    @Test func `a pattern that matches rotated files too reads each once`() throws {
        let house = try EngineHouse(["app.log*"])
        try house.write("a1\n")
        house.start()
        house.drain()
        for round in 0..<4 {
            for generation in stride(from: round, through: 1, by: -1) { house.rename("app.log.\(generation)", "app.log.\(generation + 1)") }
            house.rename("app.log", "app.log.1")
            try house.write("b\(round)\n")
            house.scan()
            house.drain()
            if round == 2 { house.restart() }
        }
        house.pass(.seconds(3600))
        house.drain()
        #expect(house.lines == ["a1", "b0", "b1", "b2", "b3"])
    }
}
