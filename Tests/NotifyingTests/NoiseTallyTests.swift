import Telemetry
import Testing

@testable import Notifying

@Suite struct NoiseTallyTests {
    @Test func `a rule's noise is counted, and the noisiest stands first`() {
        var tally = NoiseTally(from: Sample.at(1000))
        // Ended before the time asked for: only the next one of the same alert is known as a flap by it.
        tally.add("Disk", fingerprint: 1, startsAt: Sample.at(500), endsAt: Sample.at(900), isAcknowledged: true)
        tally.add("Disk", fingerprint: 1, startsAt: Sample.at(1100), endsAt: Sample.at(1160), isAcknowledged: false)
        tally.add("Disk", fingerprint: 1, startsAt: Sample.at(1160 + 3601), endsAt: Sample.at(5000), isAcknowledged: true)
        // Another alert of the rule is no flap of the first.
        tally.add("Disk", fingerprint: 2, startsAt: Sample.at(5001), endsAt: nil, isAcknowledged: false)
        tally.add("Load", fingerprint: 3, startsAt: Sample.at(2000), endsAt: Sample.at(2600), isAcknowledged: false)
        tally.add("Quiet", fingerprint: 4, startsAt: Sample.at(2000), endsAt: nil, isAcknowledged: false)
        tally.add("Load", notifications: 9, pages: 5)
        tally.add("Disk", notifications: 3, pages: 2)
        let rules = tally.rules
        #expect(rules.map(\.alertname) == ["Load", "Disk", "Quiet"])
        #expect(
            rules[1]
                == RuleNoise(
                    alertname: "Disk",
                    episodes: 3,
                    notifications: 3,
                    pages: 2,
                    acknowledged: 1,
                    flaps: 1,
                    medianLength: .seconds(60)
                )
        )
        #expect(rules[2].medianLength == nil)
    }
}
