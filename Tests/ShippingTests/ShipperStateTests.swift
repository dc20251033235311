import Telemetry
import Testing

@testable import Shipping

struct ShipperStateTests {
    private let batches = (1...4).map { ShipperState.Sent(lane: .logs, sequence: $0, bytes: 1000) }

    private func answer(_ status: Int, _ acknowledged: UInt64? = nil, retryAfter: Duration? = nil, isProblem: Bool = true) -> Reply {
        let acknowledgement = acknowledged.map { Acknowledgement(lanes: [.logs: $0]) }
        return .answer(status: status, acknowledgement: acknowledgement, retryAfter: retryAfter, isProblem: isProblem, detail: "why")
    }

    @Test func `success is acknowledged, ends a row of failures and lets POSTs grow`() {
        var state = ShipperState()
        _ = state.after(.none("no route"), sent: batches, took: .zero)
        let before = state.bytesToLease
        let decision = state.after(answer(200, 4), sent: batches, took: .milliseconds(20))
        #expect(decision == .init(action: .acknowledge(Acknowledgement(lanes: [.logs: 4])), pause: .none, problem: nil, outcome: .acknowledged))
        #expect(state.failuresInARow == 0)
        #expect(state.bytesToLease == before * 2)
    }

    @Test func `slow answers make POSTs smaller, down to a limit`() {
        var state = ShipperState()
        for _ in 0..<30 { _ = state.after(answer(200, 4), sent: batches, took: .seconds(5)) }
        #expect(state.bytesToLease == ShippingLimits.bytesMin)
        for _ in 0..<30 { _ = state.after(answer(200, 4), sent: batches, took: .zero) }
        #expect(state.bytesToLease == ShippingLimits.bytesMax)
    }

    @Test(arguments: [500, 502, 503, 504, 404, 302, 429, 401, 403, 408])
    func `what may pass keeps everything and waits longer each time, for ever`(status: Int) {
        var state = ShipperState()
        var ceilings: [ShipperState.Pause] = []
        for _ in 0..<100 {
            let decision = state.after(answer(status), sent: batches, took: .zero)
            #expect(decision.action == .keep)
            #expect(decision.problem != nil)
            ceilings.append(decision.pause)
        }
        #expect(Array(ceilings.prefix(8)) == [1, 2, 4, 8, 16, 32, 60, 60].map { ShipperState.Pause.upTo(.seconds($0)) })
        #expect(ceilings.last == .upTo(.seconds(60)))
    }

    @Test func `no answer is a failure like others`() {
        var state = ShipperState()
        let decision = state.after(.none("no route"), sent: batches, took: .zero)
        #expect(decision == .init(action: .keep, pause: .upTo(.seconds(1)), problem: "no route", outcome: .unreachable))
    }

    @Test(arguments: [429, 503])
    func `an aggregator that says when is believed, within limits, and does not count as a failure`(status: Int) {
        var state = ShipperState()
        #expect(state.after(answer(status, retryAfter: .seconds(7)), sent: batches, took: .zero).pause == .told(.seconds(7)))
        #expect(state.after(answer(status, retryAfter: .zero), sent: batches, took: .zero).pause == .told(.milliseconds(200)))
        #expect(state.after(answer(status, retryAfter: .seconds(86_400)), sent: batches, took: .zero).pause == .told(.seconds(3600)))
        #expect(state.failuresInARow == 0)
    }

    @Test(arguments: [400, 422])
    func `a refused POST is sent again one batch at a time until the bad one is found`(status: Int) {
        var state = ShipperState()
        let normal = state.bytesToLease
        #expect(state.after(answer(status), sent: batches, took: .zero).action == .keep)
        #expect(state.bytesToLease == 1)
        #expect(state.after(answer(200, 1), sent: [batches[0]], took: .zero).action == .acknowledge(Acknowledgement(lanes: [.logs: 1])))
        #expect(state.bytesToLease == 1)
        let decision = state.after(answer(status), sent: [batches[1]], took: .zero)
        #expect(decision.action == .setAside(reason: "the aggregator refused it: why"))
        #expect(decision.pause == .none)
        _ = state.after(answer(200, 3), sent: [batches[2]], took: .zero)
        _ = state.after(answer(200, 4), sent: [batches[3]], took: .zero)
        #expect(state.bytesToLease >= normal)
    }

    @Test(arguments: [400, 422, 409])
    func `a page that is not our aggregator's refuses nothing for good`(status: Int) {
        var state = ShipperState()
        let decision = state.after(answer(status, isProblem: false), sent: [batches[0]], took: .zero)
        #expect(decision.action == .keep)
        #expect(decision.pause == .upTo(.seconds(1)))
    }

    @Test func `an aggregator that refuses everything does not empty the spool at full speed`() {
        var state = ShipperState()
        let pauses = (0..<6).map { _ in state.after(answer(422), sent: [batches[0]], took: .zero).pause }
        #expect(pauses == [.none, .none, .none, .upTo(.seconds(1)), .upTo(.seconds(2)), .upTo(.seconds(4))])
    }

    @Test func `too large is halved until it fits, and a single batch is divided`() {
        var state = ShipperState()
        #expect(state.after(answer(413), sent: batches, took: .zero).action == .keep)
        #expect(state.bytesToLease == 2000)
        #expect(state.after(answer(413), sent: Array(batches[..<2]), took: .zero).action == .keep)
        #expect(state.bytesToLease == 1000)
        let decision = state.after(answer(413), sent: [batches[0]], took: .zero)
        guard case .split(let reason) = decision.action else {
            Issue.record("a single batch that is too large stays in the way")
            return
        }
        #expect(reason.contains("1000 bytes"))
        #expect(decision.pause == .none)
        // What cannot be divided is set aside, and the line goes on.
        #expect(state.afterFailedSplit(reason).action == .setAside(reason: reason))
    }

    @Test func `a conflict takes a new identity, once`() {
        var state = ShipperState()
        let one = [batches[0]]
        #expect(state.after(answer(409), sent: one, took: .zero).action == .resolveConflict(reason: "why"))
        state.afterRenewal()
        let again = state.after(answer(409), sent: one, took: .zero)
        #expect(again.action == .keep)
        #expect(again.pause == .upTo(.seconds(1)))
        _ = state.after(answer(200, 4), sent: batches, took: .zero)
        #expect(state.after(answer(409), sent: one, took: .zero).action == .resolveConflict(reason: "why"))
    }

    @Test func `a conflict among several batches sends them one at a time, so that none goes out twice`() {
        var state = ShipperState()
        let decision = state.after(answer(409), sent: batches, took: .zero)
        #expect(decision.action == .keep)
        #expect(decision.pause == .none)
        #expect(state.bytesToLease == 1)
        _ = state.after(answer(200, 1), sent: [batches[0]], took: .zero)
        #expect(state.bytesToLease == 1)
        #expect(state.after(answer(409), sent: [batches[1]], took: .zero).action == .resolveConflict(reason: "why"))
    }

    @Test func `a conflict over a note of damage costs no id, however many there are`() {
        var state = ShipperState()
        for batch in batches { #expect(state.after(answer(409), sent: [batch], took: .zero).action == .resolveConflict(reason: "why")) }
    }

    @Test func `200 without an acknowledgement is no success`() {
        var state = ShipperState()
        let decision = state.after(answer(200), sent: batches, took: .zero)
        #expect(decision.action == .keep)
        #expect(decision.pause == .upTo(.seconds(1)))
    }

    @Test func `an acknowledgement of nothing that was sent is told to the spool, and waits`() {
        var state = ShipperState()
        let decision = state.after(answer(200, 0), sent: batches, took: .zero)
        #expect(decision.action == .acknowledge(Acknowledgement(lanes: [.logs: 0])))
        #expect(decision.pause == .upTo(.seconds(1)))
    }
}
