import Telemetry

/// Alerts that match `target` are not told while one that matches `source` fires with the same values of the labels in `equal`.
package struct InhibitRule: Sendable {
    package var source: [AlertMatcher]
    package var target: [AlertMatcher]
    package var equal: [String]

    package init(source: [AlertMatcher], target: [AlertMatcher], equal: [String] = []) {
        (self.source, self.target, self.equal) = (source, target, equal)
    }
}

/// The firing alerts that inhibit others, found by the values of the labels that must be equal.
struct Inhibitor: Sendable {
    private let rules: [InhibitRule]
    /// Per rule: the values of `equal` to the sources that fire with them.
    private var sources: [[[String]: [UInt64: Labels]]]

    init(rules: [InhibitRule]) {
        self.rules = rules
        sources = Array(repeating: [:], count: rules.count)
    }

    mutating func add(_ labels: Labels, fingerprint: UInt64) {
        for (index, rule) in rules.enumerated() where rule.source.hold(for: labels) {
            sources[index][Inhibitor.values(of: rule, labels), default: [:]][fingerprint] = labels
        }
    }

    mutating func remove(_ labels: Labels, fingerprint: UInt64) {
        for (index, rule) in rules.enumerated() {
            let values = Inhibitor.values(of: rule, labels)
            sources[index][values]?[fingerprint] = nil
            if sources[index][values]?.isEmpty == true { sources[index][values] = nil }
        }
    }

    /// The labels of an alert that inhibits this one; nil: none does.
    func source(inhibiting labels: Labels, fingerprint: UInt64) -> Labels? {
        for (index, rule) in rules.enumerated() where rule.target.hold(for: labels) {
            guard let candidates = sources[index][Inhibitor.values(of: rule, labels)] else { continue }
            // An alert that is both source and target is not inhibited by another such one, nor by itself: as in Alertmanager.
            let isAlsoSource = rule.source.hold(for: labels)
            for (candidate, source) in candidates where candidate != fingerprint {
                if !(isAlsoSource && rule.target.hold(for: source)) { return source }
            }
        }
        return nil
    }

    /// Fingerprints of all that inhibit this one, each once.
    func sources(inhibiting labels: Labels, fingerprint: UInt64) -> [UInt64] {
        var found: Set<UInt64> = []
        for (index, rule) in rules.enumerated() where rule.target.hold(for: labels) {
            let isAlsoSource = rule.source.hold(for: labels)
            for (candidate, source) in sources[index][Inhibitor.values(of: rule, labels)] ?? [:] where candidate != fingerprint {
                if !(isAlsoSource && rule.target.hold(for: source)) { found.insert(candidate) }
            }
        }
        return found.sorted()
    }

    private static func values(of rule: InhibitRule, _ labels: Labels) -> [String] { rule.equal.map { labels[$0] ?? "" } }
}
