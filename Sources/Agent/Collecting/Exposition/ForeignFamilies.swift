import Telemetry

/// Families of several texts made one: the same name must mean the same kind everywhere, and a series comes from one text.
struct ForeignFamilies {
    /// Why a text's families cannot stand beside those of the texts before it.
    struct Conflict: Error {
        let line: Int
        let problem: String
    }

    private(set) var families: [MetricFamily] = []
    private var owners: [String: (kind: MetricKind, owner: String)] = [:]
    private var samples: [ExposedSample] = []
    private var seen: [Labels: String] = [:]

    /// Takes all of them or none.
    /// - Parameter owner: a file's path or a command's name, as the next conflict tells it.
    mutating func add(_ exposed: [ExposedFamily], from owner: String) throws(Conflict) {
        for family in exposed {
            if let first = owners[family.name], first.kind != family.kind {
                let problem = "\(family.name) is a \(family.kind.rawValue) here and a \(first.kind.rawValue) in \(first.owner)"
                throw Conflict(line: family.line, problem: problem)
            }
            for sample in family.samples {
                if let first = seen[sample.series] { throw Conflict(line: sample.line, problem: "\(sample.series) is in \(first) already") }
            }
        }
        for family in exposed {
            if owners[family.name] == nil {
                owners[family.name] = (family.kind, owner)
                families.append(MetricFamily(family.name, family.kind, family.help ?? "Metric read from \(owner)"))
            }
            for sample in family.samples { seen[sample.series] = owner }
            samples += family.samples
        }
    }

    var values: [(series: Labels, value: Double)] { samples.map { ($0.series, $0.value) } }
}
