import Matching
import Telemetry
import Testing

@testable import Tailing

@Suite struct GroupingTests {
    private func groups(_ rules: TailConfig.Multiline, _ text: String) throws -> [String] {
        let house = try EngineHouse { $0.multiline = rules }
        try house.write(text)
        house.start()
        house.drain()
        house.pass(rules.timeout)
        house.drain()
        return house.lines
    }

    private static let java = [
        "2026-10-10 ERROR c.e.Main - failed\njava.lang.IllegalStateException: closed\n\tat c.e.A.b(A.java:3)\n\tat c.e.Main.main(Main.java:9)\n"
            + "Caused by: java.io.IOException: gone\n\t... 2 more",
        "2026-10-10 INFO c.e.Main - next",
    ]
    private static let python = [
        "ERROR:root:failed\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\nKeyError: 'x'\n\n"
            + "During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
            + "  File \"a.py\", line 9, in <module>\n    f()\nValueError: no",
        "INFO:root:next",
    ]
    private static let go = [
        "2026/10/10 start",
        "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/app/main.go:7\nmain.main()\n"
            + "\t/app/main.go:11 +0x1d\n\ngoroutine 5 [chan receive]:\nmain.worker(0xc000012345)\n\t/app/main.go:20 +0x3a\n"
            + "created by main.main in goroutine 1\n\t/app/main.go:10 +0x44\nexit status 2",
        "2026/10/10 next",
    ]
    private static let ruby = [
        "app.rb:3:in `foo': no (RuntimeError)\n\tfrom app.rb:7:in `bar'\n\tfrom app.rb:9:in `<main>'",
        "app.rb:4:in 'Foo#foo': other (KeyError)\napp/models/a.rb:12:in 'A.b'",
        "next",
    ]

    @Test(arguments: [
        (TailConfig.Multiline.Preset.java, GroupingTests.java), (.python, GroupingTests.python), (.go, GroupingTests.go),
        (.ruby, GroupingTests.ruby),
    ])
    func `a trace is one event with the line that logs it`(preset: TailConfig.Multiline.Preset, events: [String]) throws {
        #expect(try groups(.init(preset: preset), events.joined(separator: "\n") + "\n") == events)
    }

    @Test func `a continuation pattern, alone and with a start`() throws {
        let continuation = try Pattern("^\\s")
        #expect(try groups(.init(continuation: continuation), "a\n b\nc\nd\n e\n") == ["a\n b", "c", "d\n e"])
        let start = try Pattern("^S")
        #expect(try groups(.init(start: start, continuation: continuation), "S\n b\nc\nS2\n") == ["S\n b", "c", "S2"])
    }

    @Test func `lines and bytes of an event have limits`() throws {
        let start = try Pattern("^S")
        let text = "S\n" + (0..<9).map { "\($0)\n" }.joined()
        #expect(try groups(.init(start: start, linesMax: 4), text) == ["S\n0\n1\n2", "3\n4\n5\n6", "7\n8"])
        let long = "S\n" + (0..<30).map { _ in String(repeating: "x", count: 99) + "\n" }.joined()
        #expect(try groups(.init(start: start, bytesMax: 1024), long).allSatisfy { $0.utf8.count <= 1024 })
    }

    /// Killed with half of a group read: the next run reads it again from its beginning.
    @Test func `a half collected group is read again after a crash, never doubled`() throws {
        let house = try EngineHouse { $0.multiline = .init(preset: .java) }
        try house.write("one\n\tat a\n")
        house.start()
        house.drain()
        #expect(house.lines.isEmpty)
        house.restart()
        try house.write("\tat b\ntwo\n")
        house.drain()
        #expect(house.lines == ["one\n\tat a\n\tat b"])
        // Read and lost before it was stored.
        try house.write("\tat c\nthree\n")
        _ = house.read()
        house.restart()
        house.drain()
        house.pass(.seconds(1))
        house.drain()
        house.restart()
        house.drain()
        #expect(house.lines == ["one\n\tat a\n\tat b", "two\n\tat c", "three"])
        #expect(house.gaps.isEmpty)
    }

    @Test func `a trace longer than what is read at once is several events that hold every line`() throws {
        let count = 3 * TailingLimits.chunkBytes / 50
        let lines = (0..<count).map { "\tat frame \($0) " + String(repeating: "x", count: 40) }
        let events = try groups(
            .init(preset: .java, linesMax: 10_000, bytesMax: TailingLimits.chunkBytes),
            "boom\n" + lines.joined(separator: "\n") + "\nnext\n"
        )
        #expect(events.joined(separator: "\n") == "boom\n" + lines.joined(separator: "\n") + "\nnext")
    }
}
