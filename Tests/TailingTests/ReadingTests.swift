import Glibc
import Matching
import Telemetry
import TestSupport
import Testing

@testable import Tailing

@Suite struct ReadingTests {
    @Test func `files in memory and on disk are heard of, those behind proc and in no folder are not`() {
        #expect(FolderWatch.hearsAll(of: "/dev/shm"))
        #expect(!FolderWatch.hearsAll(of: "/proc"))
        #expect(!FolderWatch.hearsAll(of: "/no/such/folder"))
    }

    @Test func `lines become events with path and offset, and the position is behind them`() throws {
        let house = try EngineHouse()
        try house.write("eins\nzwei\n")
        house.start()
        house.drain()
        #expect(house.lines == ["eins", "zwei"])
        let event = house.events[1]
        #expect(event.type == "log.line")
        #expect(event.source == "app")
        #expect(event.host == "web-1")
        #expect(event.severity == .info)
        #expect(event.data == "{\"path\":\"\(house.path())\",\"offset\":5}")
        #expect(house.reads.map(\.to) == [10])
        #expect(house.positions.values.contains { $0.offset == 10 && $0.headLength == 10 })
    }

    @Test func `half a line waits for its other half`() throws {
        let house = try EngineHouse()
        try house.write("ganz\nhal")
        house.start()
        house.drain()
        #expect(house.lines == ["ganz"])
        try house.write("b\n")
        house.drain()
        #expect(house.lines == ["ganz", "halb"])
    }

    @Test func `end means the last whole line of files that are there at the very first start`() throws {
        let house = try EngineHouse(["*.log"], start: .end)
        try house.write("alt\nhalb ")
        house.start()
        house.drain()
        try house.write("fertig\n")
        try house.write("neu\n", to: "later.log")
        house.scan()
        house.drain()
        #expect(house.lines.sorted() == ["halb fertig", "neu"])
        house.stop()
        try house.write("while away\n", to: "third.log")
        house.restart()
        house.drain()
        #expect(house.lines.sorted() == ["halb fertig", "neu", "while away"])
    }

    @Test func `a carriage return is no part of a line, broken UTF-8 is repaired, NULs are kept sane`() throws {
        let house = try EngineHouse()
        try TestFiles.write(Array("a\r\n".utf8) + [0, 0, 0, 98, 10, 99, 0xFF, 99, 10, 100, 0, 100, 10, 10], to: house.path())
        house.start()
        house.drain()
        #expect(house.lines == ["a", "b", "c\u{FFFD}c", "d\u{FFFD}d", ""])
        #expect(house.events[1].data.hasSuffix(",\"offset\":3,\"nuls\":3}"))
        #expect(house.events[2].data.hasSuffix(",\"offset\":8,\"invalid\":true}"))
        #expect(house.events[3].data.hasSuffix(",\"offset\":12,\"nuls\":1}"))
    }

    @Test(arguments: [TailingLimits.lineBytesMax, TailingLimits.lineBytesMax + 1, TailingLimits.chunkBytes, TailingLimits.chunkBytes * 3 + 17])
    func `a line over the limit is cut, told, and does not disturb the next one`(length: Int) throws {
        let house = try EngineHouse()
        try house.write("first\n" + String(repeating: "x", count: length) + "\nlast\n")
        house.start()
        house.drain()
        #expect(house.lines.map(\.utf8.count) == [5, min(length, TailingLimits.lineBytesMax), 4])
        let cut = UInt64(max(0, length - TailingLimits.lineBytesMax))
        #expect(house.gaps.map(\.bytes) == (cut > 0 ? [cut] : []))
        #expect(house.gaps.allSatisfy { $0.reason == .lineCut && $0.count == 1 })
        #expect(house.events[1].data.contains("\"cut\":\(cut)") == (cut > 0))
        #expect(house.reads.last?.to == UInt64(length + 12))
    }

    @Test func `a cut falls between characters`() throws {
        let house = try EngineHouse()
        try house.write("x" + String(repeating: "ä", count: TailingLimits.lineBytesMax) + "\n")
        house.start()
        house.drain()
        #expect(house.lines[0].unicodeScalars.allSatisfy { $0 == "x" || $0 == "ä" })
        #expect(house.lines[0].utf8.count == TailingLimits.lineBytesMax - 1)
    }

    @Test func `what must not be written is redacted first`() throws {
        let house = try EngineHouse {
            $0.redact = [try? Pattern("(?i)password=\\S+"), try? Pattern("\\d{16}")].compactMap { $0.map { RedactionRule($0) } }
        }
        try house.write("login Password=geheim ok 1234567890123456\nnothing\n")
        house.start()
        house.drain()
        #expect(house.lines == ["login <redacted> ok <redacted>", "nothing"])
    }

    @Test func `lines that do not match the start continue the event before them`() throws {
        let house = try EngineHouse { $0.multiline = .init(start: try? Pattern("^\\d{4}-")) }
        try house.write("2026-01-01 boom\n  at a\n  at b\n2026-01-02 next\n")
        house.start()
        house.drain()
        #expect(house.lines == ["2026-01-01 boom\n  at a\n  at b"])
        #expect(house.due != nil)
        house.pass(TailingLimits.multilineTimeout)
        house.drain()
        #expect(house.lines.last == "2026-01-02 next")
        #expect(house.due == nil)
        house.stop()
        house.restart()
        house.drain()
        #expect(house.lines.count == 2)
    }

    @Test func `a multiline event has a longest length`() throws {
        let house = try EngineHouse { $0.multiline = .init(start: try? Pattern("^START")) }
        try house.write("START\n" + (0..<2000).map { "line \($0)\n" }.joined())
        house.start()
        house.pass(.seconds(5))
        house.drain()
        house.pass(.seconds(5))
        house.drain()
        #expect(house.lines.count == 5)
        #expect(house.lines.flatMap { $0.split(separator: "\n") }.count == 2001)
    }

    @Test func `many files take turns, and a batch stays within its limits`() throws {
        let house = try EngineHouse(["*.log"])
        let line = String(repeating: "y", count: 999) + "\n"
        for name in ["a.log", "b.log", "c.log"] { try house.write(String(repeating: line, count: 2000), to: name) }
        house.start()
        var sources: [Set<String>] = []
        while true {
            let batch = house.read()
            if batch.isEmpty { break }
            #expect(batch.bytes <= TailingLimits.batchBytesMax + TailingLimits.chunkBytes)
            sources.append(Set(batch.events.map(\.source)))
            house.store(batch)
        }
        #expect(house.lines.count == 6000)
        #expect(sources[0].count >= 2)
        #expect(Set(house.events.map(\.data)).count == 6000)
    }

    @Test func `FIFOs, sockets and folders are refused, links are followed once`() throws {
        let house = try EngineHouse(["*.log"])
        #expect(unsafe mkfifo(house.path("pipe.log"), 0o600) == 0)
        TestFiles.makeFolder(house.path("folder.log"))
        try house.write("one\n", to: "real.log")
        #expect(unsafe symlink(house.path("real.log"), house.path("link.log")) == 0)
        #expect(unsafe link(house.path("real.log"), house.path("hard.log")) == 0)
        house.start()
        house.drain()
        #expect(house.lines == ["one"])
        let problems = house.engine.status().filter { $0.problem != nil }
        #expect(problems.map(\.path) == [house.path("pipe.log")])
        #expect(problems.first?.problem?.contains("FIFO") == true)
    }

    @Test func `more files than may be open are all read, and again when they grow`() throws {
        let house = try EngineHouse(["*.log"], openFilesMax: 50)
        for index in 0..<90 { try house.write("a \(index)\n", to: "\(index).log") }
        house.start()
        house.drain()
        #expect(house.lines.count == 90)
        for index in 0..<90 { try house.write("b \(index)\n", to: "\(index).log") }
        house.scan()
        house.drain()
        #expect(Set(house.lines).count == 180)
        #expect(house.lines.count == 180)
        #expect(house.engine.files.values.filter(\.isOpen).count <= 50)
    }

    @Test func `five thousand files are followed, and one that grows is found by its name`() throws {
        let house = try EngineHouse(["*.log"], openFilesMax: 400)
        for index in 0..<5000 { try house.write("a \(index)\n", to: "\(index).log") }
        house.start()
        house.drain()
        #expect(house.lines.count == 5000)
        #expect(house.positions.count == 5001)
        try house.write("b\n", to: "4711.log")
        house.engine.touch(house.path("4711.log"))
        house.store(house.engine.fill(at: house.now))
        #expect(house.lines.last == "b")
        // Nobody told of this one: the slow scan finds it.
        try house.write("c\n", to: "12.log")
        #expect(house.engine.fill(at: house.now).isEmpty)
        house.scan()
        house.store(house.engine.fill(at: house.now))
        #expect(house.lines.last == "c")
        #expect(house.lines.count == 5002)
    }

    @Test func `what is excluded, by name or by path, is left alone`() throws {
        let house = try EngineHouse(["*.log"]) {
            $0.exclude = ["debug-*", $0.paths[0].replacing("*.log", with: "b.log")]
        }
        for name in ["a.log", "b.log", "debug-a.log"] { try house.write(name + "\n", to: name) }
        house.start()
        house.drain()
        #expect(house.lines == ["a.log"])
    }

    @Test func `half a line is handed on when its end does not come, and the rest says that it continues`() throws {
        let house = try EngineHouse()
        try house.write("whole\nhalf")
        house.start()
        house.drain()
        #expect(house.lines == ["whole"])
        #expect(house.due != nil)
        house.pass(TailingLimits.halfLineTimeout)
        house.drain()
        #expect(house.lines == ["whole", "half"])
        #expect(house.events[1].data.hasSuffix(",\"partial\":true}"))
        #expect(house.due == nil)
        house.restart()
        try house.write(" line\nnext\n")
        house.drain()
        #expect(house.lines == ["whole", "half", " line", "next"])
        #expect(house.events[2].data.hasSuffix(",\"continued\":true}"))
        #expect(house.events[3].data.hasSuffix(",\"offset\":16}"))
    }

    @Test func `what is dropped and sampled out is counted, and the position moves on`() throws {
        let house = try EngineHouse {
            $0.drop = [try? Pattern("^DEBUG")].compactMap(\.self)
            $0.sample = [(try? Pattern("healthz")).map { TailConfig.Sampling(match: $0, every: 10) }].compactMap(\.self)
        }
        for index in 0..<100 { try house.write("DEBUG \(index)\nGET /healthz \(index)\nINFO \(index)\n") }
        house.start()
        house.drain()
        #expect(house.lines.filter { $0.hasPrefix("INFO") }.count == 100)
        #expect(house.lines.filter { $0.hasPrefix("GET") } == (0..<10).map { "GET /healthz \($0 * 10)" })
        #expect(house.lines.count == 110)
        #expect(house.events.first { $0.message == "GET /healthz 0" }?.data.hasSuffix(",\"sampled\":10}") == true)
        #expect(house.counted("tocsin_tail_lines_dropped_total") == 100)
        #expect(house.counted("tocsin_tail_lines_sampled_out_total") == 90)
        house.restart()
        house.drain()
        #expect(house.lines.count == 110)
    }
}
