/// What the sender of a submission is told when it was taken: everything in it is on disk.
package enum Receipt: Sendable, Hashable {
    /// To an agent: the highest durable sequence of each of its lanes. A repeat gets the same answer. A batch whose sequence was not the
    /// next one is not stored and not acknowledged, so that the agent sends again from behind the acknowledged one.
    case lanes(Acknowledgement)
    /// To a JSON client: the identifiers of its events in order; `isRepeat` when an idempotency key was known already.
    case events(ids: [UUID], isRepeat: Bool)
}

/// Why a submission was not taken. Of a JSON client's request nothing was stored; of an agent's request the batches before the refused
/// one may be stored, and their repeats will be recognised.
package enum Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The sender may not do this: the token's role or host does not allow it.
    case forbidden(String)
    /// The same sequence is known with another checksum: a cloned or restored spool.
    case conflict(String)
    /// Over a rate limit; nothing is lost when the sender waits.
    case rateLimited(retryAfter: Duration, String)
    /// Understood, but never acceptable: a broken block, too many label sets, a time that cannot be.
    case unacceptable(String)
    /// The idempotency key is known, and stands for another request.
    case keyReused(String)
    /// The log cannot take it now (full, busy, stopping).
    case unavailable(retryAfter: Duration, String)

    package var description: String {
        switch self {
        case .forbidden(let detail), .conflict(let detail), .unacceptable(let detail), .keyReused(let detail): detail
        case .rateLimited(_, let detail), .unavailable(_, let detail): detail
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .forbidden: "forbidden"
        case .conflict: "conflict"
        case .rateLimited: "rate_limited"
        case .unacceptable: "unacceptable"
        case .keyReused: "key_reused"
        case .unavailable: "unavailable"
        }
    }
}

/// The door of Admitting: what Receiving hands over is checked, counted against its limits, and stored before this returns.
package protocol SubmissionAdmitting: Sendable {
    func admit(_ submission: Submission) async throws(Refusal) -> Receipt
}
