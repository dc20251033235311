import JSON
import Telemetry
import Testing

@testable import agentctl

@Suite struct TerminalTests {
    @Test func `columns are as wide as their widest cell`() {
        #expect(Terminal.table(["HOST", "STATE"], [["web-1", "up"], ["a", "down"]], nothing: "none") == "HOST   STATE\nweb-1  up\na      down")
        #expect(Terminal.table(["HOST"], [], nothing: "none") == "none")
    }

    @Test func `what a log line holds does not steer the terminal`() {
        #expect(Terminal.printable("a\u{1B}[2Jb\nc\td\u{9B}") == "a\\u{1b}[2Jb\\nc d\\u{9b}")
    }

    @Test func `a query's values are encoded whole`() {
        #expect(URLQuery.escape("a b&c=d{e=~\"é\"}-._~") == "a%20b%26c%3Dd%7Be%3D~%22%C3%A9%22%7D-._~")
    }

    @Test(arguments: [
        ("now", "2026-01-01T00:00:00Z"), ("15m", "2025-12-31T23:45:00Z"), ("1d", "2025-12-31T00:00:00Z"),
        ("1767225601.5", "2026-01-01T00:00:01.500Z"), ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
    ])
    func `moments are written in the ways that people do`(text: String, moment: String) {
        #expect(Moments.parse(text, now: Timestamp(milliseconds: 1_767_225_600_000))?.rfc3339 == moment)
    }

    @Test func `what is no moment is refused with what would be one`() {
        let error = #expect(throws: Failure.self) { try Moments.text(of: "yesterday", named: "--start") }
        #expect(error?.description.contains("--start \"yesterday\" is no time") == true)
    }
}
