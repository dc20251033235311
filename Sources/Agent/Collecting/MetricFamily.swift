package import Telemetry

/// A metric's name, meaning and kind: the `# HELP` and `# TYPE` lines of the Prometheus text format.
package struct MetricFamily: Sendable, Hashable {
    package let name: String
    package let help: String
    package let kind: MetricKind

    package init(_ name: String, _ kind: MetricKind, _ help: String) { (self.name, self.kind, self.help) = (name, kind, help) }

    /// One series of the family.
    func series(_ labels: Label...) -> Labels { Labels(name: name, labels) }
}
