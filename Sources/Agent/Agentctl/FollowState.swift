import Operating
import Transferring

/// What following a stream does after a connection has ended: pure, so that tests need no network.
struct FollowState {
    enum Outcome {
        /// The answer has ended, or the connection broke off, after a stream had begun.
        case ended(String)
        /// There was no stream: an answer of another status.
        case refused(status: Int, retryAfter: Duration?, String)
        case failed(TransferError)
    }

    enum Action: Equatable {
        /// Says why, and connects again after the wait.
        case connect(after: Duration, String)
        /// Trying again would not help.
        case fail(String)
    }

    /// After the first second: an aggregator that restarts is there again soon, and hundreds of terminals must not come at once.
    private static let backoff = Backoff(base: .seconds(1), cap: .seconds(30))

    private var failures = 0
    private var hasFollowed = false

    /// Something came: what fails next is the first failure.
    mutating func heard() { (failures, hasFollowed) = (0, true) }

    mutating func after(_ outcome: Outcome, using generator: inout some RandomNumberGenerator) -> Action {
        failures += 1
        let wait = max(.milliseconds(100), Self.backoff.delay(afterFailures: failures, using: &generator))
        switch outcome {
        case .ended(let why): return .connect(after: wait, why)
        case .refused(let status, let retryAfter, let why):
            // Over a limit, or stopping: the only ones that pass by themselves.
            guard status == 429 || status == 503 || (status >= 500 && hasFollowed) else { return .fail(why) }
            return .connect(after: max(wait, retryAfter ?? .zero), why)
        case .failed(let error):
            switch error {
            case .invalid, .tls, .responseTooLarge, .rejected, .unauthenticated, .cancelled: return .fail("\(error)")
            // Who was never there is more likely a wrong address than an aggregator that restarts.
            case .unresolved, .unreachable, .timeout, .interrupted, .busy: return hasFollowed ? .connect(after: wait, "\(error)") : .fail("\(error)")
            }
        }
    }
}
