import Expressions
import Rules
import Telemetry

extension RuleBook {
    /// In the order of the files.
    var evaluated: [EvaluatedGroup] {
        groups.map { slot in
            EvaluatedGroup(
                name: slot.group.name,
                file: slot.group.file,
                interval: slot.schedule.interval,
                limit: slot.group.limit ?? 0,
                rules: slot.rules.map(\.evaluated),
                lastEvaluation: slot.lastEvaluation,
                evaluationTime: slot.evaluationTime,
                missed: slot.missed
            )
        }
    }

    /// Rules without a result, each a sentence; empty when all is well.
    var problems: [String] {
        groups.flatMap { group in
            group.rules.compactMap { slot in
                slot.lastError.map {
                    "rule \(slot.rule.name) (\(group.group.file):\(slot.rule.line), group \(group.group.name)) has no result: \($0)"
                }
            }
        }
    }
}

extension RuleBook.RuleSlot {
    var evaluated: EvaluatedRule {
        switch rule {
        case .alerting(let alerting):
            EvaluatedRule(
                kind: .alerting,
                name: alerting.name,
                expression: alerting.expression.text,
                holdDuration: alerting.holdDuration,
                keepFiringFor: alerting.keepFiringFor,
                labels: Labels(alerting.labels.map { Label($0.name, $0.template.text) }),
                annotations: Labels(alerting.annotations.map { Label($0.name, $0.template.text) }),
                health: health,
                lastError: lastError,
                lastEvaluation: lastEvaluation,
                evaluationTime: evaluationTime,
                alerts: (state?.alerts ?? []).filter { $0.state != .resolved }
            )
        case .recording(let recording):
            EvaluatedRule(
                kind: .recording,
                name: recording.name,
                expression: recording.expression.text,
                labels: recording.labels,
                health: health,
                lastError: lastError,
                lastEvaluation: lastEvaluation,
                evaluationTime: evaluationTime
            )
        }
    }
}
