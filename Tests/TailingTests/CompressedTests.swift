import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Tailing

/// Rotations that compress.
@Suite(.serialized) struct CompressedTests {
    /// What logrotate's `compresscmd` may be, and what it puts behind a name.
    struct Packer: Sendable, CustomTestStringConvertible {
        let program: String
        let options: [String]
        let ending: String
        let form: FileContent.Form

        var testDescription: String { ([program] + options).joined(separator: " ") }

        static let gzip = Packer(program: "gzip", options: ["-f"], ending: ".gz", form: .gzip)
        static let all = [
            gzip,
            Packer(program: "zstd", options: ["-q", "-f", "--rm"], ending: ".zst", form: .zstd),
            Packer(program: "zstd", options: ["-q", "-f", "--rm", "--no-check", "-19"], ending: ".zst", form: .zstd),
            Packer(program: "xz", options: ["-f"], ending: ".xz", form: .xz),
        ]
    }

    private func gzip(_ house: EngineHouse, _ name: String) async throws { try await pack(house, name, .gzip) }

    private func pack(_ house: EngineHouse, _ name: String, _ packer: Packer) async throws {
        let run = try ChildProcess.start("/usr/bin/\(packer.program)", packer.options + [house.path(name)])
        #expect(await run.wait() == .code(0), "\(run.output)")
    }

    private func lines(_ range: Range<Int>) -> String { range.map { "line \($0) of some length, so that the file has a head and a tail\n" }.joined() }

    @Test(arguments: Packer.all) func `compressed while the agent was away: read on from the same byte`(packer: Packer) async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<1000))
        house.start()
        house.drain()
        house.stop()
        try house.write(lines(1000..<20_000))
        house.rename("app.log", "app.log.1")
        try await pack(house, "app.log.1", packer)
        try house.write(lines(20_000..<20_010))
        house.restart()
        // Killed in the middle of it, twice.
        house.store(house.read())
        house.restart()
        _ = house.read()
        house.restart()
        house.drain()
        #expect(house.lines.count == 20_010)
        #expect(Set(house.lines).count == 20_010)
        #expect(house.gaps.isEmpty)
        #expect(house.events[1500].data.contains(house.path()))
        house.pass(.seconds(60))
        house.drain()
        #expect(house.positions.values.filter { $0.device != 0 }.count == 1)
        house.restart()
        house.drain()
        #expect(house.lines.count == 20_010)
    }

    @Test func `several generations while the agent was away, all of them compressed`() async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<10))
        house.stamp("app.log", 1_790_000_000)
        house.start()
        house.drain()
        house.stop()
        try house.write(lines(10..<20))
        for generation in 0..<3 {
            house.stamp("app.log", 1_790_000_010 + generation)
            for old in stride(from: generation, through: 1, by: -1) { house.rename("app.log.\(old).gz", "app.log.\(old + 1).gz") }
            house.rename("app.log", "app.log.1")
            try await gzip(house, "app.log.1")
            try house.write(lines((generation + 2) * 10..<(generation + 3) * 10))
        }
        house.restart()
        house.drain()
        #expect(house.lines.map { $0 + "\n" }.joined() == lines(0..<50))
        #expect(house.gaps.isEmpty)
    }

    @Test func `a file that is compressed after it was finished is not read again`() async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<100))
        house.start()
        house.drain()
        house.rename("app.log", "app.log.1")
        try house.write("")
        house.scan()
        house.pass(.seconds(60))
        house.drain()
        // The next rotation moves an empty file that is older than what is compressed now.
        house.stamp("app.log", 1_780_000_000)
        house.scan()
        house.drain()
        house.rename("app.log.1", "app.log.2")
        house.rename("app.log", "app.log.1")
        try house.write(lines(100..<101))
        try await gzip(house, "app.log.2")
        house.scan()
        house.drain()
        #expect(house.lines.map { $0 + "\n" }.joined() == lines(0..<101))
    }

    @Test func `what is being compressed is not taken for a file of its own`() async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<1000))
        house.start()
        house.drain()
        house.rename("app.log", "app.log.1")
        try await gzip(house, "app.log.1")
        let whole = try #require(TestFiles.bytes(house.path("app.log.1.gz")))
        house.remove("app.log.1.gz")
        // Half of the compressed file beside the one that it is made of.
        try house.write(lines(0..<1000), to: "app.log.1")
        try TestFiles.write(Array(whole.prefix(whole.count / 2)), to: house.path("app.log.1.gz"))
        try house.write(lines(1000..<1001))
        house.scan()
        house.drain()
        #expect(house.lines.count == 1001)
        #expect(house.gaps.isEmpty)
    }

    @Test(arguments: Packer.all) func `a compressed file that ends in the middle gives what it has, and a gap`(packer: Packer) async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<100))
        house.start()
        house.drain()
        house.stop()
        try house.write(lines(100..<60_000))
        house.rename("app.log", "app.log.1")
        try await pack(house, "app.log.1", packer)
        let whole = try #require(TestFiles.bytes(house.path("app.log.1\(packer.ending)")))
        try TestFiles.write(Array(whole.prefix(whole.count / 2)), to: house.path("app.log.1\(packer.ending)"))
        house.restart()
        house.drain()
        #expect(house.lines.count > 100)
        #expect(house.lines.count < 60_000)
        #expect(Set(house.lines).count == house.lines.count)
        #expect(house.gaps.map(\.reason) == [.fileLost])
    }

    @Test func `compressed otherwise: the gap names the first byte that is missing`() async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<10))
        house.start()
        house.drain()
        let offset = house.positions.values.first { $0.device != 0 }?.offset ?? 0
        house.stop()
        try house.write(lines(10..<20))
        house.rename("app.log", "app.log.1")
        // Held open, so that its inode is not given to the new app.log: that would look like a truncated file.
        let held = unsafe open(house.path("app.log.1"), O_RDONLY | O_CLOEXEC)
        defer { close(held) }
        let run = try ChildProcess.start("/usr/bin/bzip2", [house.path("app.log.1")])
        #expect(await run.wait() == .code(0))
        try house.write(lines(20..<30))
        house.restart()
        house.drain()
        #expect(house.lines.count == 20)
        #expect(house.gaps.map(\.reason) == [.fileLost])
        #expect(house.gaps[0].detail.contains("from byte \(offset)"))
    }

    @Test func `a compressed file that a pattern finds is not read as text`() async throws {
        let house = try EngineHouse(["app*"])
        try house.write(lines(0..<10))
        try house.write(lines(10..<20), to: "app.old")
        try await gzip(house, "app.old")
        house.start()
        house.scan()
        house.drain()
        #expect(house.lines.count == 10)
        #expect(house.engine.status().allSatisfy { $0.problem == nil })
    }

    @Test func `copytruncate whose copy is compressed already`() async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<10))
        house.start()
        house.drain()
        try house.write(lines(10..<20))
        try house.copy("app.log", "app.log.1")
        house.truncate()
        try await gzip(house, "app.log.1")
        try house.write(lines(20..<30))
        house.drain()
        #expect(house.lines.map { $0 + "\n" }.joined() == lines(0..<30))
        #expect(house.gaps.isEmpty)
    }

    @Test(arguments: Packer.all) func `a reader goes forwards and back, over members and frames`(packer: Packer) async throws {
        let house = try EngineHouse()
        try house.write(lines(0..<30_000), to: "a")
        try house.write(lines(30_000..<60_000), to: "b")
        try await pack(house, "a", packer)
        try await pack(house, "b", packer)
        let both = (TestFiles.bytes(house.path("a\(packer.ending)")) ?? []) + (TestFiles.bytes(house.path("b\(packer.ending)")) ?? [])
        try TestFiles.write(both, to: house.path("c\(packer.ending)"))
        let text = Array(lines(0..<60_000).utf8)
        let content = try #require(FileContent(path: house.path("c\(packer.ending)")))
        #expect(content.form == packer.form)
        #expect(content.information()?.size == UInt64(text.count))
        #expect(!content.isDamaged)
        var random = SeededGenerator(seed: 1)
        for _ in 0..<60 {
            let (offset, count) = (Int.random(in: 0...text.count + 100, using: &random), Int.random(in: 1...300_000, using: &random))
            var bytes = [UInt8](repeating: 0, count: count)
            let got = content.read(at: UInt64(offset), into: &bytes, count: count)
            #expect(got == max(0, min(count, text.count - offset)))
            #expect(bytes.prefix(got).elementsEqual(text.dropFirst(offset).prefix(got)))
        }
    }
}
