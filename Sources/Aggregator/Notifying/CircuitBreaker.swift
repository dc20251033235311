import Telemetry

/// Whether a channel is worth trying. It opens after some failures in a row; from then on one delivery at a time, a probe, finds out whether
/// somebody answers again, at growing distances. Pure.
struct CircuitBreaker: Sendable, Hashable {
    enum State: Sendable, Hashable {
        case closed
        /// Nothing goes out before this moment.
        case open(until: Timestamp)
        /// One delivery is under way, to see.
        case halfOpen
    }

    private(set) var state = State.closed
    private(set) var failuresInARow = 0
    private(set) var lastReply: String?
    /// Since when it has not been closed.
    private(set) var downSince: Timestamp?
    /// Probes that failed since then.
    private var failedProbes = 0

    var isClosed: Bool { state == .closed }

    /// After a restart: it was open, and whoever is next may try at once.
    init(downSince: Timestamp? = nil, lastReply: String? = nil, at now: Timestamp = Timestamp(nanoseconds: 0)) {
        guard let downSince else { return }
        (state, self.downSince, self.lastReply) = (.open(until: now), downSince, lastReply)
    }

    /// How many more deliveries may begin now.
    /// - Parameter free: places of the channel that are not taken.
    func allowance(at now: Timestamp, free: Int) -> Int {
        switch state {
        case .closed: free
        case .open(let until): now >= until ? min(1, free) : 0
        case .halfOpen: 0
        }
    }

    /// When a delivery may begin at the earliest; nil: not before one that is under way has ended.
    func earliest(_ moment: Timestamp) -> Timestamp? {
        switch state {
        case .closed: moment
        case .open(let until): max(moment, until)
        case .halfOpen: nil
        }
    }

    /// A delivery begins.
    mutating func begin() { if case .open = state { state = .halfOpen } }

    /// A delivery was cut short by us: as if it had not begun.
    mutating func putBack(at now: Timestamp) { if state == .halfOpen { state = .open(until: now) } }

    /// Somebody answered.
    /// - Parameter reply: what a refusal said; nil when it was taken.
    mutating func answer(_ reply: String? = nil) { self = CircuitBreaker(lastReply: reply) }

    private init(lastReply: String?) { self.lastReply = lastReply }

    /// A delivery failed and is tried again. True when this opens the breaker.
    /// - Parameter askedToWait: what the provider asked for.
    mutating func fail(_ reply: String, at now: Timestamp, askedToWait: Duration?, settings: OutboxConfig) -> Bool {
        failuresInARow += 1
        lastReply = reply
        let opens: Bool
        switch state {
        case .closed:
            guard failuresInARow >= settings.breakerFailures else { return false }
            (downSince, opens) = (now, true)
        case .halfOpen: (failedProbes, opens) = (failedProbes + 1, false)
        // Began before it opened.
        case .open: return false
        }
        let wait = min(settings.breakerWaitMax, settings.breakerWait * (1 << min(failedProbes, 10)))
        state = .open(until: now.advanced(by: max(wait, min(askedToWait ?? .zero, NotifyingLimits.channelHeldMax))))
        return opens
    }
}

/// `outbox`: how the outbox treats its channels.
package struct OutboxConfig: Sendable, Hashable {
    /// How long a notification is tried before it has failed.
    package var retryFor: Duration
    /// Failures in a row after which a channel counts as down.
    package var breakerFailures: Int
    /// From the failure that opens a channel's breaker to the first probe; later ones come at twice the distance of the one before.
    package var breakerWait: Duration
    /// The longest time between two probes of a channel that is down.
    package var breakerWaitMax: Duration
    /// When a channel is back after it was down for at least so long…
    package var digestAfter: Duration
    /// …and more notifications than this wait for it, they are told as one digest.
    package var digestAbove: Int

    package init(
        retryFor: Duration = NotifyingLimits.retryFor,
        breakerFailures: Int = 5,
        breakerWait: Duration = .seconds(5),
        breakerWaitMax: Duration = .seconds(60),
        digestAfter: Duration = .seconds(60),
        digestAbove: Int = 20
    ) {
        (self.retryFor, self.breakerFailures, self.breakerWait, self.breakerWaitMax) = (retryFor, breakerFailures, breakerWait, breakerWaitMax)
        (self.digestAfter, self.digestAbove) = (digestAfter, digestAbove)
    }
}
