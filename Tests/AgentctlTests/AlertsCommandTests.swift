import JSON
import Testing

@testable import agentctl

@Suite struct AlertsCommandTests {
    @Test func `a story is told with the answer first, each decision on a line of its own`() throws {
        let answer = try JSON.parse(
            """
            {"id": "6f0f5a0b4c1d2e3f", "verdict": "ops/webhook/0 was told at 2026-01-01T00:00:02.500Z.",
             "alert": {"alertname": "DiskFull", "labels": {"alertname": "DiskFull", "host": "web-1\\u001b[31m"}, "state": "resolved",
                       "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T00:10:00Z"},
             "decisions": [{"at": "2026-01-01T00:00:00.007123456Z", "sentence": "The route {} took it: receiver ops."},
                           {"at": "2026-01-01T00:00:02.5Z", "sentence": "ops/webhook/0 took it (attempt 1, HTTP 200: a\\nb)."}],
             "other_episodes": [{"starts_at": "2025-12-31T00:00:00Z"}]}
            """
        )
        // Control characters are shown, not sent to the terminal.
        #expect(
            AlertsCommand.Explain.story(answer) == """
                DiskFull {host="web-1\\u{1b}[31m"}
                id 6f0f5a0b4c1d2e3f, resolved, since 2026-01-01T00:00:00Z until 2026-01-01T00:10:00Z

                ops/webhook/0 was told at 2026-01-01T00:00:02.500Z.

                2026-01-01T00:00:00.007Z  The route {} took it: receiver ops.
                2026-01-01T00:00:02.500Z  ops/webhook/0 took it (attempt 1, HTTP 200: a\\nb).

                It is on record 1 more time(s), the latest at 2025-12-31T00:00:00Z: --at tells of them.
                """
        )
    }

    @Test(arguments: [(0.25, "250ms"), (1, "1s"), (59.6, "1m"), (5400, "1h30m"), (90_061, "1d1h"), (-1, "-")])
    func `a length is told in its two largest units`(seconds: Double, text: String) {
        #expect(AlertsCommand.Noise.length(seconds) == text)
    }
}
