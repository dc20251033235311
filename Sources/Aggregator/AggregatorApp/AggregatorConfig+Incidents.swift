import Configuring
import Correlating
import Matching
import Rules
import Telemetry

extension AggregatorConfig {
    static let patternsMax = 200
    /// An hour: what held longer ago pages nobody.
    static let allowedLateness: ClosedRange<Duration> = .zero ... .seconds(3600)

    /// `incidents:`, what belongs together besides the alerts of one host.
    mutating func readIncidents(_ reader: ConfigReader) {
        let time: ClosedRange<Duration> = .zero ... .seconds(7 * 86_400)
        let kept: ClosedRange<Duration> = .seconds(3600) ... .seconds(3650 * 86_400)
        var incidents = correlating.incidents
        incidents.groupBy = reader.strings("group_by") ?? incidents.groupBy
        incidents.window = reader.duration("window", default: incidents.window, in: time)
        incidents.timeout = reader.duration("timeout", default: incidents.timeout, in: .seconds(10) ... .seconds(7 * 86_400))
        incidents.changes = reader.strings("changes") ?? incidents.changes
        incidents.changesBefore = reader.duration("changes_before", default: incidents.changesBefore, in: time)
        incidents.keep = reader.duration("keep", default: incidents.keep, in: kept)
        incidents.countMax = reader.integer("max", default: incidents.countMax, in: 100...1_000_000)
        let lateness = reader.duration("allowed_lateness", default: IncidentPattern.allowedLatenessDefault, in: Self.allowedLateness)
        var names: Set<String> = []
        for section in reader.sections("patterns") {
            guard let pattern = readPattern(section, allowedLateness: lateness) else { continue }
            if !names.insert(pattern.name).inserted {
                section.report("name", "\"\(pattern.name)\" stands there twice", "give each pattern its own name")
            }
            incidents.patterns.append(pattern)
        }
        if incidents.patterns.count > Self.patternsMax {
            reader.report("patterns", "\(incidents.patterns.count) patterns are looked for in every event", "write at most \(Self.patternsMax)")
        }
        correlating.incidents = incidents
        reader.finish()
    }

    private func readPattern(_ reader: ConfigReader, allowedLateness: Duration) -> IncidentPattern? {
        defer { reader.finish() }
        let lateness = reader.duration("allowed_lateness", default: allowedLateness, in: Self.allowedLateness)
        let name = reader.requiredString("name")
        let within = reader.optionalDuration("within", in: .seconds(1) ... .seconds(86_400))
        if !reader.has("within") { reader.report("within", "missing", "write within: 5m") }
        let given = ["then", "missing", "count"].filter { reader.has($0) }
        let (by, hasAlert) = (reader.strings("by") ?? ["host"], reader.has("alert"))
        guard reader.has("first") else {
            reader.report("first", "missing", "write first: {type: deploy.finished}, or any other match")
            return nil
        }
        let first = readMatch(reader.section("first"))
        var shape: IncidentPattern.Shape?
        switch given {
        case ["then"]: shape = readMatch(reader.section("then")).map { .followed(by: $0) }
        case ["missing"]: shape = readMatch(reader.section("missing")).map { .missing($0) }
        case ["count"]: shape = .repeated(reader.integer("count", default: 2, in: 2...1_000))
        default:
            let said = given.isEmpty ? "it says nothing of what follows" : "\(given.joined(separator: " and ")) exclude each other"
            reader.report("", said, "write one of then: {…}, missing: {…}, count: N")
        }
        let alert = hasAlert ? readAlert(reader.section("alert"), within: within ?? .seconds(300)) : nil
        guard let first, let shape, let within, !name.isEmpty else { return nil }
        return IncidentPattern(name: name, first: first, shape: shape, within: within, by: by, alert: alert, allowedLateness: lateness)
    }

    private func readMatch(_ reader: ConfigReader) -> EventMatch? {
        defer { reader.finish() }
        var match = EventMatch(source: reader.string("source"), type: reader.string("type"), host: reader.string("host"))
        match.severity = reader.parsed("severity", expecting: "one of debug, info, warning, error, critical") { Severity(label: $0) }
        match.tags = reader.strings("tags") ?? []
        match.labels = Labels((reader.map("labels") ?? []).map { Label($0.key, $0.value) })
        match.alert = reader.string("alert")
        match.state = reader.choice("state", [("firing", .firing), ("resolved", .resolved)], default: .firing)
        if let text = reader.string("message") {
            do throws(PatternError) { match.message = try Pattern(text) } catch {
                reader.report("message", "\(error)", "write a regular expression of RE2's language")
            }
        }
        if match.alert != nil, match.source != nil || match.type != nil || match.severity != nil || match.message != nil || !match.tags.isEmpty {
            reader.report("alert", "an alert has no source, type, severity, message or tags", "match it by alert, state, host and labels")
        }
        if match == EventMatch() {
            reader.report("", "it would match every event", "write source, type, severity, host, message, tags, labels or alert")
            return nil
        }
        return match
    }

    private func readAlert(_ reader: ConfigReader, within: Duration) -> IncidentPattern.AlertSpec? {
        defer { reader.finish() }
        let name = reader.requiredString("name")
        let labels = Labels((reader.map("labels") ?? []).map { Label($0.key, $0.value) })
        var annotations: [String: Template] = [:]
        for (key, value, _) in reader.map("annotations") ?? [] {
            do throws(TemplateError) { annotations[key] = try Template(value) } catch {
                reader.report("annotations", "\(key): \(error.problem)", error.remedy)
            }
        }
        let keep = reader.duration("keep_firing_for", default: max(within, .seconds(300)), in: .seconds(1) ... .seconds(7 * 86_400))
        return name.isEmpty ? nil : IncidentPattern.AlertSpec(name: name, labels: labels, annotations: annotations, keepFiringFor: keep)
    }
}
