import Telemetry
import Testing

@testable import AgentApp

@Suite struct StatusDeskTests {
    private let now = Timestamp(milliseconds: 1_767_225_600_000)

    private func spool(bytes: UInt64 = 0, gaps: [Gap] = []) -> SpoolStatus {
        SpoolStatus(bytes: bytes, maxBytes: 1000, batches: [:], oldest: nil, secondsToFull: nil, gapCounts: [:], recentGaps: gaps)
    }

    private func gap(_ reason: Gap.Reason, ago: Duration) -> Gap {
        let moment = now.advanced(by: .zero - ago)
        return Gap(source: "/var/log/a", reason: reason, from: moment, to: moment, detail: "something is missing")
    }

    @Test func `an agent that has not asked yet, or runs alone, is healthy`() {
        let new = ShippingStatus(url: "http://a", isReachable: false, lastAcknowledgedAt: nil, lastError: nil, failuresInARow: 0)
        #expect(StatusDesk.problems(of: new).isEmpty)
        let alone = ShippingStatus(url: nil, isReachable: false, lastAcknowledgedAt: nil, lastError: nil, failuresInARow: 0)
        #expect(StatusDesk.problems(of: alone).isEmpty)
    }

    @Test func `an aggregator that does not take data is a problem, whether it answers or not`() {
        for isReachable in [true, false] {
            let failing = ShippingStatus(url: "http://a", isReachable: isReachable, lastAcknowledgedAt: nil, lastError: "401", failuresInARow: 1)
            #expect(StatusDesk.problems(of: failing) == ["http://a does not take what is collected, everything is kept: 401"])
        }
    }

    @Test func `a spool beyond four fifths needs somebody`() {
        #expect(StatusDesk.problems(of: spool(bytes: 800), at: now).isEmpty)
        #expect(StatusDesk.problems(of: spool(bytes: 801), at: now).first?.contains("raise spool.max_size") == true)
    }

    @Test func `losses of the last hour are a problem, older ones and cut lines are not`() {
        #expect(
            StatusDesk.problems(of: spool(gaps: [gap(.truncated, ago: .seconds(10)), gap(.spoolFull, ago: .seconds(5))]), at: now) == [
                "2 gaps in the last hour, the latest: /var/log/a: something is missing"
            ]
        )
        #expect(StatusDesk.problems(of: spool(gaps: [gap(.truncated, ago: .seconds(3601)), gap(.lineCut, ago: .seconds(1))]), at: now).isEmpty)
    }

    @Test func `a folder that this user cannot write is told with what to do`() {
        #expect(AgentProgram.spoolProblem("/proc/self/spool")?.contains("TOCSIN_SPOOL_PATH=") == true)
        #expect(AgentProgram.spoolProblem("/tmp/none/of/these") == nil)
    }
}
