import JSON
import Testing

@testable import agentctl

struct IncidentStoryTests {
    @Test func `an incident is told in the order of time, with its curve`() throws {
        let incident = try JSON.parse(
            """
            {"id": "i-1", "name": "DiskFull", "state": "closed", "hosts": ["web-1"], "keys": ["host:web-1"],
             "opened_at": "2026-01-01T12:00:00Z", "closed_at": "2026-01-01T12:30:00Z", "closing": "resolved",
             "collection": "timeout", "missing": ["web-2"],
             "alerts": [{"alertname": "DiskFull", "labels": {"host": "web-1"}, "annotations": {"summary": "3% free"},
               "starts_at": "2026-01-01T12:00:00Z", "ends_at": "2026-01-01T12:30:00Z"}],
             "evidence": [{"timestamp": "2026-01-01T12:00:00.5Z", "severity": "error", "host": "web-1", "source": "app", "type": "log.line",
               "message": "no space\\u001b[2J"}],
             "changes": [{"timestamp": "2026-01-01T11:50:00Z", "host": "web-1", "source": "ci", "type": "deploy.finished", "message": "v7"}],
             "metrics": [{"metric": {"__name__": "free", "host": "web-1"}, "values": [[1, "9"], [2, "5"], [3, "1"], [4, "NaN"]]}]}
            """
        )
        let lines = IncidentStory(incident).text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(
            lines.prefix(7) == [
                "DiskFull  closed", "id        i-1", "hosts     web-1", "opened    2026-01-01T12:00:00Z",
                "closed    2026-01-01T12:30:00Z (its last alert ended)", "together  host:web-1", "record    without the metrics of web-2",
            ]
        )
        #expect(
            lines.dropFirst(8).prefix(4) == [
                "2026-01-01T11:50:00Z    change    web-1  deploy.finished: v7",
                "2026-01-01T12:00:00Z    FIRING    web-1  DiskFull: 3% free",
                #"2026-01-01T12:00:00.5Z  error     web-1  app: no space\u{1b}[2J"#,
                "2026-01-01T12:30:00Z    RESOLVED  web-1  DiskFull",
            ]
        )
        #expect(lines.last == #"█▅▁  1 to 9  free{host="web-1"}"#)
    }

    @Test func `what an incident turned out to be part of is said, and what turned out to be part of it`() throws {
        let part = try JSON.parse(
            """
            {"name": "p", "state": "closed", "id": "i-2", "hosts": [], "keys": [], "opened_at": "2026-01-01T12:00:00Z",
             "closed_at": "2026-01-01T12:30:00Z", "closing": "merged", "merged_into": "i-1"}
            """
        )
        #expect(IncidentStory(part).text.contains("closed    2026-01-01T12:30:00Z (it turned out to be part of i-1)"))
        let whole = try JSON.parse(#"{"name": "p", "state": "open", "id": "i-1", "merged_from": ["i-2", "i-3"]}"#)
        #expect(IncidentStory(whole).text.contains("with      i-2, i-3, which turned out to be part of it"))
    }

    @Test func `a curve has one character a value`() {
        #expect(IncidentStory.curve([]) == "")
        #expect(IncidentStory.curve([3, 3]) == "▁▁")
        #expect(IncidentStory.curve([0, 7]) == "▁█")
    }
}
