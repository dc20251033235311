import JSON
import Testing

@testable import agentctl

@Suite struct RulesTableTests {
    @Test func `an aggregator's rules are a row each, with what is wrong`() throws {
        let groups = try JSON.parse(
            """
            [{"name": "events", "rules": [
                {"state": "firing", "name": "ManyErrors", "type": "alerting", "health": "ok", "lastEvaluation": "2026-11-21T20:00:00Z",
                 "alerts": [{"state": "firing"}, {"state": "firing"}, {"state": "pending"}]},
                {"name": "source:errors", "type": "recording", "health": "err", "lastError": "too many series", "lastEvaluation": "2026-11-21T20:00:00Z"}
            ]}]
            """
        )
        let table = RulesReport.table(ofGroups: groups.array ?? [])
        #expect(
            table.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ") } == [
                "GROUP RULE STATE PENDING FIRING HEALTH LAST EVALUATION LAST ERROR",
                "events ManyErrors firing 1 2 ok 2026-11-21T20:00:00Z",
                "events source:errors recording 0 0 err 2026-11-21T20:00:00Z too many series",
            ]
        )
        #expect(RulesReport.table(ofGroups: []) == "no rules: see rule_files of aggregator.yaml")
    }
}
