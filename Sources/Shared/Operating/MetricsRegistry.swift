import Synchronization
package import Telemetry

/// What a program counts about itself. Rooms ask once for their counters and gauges and keep them; counting is one atomic instruction.
///
/// The same name and labels give the same counter again, so two places may count together.
package final class MetricsRegistry: Sendable {
    /// Most series of one registry: more than ten times what we count, so that a label with a value out of control is bounded. What is over it
    /// is counted nowhere but in `tocsin_metrics_series_refused_total`.
    package static let seriesMax = 5_000

    private struct Family {
        let kind: MetricKind
        let help: String
        var members: [Labels: Member] = [:]
    }

    private enum Member {
        case counter(Counter)
        case gauge(Gauge)

        var value: Double {
            switch self {
            case .counter(let counter): Double(counter.value)
            case .gauge(let gauge): gauge.value
            }
        }
    }

    private struct State {
        var families: [String: Family] = [:]
        var seriesCount = 0
        /// Every series in the order of ``MetricsRegistry/samples(at:)``, made when it is asked for and none has come since: sorting them each time would
        /// cost more than counting.
        var rows: [(series: Labels, member: Member)]?
    }

    private let state = Mutex(State())
    private let refused = Counter()

    package init() {}

    /// A number that only grows, from 0.
    /// - Parameters:
    ///   - name: begins with `tocsin_` and ends in `_total`.
    ///   - help: a sentence for `# HELP`.
    ///   - labels: fixed words, never values from outside.
    package func counter(_ name: String, help: String, labels: [Label] = []) -> Counter {
        let member = member(name, .counter, help, labels) { .counter(Counter()) }
        guard case .counter(let counter)? = member else { return refuse(Counter()) }
        return counter
    }

    /// A number that goes up and down, from 0.
    package func gauge(_ name: String, help: String, labels: [Label] = []) -> Gauge {
        let member = member(name, .gauge, help, labels) { .gauge(Gauge()) }
        guard case .gauge(let gauge)? = member else { return refuse(Gauge()) }
        return gauge
    }

    /// Every series with its value now, sorted by name and labels.
    package func samples(at timestamp: Timestamp) -> [Sample] {
        // The one series that comes without being asked for.
        if refused.value > 0 {
            return snapshot().flatMap { family in
                family.members.map { Sample(series: Labels(name: family.name, $0.labels.pairs), timestamp: timestamp, value: $0.value) }
            }
        }
        let rows = state.withLock { state in
            if let rows = state.rows { return rows }
            let rows = state.families.sorted { $0.key < $1.key }.flatMap { name, family in
                family.members.sorted { $0.key.pairs.lexicographicallyPrecedes($1.key.pairs) }
                    .map { (series: Labels(name: name, $0.key.pairs), member: $0.value) }
            }
            state.rows = rows
            return rows
        }
        return rows.map { Sample(series: $0.series, timestamp: timestamp, value: $0.member.value) }
    }

    /// The Prometheus text format, version 0.0.4.
    package func prometheusText() -> String {
        var text = ""
        for family in snapshot() {
            let help = family.help.map { $0 == "\n" ? "\\n" : $0 == "\\" ? "\\\\" : String($0) }.joined()
            text += "# HELP \(family.name) \(help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for member in family.members {
                text += Labels(name: family.name, member.labels.pairs).description + " " + Self.format(member.value) + "\n"
            }
        }
        return text
    }

    /// A value as Prometheus writes it: whole numbers without a fraction, `NaN`, `+Inf`, `-Inf`.
    package static func format(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }

    // MARK: Inside

    private typealias Snapshot = (name: String, kind: MetricKind, help: String, members: [(labels: Labels, value: Double)])

    private func snapshot() -> [Snapshot] {
        var families: [Snapshot] = state.withLock { state in
            state.families.map { name, family in
                let members = family.members.map { (labels: $0.key, value: $0.value.value) }
                return (name, family.kind, family.help, members.sorted { $0.labels.pairs.lexicographicallyPrecedes($1.labels.pairs) })
            }
        }
        if refused.value > 0 {
            let help = "Series that were not counted because the registry is full."
            families.append(("tocsin_metrics_series_refused_total", .counter, help, [(.empty, Double(refused.value))]))
        }
        return families.sorted { $0.name < $1.name }
    }

    /// Nil when the registry is full, or when the name is known as another kind.
    private func member(_ name: String, _ kind: MetricKind, _ help: String, _ labels: [Label], make: () -> Member) -> Member? {
        precondition(name.hasPrefix("tocsin_"), "our own metrics begin with tocsin_")
        let labels = Labels(labels)
        return state.withLock { state in
            if let known = state.families[name] {
                guard known.kind == kind else { return nil }
                if let member = known.members[labels] { return member }
            }
            guard state.seriesCount < Self.seriesMax else { return nil }
            let member = make()
            state.families[name, default: Family(kind: kind, help: help)].members[labels] = member
            state.seriesCount += 1
            state.rows = nil
            return member
        }
    }

    /// The caller gets one that works but that nobody sees.
    private func refuse<Metric>(_ metric: Metric) -> Metric {
        refused.increment()
        return metric
    }
}

/// A number that only grows.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    package var value: UInt64 { count.load(ordering: .relaxed) }

    package func increment(by amount: Int = 1) {
        count.wrappingAdd(UInt64(max(0, amount)), ordering: .relaxed)
    }
}

/// A number that goes up and down.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    package init() {}

    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
}
