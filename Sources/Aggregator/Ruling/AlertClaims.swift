import Expressions
import Rules
import Telemetry

/// An alert of a rule as the file keeps it: pending or firing.
struct StoredRuleAlert: Sendable, Hashable {
    var group: GroupID
    /// The rule's name.
    var rule: String
    var alert: Alert
}

/// Which rule goes on with an alert from before a restart or a reload. Rules have no identifier: the first claim has the rule of the same group with the same
/// expression, then one of the same group whose expression was changed, then one of the same name in another group. Pure.
struct AlertClaims {
    private var rest: [String: [StoredRuleAlert]]
    private var claims: [GroupID: [Int: [Alert]]] = [:]

    init(_ stored: [StoredRuleAlert]) { rest = Dictionary(grouping: stored, by: \.rule) }

    mutating func settle(_ groups: [RuleGroup]) {
        guard !rest.isEmpty else { return }
        let grounds: [(StoredRuleAlert, GroupID, AlertingRule) -> Bool] = [
            { $0.group == $1 && $0.alert.expression == $2.expression.text },
            { stored, id, _ in stored.group == id },
            { _, _, _ in true },
        ]
        for holds in grounds {
            for group in groups {
                let id = GroupID(group)
                for (index, rule) in group.rules.enumerated() {
                    guard case .alerting(let alerting) = rule, let candidates = rest[alerting.name] else { continue }
                    var others = candidates
                    let first = others.partition { alerting.mayOwn($0.alert) && holds($0, id, alerting) }
                    let mine = others[first...]
                    guard !mine.isEmpty else { continue }
                    rest[alerting.name] = Array(others[..<first])
                    claims[id, default: [:]][index, default: []] += mine.map(\.alert)
                }
            }
        }
    }

    func alerts(of group: GroupID, rule: Int) -> [Alert] { claims[group]?[rule] ?? [] }
}

extension Rule {
    /// The same rule wherever it stands in its file.
    var unplaced: Rule {
        switch self {
        case .alerting(let rule):
            .alerting(
                AlertingRule(
                    name: rule.name,
                    expression: rule.expression,
                    holdDuration: rule.holdDuration,
                    keepFiringFor: rule.keepFiringFor,
                    labels: rule.labels,
                    annotations: rule.annotations
                )
            )
        case .recording(let rule): .recording(RecordingRule(name: rule.name, expression: rule.expression, labels: rule.labels))
        }
    }
}
