import Operating
import Telemetry

/// What came back for a POST.
enum Reply: Sendable, Equatable {
    /// - Parameters:
    ///   - acknowledgement: what the body says, if it is one.
    ///   - isProblem: whether the body is a problem document, as our aggregator writes them; a proxy's page is not.
    ///   - detail: the document's sentence, or what else there is to say.
    case answer(status: Int, acknowledgement: Acknowledgement?, retryAfter: Duration?, isProblem: Bool, detail: String)
    /// The transfer failed; whether the aggregator took the batches is not known.
    case none(String)
}

/// Decides what to do next, from what came back. Pure: no clock, no socket, no randomness.
struct ShipperState: Sendable, Equatable {
    /// A batch that was sent.
    struct Sent: Sendable, Equatable {
        var lane: Lane
        var sequence: UInt64
        var bytes: Int
    }

    /// What to do with the batches that were sent.
    enum Action: Sendable, Equatable {
        case acknowledge(Acknowledgement)
        /// Give them back: they are sent again.
        case keep
        /// The only batch sent will never be taken.
        case setAside(reason: String)
        /// The only batch sent is too large as it is: make two of it, or set it aside when that cannot be.
        case split(reason: String)
        /// The aggregator has other content under the number of the only batch sent.
        case resolveConflict(reason: String)
    }

    /// How long to wait before the next POST.
    enum Pause: Sendable, Equatable {
        case none
        /// As long as the aggregator said.
        case told(Duration)
        /// A random time up to this.
        case upTo(Duration)
    }

    struct Decision: Sendable, Equatable {
        var action: Action
        var pause: Pause
        /// What to show as the last error; nil after a success.
        var problem: String?
        /// A fixed word for metrics.
        var outcome: Outcome
    }

    enum Outcome: String, Sendable, CaseIterable {
        case acknowledged, unreachable, refused, unauthorized, throttled, conflict, failed
        case tooLarge = "too_large"
    }

    private(set) var failuresInARow = 0
    /// Bytes to ask the spool for.
    private(set) var bytesMax = ShippingLimits.bytesAtFirst
    /// Batches still to be sent one at a time, because one of them is bad; 0: as many as fit.
    private(set) var singlesLeft = 0
    private var setAsideInARow = 0
    private var renewedInARow = 0

    /// What to lease for the next POST: 1 byte means one batch.
    var bytesToLease: Int { singlesLeft > 0 ? 1 : bytesMax }

    /// - Parameters:
    ///   - sent: what the POST held, at least one.
    ///   - took: from the first byte sent to the answer.
    mutating func after(_ reply: Reply, sent: [Sent], took: Duration) -> Decision {
        switch reply {
        case .none(let reason):
            // It may have been too much for the line in the time it had.
            if took >= ShippingLimits.slowAnswer { shrink() }
            return failure(.unreachable, reason)
        case .answer(200, let acknowledgement?, _, _, _):
            return acknowledged(acknowledgement, sent, took)
        case .answer(200, nil, _, _, _):
            return failure(.failed, "the answer is 200 without an acknowledgement: is the address the aggregator's, or a proxy's?")
        case .answer(400, _, _, true, let detail), .answer(422, _, _, true, let detail):
            return refused(detail, sent)
        case .answer(401, _, _, _, let detail), .answer(403, _, _, _, let detail):
            return failure(.unauthorized, "the aggregator does not accept our token (\(detail)): check token_file; everything is kept")
        case .answer(409, _, _, true, let detail):
            return conflict(detail, sent)
        case .answer(413, _, _, _, let detail):
            return tooLarge(detail, sent)
        case .answer(let status, _, let retryAfter?, _, let detail) where status == 429 || status == 503:
            // It lives and says when: that is no failure that would grow.
            let wait = min(max(retryAfter, ShippingLimits.toldWaitMin), ShippingLimits.toldWaitMax)
            return Decision(action: .keep, pause: .told(wait), problem: "told to wait \(wait): \(detail)", outcome: .throttled)
        case .answer(let status, _, _, _, let detail):
            return failure(status == 429 || status == 503 ? .throttled : .failed, "the aggregator answered \(status): \(detail)")
        }
    }

    /// The spool could not give or take: wait as for a failure.
    mutating func afterSpoolFailure(_ reason: String) -> Decision { failure(.failed, reason) }

    /// An operator asks for an attempt now, or the agent stops: sizes stay as learnt, waiting begins anew.
    mutating func forgetFailures() { failuresInARow = 0 }

    private mutating func failure(_ outcome: Outcome, _ problem: String) -> Decision {
        failuresInARow += 1
        let ceiling = ShippingLimits.backoff.ceiling(afterFailures: failuresInARow)
        return Decision(action: .keep, pause: .upTo(ceiling), problem: problem, outcome: outcome)
    }

    private mutating func acknowledged(_ acknowledgement: Acknowledgement, _ sent: [Sent], _ took: Duration) -> Decision {
        let taken = sent.filter { $0.sequence <= acknowledgement.lanes[$0.lane] ?? 0 }
        guard !taken.isEmpty else {
            // Nothing of it was new to the log's order. The spool compares the numbers with its own and may take a new identity.
            var decision = failure(.failed, "the aggregator took none of the \(sent.count) batches: its numbers and ours do not fit")
            decision.action = .acknowledge(acknowledgement)
            return decision
        }
        (failuresInARow, setAsideInARow, renewedInARow) = (0, 0, 0)
        singlesLeft = max(0, singlesLeft - taken.count)
        if took >= ShippingLimits.slowAnswer {
            shrink()
        } else if took <= ShippingLimits.quickAnswer, singlesLeft == 0 {
            bytesMax = min(bytesMax * 2, ShippingLimits.bytesMax)
        }
        return Decision(action: .acknowledge(acknowledgement), pause: .none, problem: nil, outcome: .acknowledged)
    }

    /// One of the batches is bad. Which one is found by sending them one at a time.
    private mutating func refused(_ detail: String, _ sent: [Sent]) -> Decision {
        guard sent.count == 1 else {
            singlesLeft = sent.count
            return Decision(action: .keep, pause: .none, problem: "the aggregator refused a batch: \(detail)", outcome: .refused)
        }
        return setAside("the aggregator refused it: \(detail)", .refused)
    }

    private mutating func tooLarge(_ detail: String, _ sent: [Sent]) -> Decision {
        guard sent.count == 1 else {
            bytesMax = max(1, sent.reduce(0) { $0 + $1.bytes } / 2)
            return Decision(action: .keep, pause: .none, problem: "the POST was too large: \(detail)", outcome: .tooLarge)
        }
        let reason = "it is too large for the aggregator (\(sent[0].bytes) bytes; \(detail))"
        return Decision(action: .split(reason: reason), pause: .none, problem: "the POST was too large: \(detail)", outcome: .tooLarge)
    }

    /// The conflict cost the agent's id.
    mutating func afterRenewal() {
        renewedInARow += 1
        singlesLeft = 0
    }

    /// The batch could not be divided.
    mutating func afterFailedSplit(_ reason: String) -> Decision { setAside(reason, .tooLarge) }

    private mutating func setAside(_ reason: String, _ outcome: Outcome) -> Decision {
        setAsideInARow += 1
        singlesLeft = max(0, singlesLeft - 1)
        var pause = Pause.none
        if setAsideInARow > ShippingLimits.setAsideInARowMax {
            failuresInARow += 1
            pause = .upTo(ShippingLimits.backoff.ceiling(afterFailures: failuresInARow))
        }
        return Decision(action: .setAside(reason: reason), pause: pause, problem: "a batch was set aside: \(reason)", outcome: outcome)
    }

    private mutating func conflict(_ detail: String, _ sent: [Sent]) -> Decision {
        // Some of them may be there already, from before or from a copy. One at a time they are acknowledged up to the one that differs, and
        // are not sent a second time under another id.
        guard sent.count == 1 else {
            singlesLeft = sent.count
            return Decision(action: .keep, pause: .none, problem: "conflict: \(detail)", outcome: .conflict)
        }
        singlesLeft = max(0, singlesLeft - 1)
        guard renewedInARow > 0 else {
            return Decision(action: .resolveConflict(reason: detail), pause: .none, problem: "conflict: \(detail)", outcome: .conflict)
        }
        // A new identity cannot be known there. Taking one after the other would only hide what is wrong.
        return failure(.conflict, "the aggregator answers 409 even to a new agent id: \(detail)")
    }

    private mutating func shrink() { bytesMax = max(ShippingLimits.bytesMin, bytesMax / 2) }
}
