import Operating
import ServiceLifecycle
import Synchronization
import Telemetry

/// Asks where files stood: first while they wait, then beside their reading, until there is an answer.
final class PositionAsker: Sendable {
    enum Outcome: Sendable {
        /// There is nobody to ask.
        case nobody
        case known(KnownFiles)
        /// Not in time.
        case noAnswer
    }

    private struct Inquiry {
        /// For the operator; nil: nothing is asked.
        var state: String?
        /// Came while files are read already.
        var answer: KnownFiles?
    }

    let question: PositionQuestion
    private let time: any TimeSource
    private let inquiry = Mutex(Inquiry())
    /// Rings when files are read without an answer.
    private let isLate = Bell()

    private static let firstPauses = Backoff(base: .milliseconds(200), cap: .seconds(2))
    private static let latePauses = Backoff(base: .seconds(1), cap: .seconds(30))
    /// For one attempt: a link that is silent must not use up the patience.
    private static let attemptLimit = Duration.seconds(5)

    init(_ question: PositionQuestion, time: any TimeSource) { (self.question, self.time) = (question, time) }

    var state: String? { inquiry.withLock { $0.state } }

    /// Asks again and again, as long as the question's patience lasts.
    func ask(while goesOn: () -> Bool) async -> Outcome {
        guard let ask = question.ask else { return .nobody }
        let deadline = time.monotonic() + question.patience
        let waits = "no file is read for up to \(question.patience) while the aggregator is asked where each stood: the spool is new"
        var generator = SystemRandomNumberGenerator()
        var failures = 0
        tell(waits, nil)
        while goesOn() {
            let left = deadline - time.monotonic()
            guard left > .zero else { break }
            do {
                let known = try await ask(min(left, Self.attemptLimit))
                inquiry.withLock { $0.state = nil }
                return .known(known)
            } catch {
                failures += 1
                tell(waits, "\(error)")
                let pause = min(Self.firstPauses.delay(afterFailures: failures, using: &generator), deadline - time.monotonic())
                if pause > .zero { try? await cancelWhenGracefulShutdown { [time] in try await time.sleep(for: pause) } }
            }
        }
        return .noAnswer
    }

    /// From now on files are read, and ``keepAsking()`` has something to do.
    func askBeside() { isLate.ring() }

    /// Returns with the answer, or when the task is cancelled.
    func keepAsking() async {
        await isLate.wait(after: 0)
        guard let ask = question.ask else { return }
        var generator = SystemRandomNumberGenerator()
        var failures = 0
        while !Task.isCancelled {
            do {
                let known = try await ask(Self.attemptLimit)
                return inquiry.withLock { $0 = Inquiry(state: nil, answer: known) }
            } catch {
                failures += 1
                tell("files were begun as start says: the spool is new, and the aggregator has not said yet where each stood", "\(error)")
                try? await time.sleep(for: Self.latePauses.delay(afterFailures: failures, using: &generator))
            }
        }
    }

    /// Once.
    func takeLateAnswer() -> KnownFiles? {
        inquiry.withLock { inquiry in
            defer { inquiry.answer = nil }
            return inquiry.answer
        }
    }

    private func tell(_ what: String, _ reason: String?) { inquiry.withLock { $0.state = what + (reason.map { " (\($0))" } ?? "") } }
}
