import Controlling
import JSON
import Telemetry
import Testing

@Suite struct StatusTextTests {
    private func render(_ status: AgentStatus) throws -> String {
        var writer = JSONWriter()
        status.write(to: &writer)
        return StatusText.render(try JSON.parse(writer.bytes))
    }

    @Test func `a healthy agent on one screen`() throws {
        #expect(
            try render(.sample()) == """
                tocsin-agent 0.1.0 on web-1: healthy, up 1 h 1 min

                aggregator  https://tocsin.example.org:8640, reachable, last acknowledged 2025-12-31T23:59:57Z, 2 s behind
                spool       3 MiB of 512 MiB (1 %), 7 batches wait, oldest 2025-12-31T23:59:57.500Z, full in 2 h
                tails       1 followed
                            /var/log/a  20 B to read
                            /var/log/b  permission denied
                rules       1, 1 firing, 0 pending
                            DiskFull  firing (2)
                collectors  1 of 1 have values
                gaps        truncated 1
                            2026-01-01T00:00:00Z  /var/log/a  it became shorter
                agent id    00000000-0000-0001-0000-000000000002

                """
        )
    }

    @Test func `problems stand on top`() throws {
        let text = try render(.sample(problems: ["the spool does not work: the disk is full"]))
        #expect(text.hasPrefix("tocsin-agent 0.1.0 on web-1: degraded, up 1 h 1 min\n  ! the spool does not work: the disk is full\n"))
    }

    @Test func `an answer of another release is shown as far as it goes`() {
        #expect(StatusText.render(.object([])).contains("unknown"))
    }

    @Test(arguments: [(0.25, "250 ms"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h")] as [(Double, String)])
    func `durations in their two largest units`(seconds: Double, text: String) {
        #expect(StatusText.duration(seconds) == text)
    }
}
