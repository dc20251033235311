import Operating
import Telemetry

extension Notifier {
    /// Why nobody is told at present, by this room's own fault; nil: it works.
    package func stuck() async -> String? {
        if let problem { return "notifications cannot be stored: \(problem)" }
        guard let deadline = nextDeadline else { return nil }
        let overdue = time.now().duration(since: deadline)
        return overdue > NotifyingLimits.stuckAfter ? "what was due at \(deadline) is not done" : nil
    }
}
