import Telemetry
import TestSupport
import Testing

@testable import Tailing

/// A file that is empty has nothing to be known by: what it gets must be found nevertheless, and what others got not be taken for its own.
@Suite(.serialized) struct EmptyFileTests {
    private static let second = 1_790_000_000

    private func lines(_ range: Range<Int>) -> String { range.map { "line \($0) of some length, so that the file has a head and a tail\n" }.joined() }

    private func gzip(_ house: EngineHouse, _ name: String) async throws {
        let run = try ChildProcess.start("/usr/bin/gzip", ["-f", house.path(name)])
        #expect(await run.wait() == .code(0), "\(run.output)")
    }

    /// Whose file is empty, and known.
    private func house() throws -> EngineHouse {
        let house = try EngineHouse()
        try house.write("")
        house.stamp("app.log", Self.second - 5)
        house.start()
        house.drain()
        return house
    }

    private func expectAll(_ house: EngineHouse, _ range: Range<Int>) {
        #expect(house.lines.map { $0 + "\n" }.joined() == lines(range))
        #expect(house.gaps.isEmpty, "\(house.gaps)")
    }

    @Test(arguments: [1, 3]) func `empty when the agent went away, then written to, rotated and compressed: read whole`(rotations: Int) async throws {
        let house = try house()
        house.stop()
        for rotation in 0..<rotations {
            try house.write(lines(rotation * 100..<rotation * 100 + 100))
            house.stamp("app.log", Self.second + 5 + rotation)
            for old in stride(from: rotation, through: 1, by: -1) { house.rename("app.log.\(old).gz", "app.log.\(old + 1).gz") }
            house.rename("app.log", "app.log.1")
            // The next file often gets the inode that becomes free here.
            try await gzip(house, "app.log.1")
            try house.write("")
        }
        try house.write(lines(rotations * 100..<rotations * 100 + 10))
        house.stamp("app.log", Self.second + 9)
        house.pass(.seconds(10))
        house.restart()
        house.drain()
        expectAll(house, 0..<rotations * 100 + 10)
        house.restart()
        house.drain()
        expectAll(house, 0..<rotations * 100 + 10)
    }

    @Test func `empty when the agent went away, then written to and emptied by copytruncate: the copy is read first`() throws {
        let house = try house()
        house.stop()
        try house.write(lines(0..<100))
        try house.copy("app.log", "app.log.1")
        house.truncate()
        try house.write(lines(100..<110))
        house.stamp("app.log.1", Self.second + 5)
        house.stamp("app.log", Self.second + 6)
        house.pass(.seconds(10))
        house.restart()
        house.drain()
        expectAll(house, 0..<110)
    }

    @Test func `written to and emptied again between two looks: the copy is read`() throws {
        let house = try house()
        try house.write(lines(0..<100))
        try house.copy("app.log", "app.log.1")
        house.truncate()
        house.stamp("app.log.1", Self.second + 5)
        house.stamp("app.log", Self.second + 6)
        house.pass(.seconds(10))
        house.scan()
        house.drain()
        expectAll(house, 0..<100)
        try house.write(lines(100..<200))
        house.stamp("app.log", Self.second + 12)
        house.pass(.seconds(10))
        house.drain()
        expectAll(house, 0..<200)
    }

    @Test func `emptied twice before it was read at all: both copies are read`() async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<100))
        house.stamp("app.log", Self.second - 5)
        house.start()
        house.drain()
        for generation in 1...2 {
            try house.write(lines(generation * 100..<generation * 100 + 100))
            // Seen, not read.
            house.scan()
            _ = house.engine.files.values.map { $0.look(at: house.now.monotonic) }
            if generation == 2 { house.rename("app.log.1.gz", "app.log.2.gz") }
            try house.copy("app.log", "app.log.1")
            house.stamp("app.log.1", Self.second + generation)
            try await gzip(house, "app.log.1")
            house.truncate()
            house.stamp("app.log", Self.second + generation)
            house.scan()
            if generation == 1 { house.store(house.engine.fill(at: house.now)) }
        }
        house.drain()
        expectAll(house, 0..<300)
    }

    @Test func `a copy that is older than the last look is found when the file was emptied before it was read`() throws {
        let house = try EngineHouse()
        try house.write(lines(0..<100))
        house.stamp("app.log", Self.second - 5)
        house.start()
        house.drain()
        try house.write(lines(100..<150))
        try house.copy("app.log", "app.log.1")
        // logrotate's own look came before the last lines.
        house.stamp("app.log.1", Self.second - 9)
        // Falls between the copy and the truncation; seen, and gone before it could be read.
        try house.write(lines(150..<151))
        house.stamp("app.log", Self.second - 3)
        for file in house.engine.files.values {
            _ = file.look(at: house.now.monotonic)
            #expect(!file.wasReplaced())
        }
        house.truncate()
        try house.write(lines(151..<160))
        house.stamp("app.log", Self.second - 2)
        house.scan()
        house.drain()
        #expect(house.lines.map { $0 + "\n" }.joined() == lines(0..<150) + lines(151..<160))
        #expect(house.gaps.isEmpty)
    }

    @Test(arguments: [false, true]) func `what was compressed while its writer had it open is not read again`(isFinished: Bool) async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<100))
        house.stamp("app.log", Self.second - 5)
        house.start()
        house.drain()
        house.rename("app.log", "app.log.1")
        try house.write("")
        house.stamp("app.log", Self.second - 1)
        house.scan()
        // Its writer goes on, before and after it is compressed; both later than the new file was seen empty.
        try house.write(lines(100..<150), to: "app.log.1")
        try house.copy("app.log.1", "app.log.2")
        house.stamp("app.log.2", Self.second + 2)
        try await gzip(house, "app.log.2")
        try house.write(lines(150..<160), to: "app.log.1")
        house.stamp("app.log.1", Self.second + 3)
        house.drain()
        house.remove("app.log.1")
        house.pass(.seconds(isFinished ? 60 : 4))
        house.scan()
        house.drain()
        house.restart()
        house.drain()
        // The new one stayed empty through all of that.
        try house.write(lines(160..<170))
        house.pass(.seconds(30))
        house.stamp("app.log", Self.second + 30)
        house.restart()
        house.drain()
        #expect(house.lines.map { $0 + "\n" }.joined() == lines(0..<170))
        // Whether more was written to the file without a name nobody knows.
        #expect(house.gaps.map(\.reason) == (isFinished ? [] : [.fileLost]))
    }

    @Test(arguments: [false, true])
    func `after a file whose end was lost when it was compressed come those that took its place while the agent was away`(isReused: Bool) async throws
    {
        let house = try EngineHouse()
        try house.write(lines(0..<100))
        house.stamp("app.log", Self.second - 5)
        house.start()
        house.drain()
        // It is compressed, and its writer goes on; the agent sees that, and not the new file.
        try house.copy("app.log", "app.log.2")
        house.stamp("app.log.2", Self.second - 5)
        try await gzip(house, "app.log.2")
        try house.write(lines(100..<110))
        house.drain()
        house.stop()
        if isReused {
            house.truncate()
        } else {
            house.remove()
            // Takes the inode.
            try house.write("", to: "other")
        }
        try house.write(lines(120..<130), to: "app.log.1")
        house.stamp("app.log.1", Self.second + 5)
        try await gzip(house, "app.log.1")
        try house.write(lines(130..<140), to: "app.log")
        house.stamp("app.log", Self.second + 7)
        house.pass(.seconds(30))
        house.restart()
        house.drain()
        #expect(house.lines.map { $0 + "\n" }.joined() == lines(0..<110) + lines(120..<140))
        #expect(house.gaps.map(\.reason) == [isReused ? .truncated : .fileLost])
        house.restart()
        house.drain()
        #expect(house.lines.count == 130)
    }

    @Test func `an older rotation is not what an empty file gets`() throws {
        let house = try EngineHouse()
        try house.write(lines(0..<100))
        house.stamp("app.log", Self.second - 5)
        house.start()
        house.drain()
        house.rename("app.log", "app.log.1")
        try house.write("")
        house.stamp("app.log", Self.second - 1)
        house.scan()
        try house.write(lines(100..<110), to: "app.log.1")
        house.stamp("app.log.1", Self.second + 1)
        house.drain()
        // Quiet for so long that it is let go, and forgotten.
        house.pass(.seconds(60))
        house.drain()
        house.restart()
        house.drain()
        try house.write(lines(110..<120))
        house.stamp("app.log", Self.second + 70)
        house.pass(.seconds(30))
        house.restart()
        house.drain()
        expectAll(house, 0..<120)
    }
}
