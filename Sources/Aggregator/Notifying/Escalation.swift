import Configuring
import Telemetry

/// A step of a route's `escalate`: a receiver that is told when nobody has acknowledged for so long.
package struct EscalationStep: Sendable, Hashable {
    /// Since the group was told for the first time.
    package var after: Duration
    /// A receiver's name, or `oncall:NAME`.
    package var receiver: String

    package init(after: Duration, receiver: String) { (self.after, self.receiver) = (after, receiver) }
}

/// How far a group's escalation has come. Stored with the group, so that a restart does not begin it anew.
struct Escalation: Sendable, Hashable {
    /// When people were told of an alert that nobody has acknowledged.
    var since: Timestamp
    /// Steps taken.
    var step = 0

    /// When the next step is due; nil: there is none.
    func next(of steps: [EscalationStep]) -> Timestamp? { step < steps.count ? since.advanced(by: steps[step].after) : nil }
}

extension EscalationStep {
    /// `escalate: [{after: 10m, receiver: NAME}]`. Nil where the key is missing: as the parent; an empty list ends what the parent says.
    static func readAll(_ reader: ConfigReader, receivers: [String]) -> [EscalationStep]? {
        guard reader.has("escalate") else { return nil }
        var steps: [EscalationStep] = []
        for section in reader.sections("escalate") {
            let receiver = section.requiredString("receiver")
            if !receiver.isEmpty, !receivers.contains(receiver) {
                let known = receivers.filter { !$0.isEmpty }.joined(separator: ", ")
                section.report("receiver", "there is no receiver \"\(receiver)\"", "write one of \(known)")
            }
            if !section.has("after") { section.report("after", "missing", "write after: 10m") }
            let after = section.duration("after", default: .seconds(600), in: .seconds(1) ... .seconds(7 * 86_400))
            if let last = steps.last, after <= last.after {
                section.report("after", "it is not after the step before", "write steps in the order of their times, each since the first message")
            }
            if steps.count >= NotifyingLimits.escalationStepsMax {
                section.report("", "there are more than \(NotifyingLimits.escalationStepsMax) steps", "use fewer")
            }
            steps.append(EscalationStep(after: after, receiver: receiver))
            section.finish()
        }
        return steps
    }
}
