import Synchronization

/// How many bytes of bodies, inflated ones included, all requests together may hold. Without it a thousand connections with a body of
/// 16 MiB each would be 16 GiB.
package final class BodyBudget: Sendable {
    /// Default: 256 MiB.
    package static let bytesMaxDefault = 256 << 20

    package let bytesMax: Int
    private let held = Mutex(0)

    package init(bytesMax: Int = BodyBudget.bytesMaxDefault) { self.bytesMax = bytesMax }

    package var bytesHeld: Int { held.withLock { $0 } }

    /// A request's share, empty at first; it goes back when the share is released.
    package func share() -> Share { Share(of: self) }

    package final class Share: Sendable {
        private let budget: BodyBudget
        private let bytes = Mutex(0)

        fileprivate init(of budget: BodyBudget) { self.budget = budget }

        deinit { budget.give(back: bytes.withLock { $0 }) }

        /// False when the budget is used up; nothing is taken then. One request alone always gets what it asks for, or a small budget
        /// could never serve a large body.
        package func take(_ count: Int) -> Bool {
            let own = bytes.withLock { $0 }
            guard budget.take(count, own: own) else { return false }
            bytes.withLock { $0 += count }
            return true
        }

        /// What was taken and is not needed any more.
        package func give(back count: Int) {
            bytes.withLock { $0 -= count }
            budget.give(back: count)
        }
    }

    private func take(_ count: Int, own: Int) -> Bool {
        held.withLock { held in
            guard held + count <= bytesMax || held == own else { return false }
            held += count
            return true
        }
    }

    private func give(back count: Int) { held.withLock { $0 -= count } }
}
