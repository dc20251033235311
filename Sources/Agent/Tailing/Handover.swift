import Logging
import Operating
import ServiceLifecycle
import Telemetry

/// Offers an intake to the next room until it is taken, for the inputs that are no files.
struct Handover: Sendable {
    let sink: any Sink<Intake>
    let time: any TimeSource
    let logger: Logger

    enum Outcome: Sendable, Equatable {
        /// - Parameter failures: how often it was refused before.
        case taken(failures: Int)
        /// The next room has stopped, or we are to.
        case stopped
    }

    private static let backoff = Backoff(base: .milliseconds(100), cap: .seconds(10))

    func deliver(_ intake: Intake, from input: String, unless isStopping: @Sendable () -> Bool) async -> Outcome {
        var generator = SystemRandomNumberGenerator()
        var failures = 0
        while true {
            do throws(SinkError) {
                try await sink.accept(intake)
                return .taken(failures: failures)
            } catch {
                guard case .failed(let reason) = error else { return .stopped }
                failures += 1
                logger.warning(
                    "messages wait: the next room does not take them",
                    metadata: ["input": "\(input)", "messages": "\(intake.events.count)", "problem": "\(reason)"]
                )
                let pause = Self.backoff.delay(afterFailures: failures, using: &generator)
                do {
                    try await cancelWhenGracefulShutdown { try await time.sleep(for: pause) }
                } catch { return .stopped }
                if isStopping() { return .stopped }
            }
        }
    }
}
