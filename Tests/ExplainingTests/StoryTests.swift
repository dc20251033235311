import Explaining
import Telemetry
import Testing

@Suite struct StoryTests {
    private static let start = Timestamp(milliseconds: 1_767_225_600_000)
    private let delivery = UUID(high: 1, low: 1)

    private func at(_ seconds: Double) -> Timestamp { Self.start.advanced(by: .milliseconds(Int64(seconds * 1000))) }

    private var alert: Alert {
        Alert(
            labels: ["alertname": "DiskFull", "host": "web-1"],
            state: .firing,
            activeAt: at(0),
            startsAt: at(120),
            value: 0.97,
            updatedAt: at(120),
            expression: "disk > 0.9"
        )
    }

    private func decision(_ kind: Decision.Kind, _ second: Double, reason: String = "", _ details: Labels = .empty) -> Decision {
        Decision(kind, of: alert, reason: reason, details: details, at: at(second))
    }

    private func delivered(_ kind: Decision.Kind, _ second: Double, reason: String = "", _ details: Labels = .empty) -> Decision {
        Decision(kind, of: .delivery(delivery), reason: reason, details: details.setting("channel", to: "ops/webhook/0"), at: at(second))
    }

    @Test func `the whole way is told in order, with times and values, and the verdict says who was told`() {
        let firing: Labels = ["value": "0.97", "expression": "disk > 0.9", "starts_at": at(120).rfc3339]
        let correlating = [
            decision(.pending, 0.5, ["value": "0.95", "expression": "disk > 0.9"]), decision(.firing, 120.5, reason: "fired", firing),
        ]
        let notifying = [
            decision(.routed, 120.5, ["route": "{}/{severity=\"critical\"}", "receiver": "ops"]),
            decision(.grouped, 120.5, reason: "group_wait", ["group": "{}:{}", "until": at(150).rfc3339]),
            delivered(.queued, 150, reason: "first", ["status": "firing", "alerts": "1"]),
            delivered(.attempted, 150.2, reason: "refused", ["attempt": "1", "reply": "HTTP 500", "until": at(151).rfc3339]),
            delivered(.delivered, 151.1, ["attempt": "2", "reply": "HTTP 200: ok"]),
        ]
        // Rooms are asked one after the other; the story is one.
        let story = Story(of: alert, decisions: notifying + correlating)
        #expect(story.lines.map(\.decision.kind) == [.pending, .firing, .routed, .grouped, .queued, .attempted, .delivered])
        #expect(story.verdict == "ops/webhook/0 was told at 2026-01-01T00:02:31.100Z.")
        #expect(
            story.lines.map(\.sentence) == [
                "The expression disk > 0.9 holds since 2026-01-01T00:00:00Z (value 0.95); it fires when it has held for as long as the rule's `for` says.",
                "It fires: disk > 0.9 holds since 2026-01-01T00:00:00Z (value 0.97), firing since 2026-01-01T00:02:00Z.",
                "The route {}/{severity=\"critical\"} took it: receiver ops.",
                "It joined the group {}:{}, which waits for what belongs to it; that is looked at again at 2026-01-01T00:02:30Z.",
                "A notification to ops/webhook/0 lies in the outbox: firing, 1 alert(s), because the group fires and the channel had not been told.",
                "ops/webhook/0 did not take it (attempt 1, HTTP 500): tried again at 2026-01-01T00:02:31Z.",
                "ops/webhook/0 took it (attempt 2, HTTP 200: ok).",
            ]
        )
    }

    static let causes: [(Decision.Kind, Labels, String)] = [
        (.inhibited, ["source": "{alertname=\"HostDown\"}"], "Nobody was told: it was inhibited by {alertname=\"HostDown\"}."),
        (.silenced, ["author": "ann"], "Nobody was told: it was silenced by ann."),
        (.muted, ["interval": "nights"], "Nobody was told: its route was muted at that time (nights)."),
        (.history, .empty, "Nobody was told: it was over, or told elsewhere, before it arrived."),
        (.pending, .empty, "Nobody was told: it does not fire yet."),
        (.withdrawn, .empty, "Nobody was told: it did not hold for long enough to fire."),
    ]

    @Test(arguments: causes)
    func `where nobody was told the verdict says why`(kind: Decision.Kind, details: Labels, verdict: String) {
        #expect(Story(of: alert, decisions: [decision(.grouped, 1), decision(kind, 2, details)]).verdict == verdict)
    }

    @Test func `a message that is still on its way, or was refused, is no page`() {
        let queued = delivered(.queued, 1, reason: "first", ["status": "firing", "alerts": "1"])
        #expect(Story(of: alert, decisions: [queued]).verdict == "Nobody was told yet: ops/webhook/0 has not taken it so far.")
        let failed = delivered(.failed, 2, ["reply": "HTTP 404"])
        #expect(Story(of: alert, decisions: [queued, failed]).verdict == "Nobody was told: ops/webhook/0 (HTTP 404) did not take it.")
        // That it is over was told, that it fires was not: told in vain.
        let ending = [
            Decision(.queued, of: .delivery(UUID(high: 2, low: 2)), details: ["channel": "ops/email/0", "status": "resolved"], at: at(3)),
            Decision(.delivered, of: .delivery(UUID(high: 2, low: 2)), details: ["channel": "ops/email/0"], at: at(4)),
        ]
        #expect(Story(of: alert, decisions: [queued, failed] + ending).verdict.hasPrefix("Nobody was told: ops/webhook/0"))
    }

    @Test func `what a restart says again is told once, and every kind has a sentence without a hole`() {
        let silenced: Labels = ["silence": "x", "author": "ann", "comment": "repair", "until": at(900).rfc3339]
        let again = [decision(.silenced, 1, silenced), decision(.silenced, 50, silenced), decision(.released, 90, reason: "silenced")]
        #expect(Story(of: alert, decisions: again).lines.map(\.decision.at) == [at(1), at(90)])
        // Silenced anew after it had been released: that is news.
        #expect(Story(of: alert, decisions: again + [decision(.silenced, 95, silenced)]).lines.count == 3)
        for kind in Decision.Kind.allCases {
            let lines = Story(of: alert, decisions: [decision(kind, 1)]).lines
            #expect(lines.count == 1 && lines[0].sentence.hasSuffix("."), "\(kind): \(lines.map(\.sentence))")
        }
    }
}
