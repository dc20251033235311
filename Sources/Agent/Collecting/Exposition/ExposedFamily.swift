package import Telemetry

/// A metric family of a text, with its samples in the text's order.
package struct ExposedFamily: Sendable, Hashable {
    package let name: String
    /// Nil: the text says nothing about it.
    package internal(set) var help: String?
    package internal(set) var kind = MetricKind.untyped
    package internal(set) var samples: [ExposedSample] = []
    /// Of its first mention, from 1.
    package let line: Int
    var isTyped = false

    init(name: String, line: Int) { (self.name, self.line) = (name, line) }

    /// What a family's samples may be called besides its own name.
    static let suffixes: [(suffix: String, kinds: Set<MetricKind>)] = [
        ("_bucket", [.histogram]), ("_sum", [.histogram, .summary]), ("_count", [.histogram, .summary]),
    ]

    /// A histogram must be one and a summary too: a bucket that is missing makes quantiles that nobody measured.
    func checkShape() throws(ExpositionError) {
        switch kind {
        case .counter, .gauge, .untyped: return
        case .histogram: try checkHistogram()
        case .summary:
            for sample in samples where sample.series.name == name { _ = try sample.number(of: "quantile") }
        }
    }

    private struct Buckets {
        var bounds: [(le: Double, count: Double)] = []
        var count: Double?
        var line = 0
    }

    private func checkHistogram() throws(ExpositionError) {
        var groups: [Labels: Buckets] = [:]
        for sample in samples {
            let rest = sample.series.removing([Labels.metricName, "le"])
            switch sample.series.name {
            case name + "_bucket":
                groups[rest, default: Buckets()].bounds.append((try sample.number(of: "le"), sample.value))
            case name + "_count": groups[rest, default: Buckets()].count = sample.value
            case name + "_sum": break
            default: throw ExpositionError(sample.line, "\(name) is a histogram: its samples are \(name)_bucket, \(name)_sum and \(name)_count")
            }
            groups[rest, default: Buckets()].line = sample.line
        }
        for group in groups.values.sorted(by: { $0.line < $1.line }) {
            let bounds = group.bounds.sorted { $0.le < $1.le }
            guard let last = bounds.last, last.le == .infinity else {
                throw ExpositionError(group.line, "the histogram \(name) has no bucket le=\"+Inf\"")
            }
            // Not >=: a count that is NaN is not in order either.
            guard zip(bounds, bounds.dropFirst()).allSatisfy({ $0.count <= $1.count && $0.le < $1.le }) else {
                throw ExpositionError(group.line, "the buckets of the histogram \(name) do not grow with le")
            }
            if let count = group.count, count != last.count {
                throw ExpositionError(group.line, "\(name)_count is \(count), its bucket le=\"+Inf\" is \(last.count)")
            }
        }
    }
}

package struct ExposedSample: Sendable, Hashable {
    package let series: Labels
    package let value: Double
    /// Nil: now, as almost always.
    package let timestampMs: Int64?
    /// From 1.
    package let line: Int

    /// A bucket's bound or a quantile.
    fileprivate func number(of label: String) throws(ExpositionError) -> Double {
        guard let text = series[label] else { throw ExpositionError(line, "\(series) has no label \(label)") }
        let bytes = Array(text.utf8)
        guard let number = bytes.span.exposedNumber(in: 0..<bytes.count), !number.isNaN else {
            throw ExpositionError(line, "\(label)=\"\(text)\" is no number")
        }
        return number
    }
}
