package import Configuring
import Expressions
import Telemetry

/// A Prometheus rule file:
///
///     groups:
///       - name: disks
///         interval: 30s            # default: each collection
///         limit: 100               # alerts of one rule; default 1 000
///         rules:
///           - alert: DiskFull
///             expr: node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.05
///             for: 5m
///             keep_firing_for: 10m
///             labels: {severity: critical}
///             annotations: {summary: '{{ $labels.mountpoint }} is full'}
///           - record: instance:cpu:ratio
///             expr: …
///             labels: {team: infra}
package struct RuleFile: Sendable, Hashable {
    package let path: String
    /// The groups with the rules that are right; those with mistakes are left out and told as problems.
    package let groups: [RuleGroup]

    /// Reads a file; every mistake in it becomes a problem with its line.
    package static func load(path: String, problems: ConfigProblems) -> RuleFile {
        RuleFile(path: path, groups: groups(in: ConfigFile.load(path, problems: problems), path: path, problems: problems))
    }

    /// The same with the problems at hand: `agentctl rules check`.
    package static func load(path: String) -> (file: RuleFile, problems: [ConfigProblem]) {
        let problems = ConfigProblems()
        return (load(path: path, problems: problems), problems.all)
    }

    /// From a text, as if it stood in the file `path`.
    package static func parse(_ text: String, path: String, problems: ConfigProblems) -> RuleFile {
        do throws(YAMLError) {
            return RuleFile(path: path, groups: groups(in: try YAML.parse(text), path: path, problems: problems))
        } catch {
            problems.add(ConfigProblem(file: path, line: error.line, key: "", problem: error.problem, remedy: error.remedy))
            return RuleFile(path: path, groups: [])
        }
    }

    /// The groups of `rule_files`: paths and globs, each file once. A path without glob characters must exist; a glob may match nothing.
    package static func load(patterns: [String], problems: ConfigProblems) -> [RuleGroup] {
        var (seen, groups): (Set<String>, [RuleGroup]) = ([], [])
        for path in patterns.flatMap({ ConfigFile.matches(of: $0) }) where seen.insert(path).inserted {
            groups += load(path: path, problems: problems).groups
        }
        return groups
    }

    private init(path: String, groups: [RuleGroup]) { (self.path, self.groups) = (path, groups) }

    private static func groups(in root: YAMLNode?, path: String, problems: ConfigProblems) -> [RuleGroup] {
        // An empty file has no rules, and is no mistake.
        guard let root, !root.isNull else { return [] }
        let reader = ConfigReader(root, file: path, problems: problems)
        var (names, groups, ruleCount): (Set<String>, [RuleGroup], Int) = ([], [], 0)
        for section in reader.sections("groups") {
            let name = section.requiredString("name")
            if !name.isEmpty, !names.insert(name).inserted {
                section.report("name", "\"\(name)\" is the name of another group of this file", "give each group its own name")
            }
            let interval = section.optionalDuration("interval", in: .milliseconds(100) ... .seconds(86_400))
            let limit = section.integer("limit", default: 0)
            let rules = section.sections("rules").compactMap { RuleReader($0).rule() }
            section.finish()
            ruleCount += rules.count
            groups.append(RuleGroup(name: name, interval: interval, limit: limit > 0 ? limit : nil, rules: rules, file: path))
        }
        reader.finish()
        if ruleCount > RuleLimits.rulesMax {
            reader.report("groups", "\(ruleCount) rules in one file, more than \(RuleLimits.rulesMax)", "split it into several files")
        }
        return groups
    }
}

/// Reads one rule.
private struct RuleReader {
    private let reader: ConfigReader

    init(_ reader: ConfigReader) { self.reader = reader }

    /// Nil when something is wrong; it is among the problems then.
    func rule() -> Rule? {
        guard let node = reader.node else { return nil }
        let before = reader.problems.all.count
        let rule: Rule?
        switch (reader.has("alert"), reader.has("record")) {
        case (true, false): rule = alerting(line: node.line).map { .alerting($0) }
        case (false, true): rule = recording(line: node.line).map { .recording($0) }
        default:
            let both = reader.has("alert")
            reader.report("", both ? "a rule with alert and record" : "a rule with neither alert nor record", "write one of them: alert: NAME")
            return nil
        }
        reader.finish()
        return reader.problems.all.count == before ? rule : nil
    }

    private func alerting(line: Int) -> AlertingRule? {
        _ = reader.value("record")
        let name = reader.requiredString("alert")
        let expression = self.expression()
        let holdDuration = reader.duration("for", default: .zero)
        let keepFiringFor = reader.duration("keep_firing_for", default: .zero)
        let labels = templates("labels")
        if let label = labels.first(where: { $0.name == Labels.metricName || $0.name == "alertname" }) {
            reader.report("labels", "an alert's label \(label.name) cannot be set", "remove it; the name stands behind alert:")
        }
        let annotations = templates("annotations")
        guard let expression else { return nil }
        return AlertingRule(
            name: name,
            expression: expression,
            holdDuration: holdDuration,
            keepFiringFor: keepFiringFor,
            labels: labels,
            annotations: annotations,
            line: line
        )
    }

    private func recording(line: Int) -> RecordingRule? {
        _ = reader.value("alert")
        let name = reader.requiredString("record")
        if !name.isEmpty, !LabelName.isValidMetric(name) {
            reader.report("record", "\"\(name)\" is no metric name", "write letters, digits, _ and :, not a digit first")
        }
        let expression = self.expression()
        for key in ["for", "keep_firing_for", "annotations"] where reader.has(key) {
            reader.report(key, "a recorded series has no \(key)", "remove it, or write alert: instead of record:")
        }
        let labels = (reader.map("labels") ?? []).map { entry in
            checkName(entry.key, of: "labels")
            return Label(entry.key, entry.value)
        }
        guard let expression else { return nil }
        return RecordingRule(name: name, expression: expression, labels: Labels(labels), line: line)
    }

    private func expression() -> Expression? {
        let text = reader.requiredString("expr")
        guard !text.isEmpty else { return nil }
        do throws(ParseError) {
            let expression = try Expression(parsing: text)
            guard expression.type == .vector || expression.type == .scalar else {
                reader.report("expr", "the expression is a \(expression.type.rawValue)", "write an instant vector, as in rate(x[5m]) > 0")
                return nil
            }
            return expression
        } catch {
            let place = error.line > 1 ? "line \(error.line), column \(error.column)" : "column \(error.column)"
            reader.report("expr", "\(excerpt(text)), \(place): \(error.problem)", error.remedy)
            return nil
        }
    }

    private func excerpt(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return "\"" + (line.count > 120 ? line.prefix(119) + "…" : line) + "\""
    }

    private func templates(_ key: String) -> [NamedTemplate] {
        (reader.map(key) ?? []).compactMap { entry in
            checkName(entry.key, of: key)
            do throws(TemplateError) { return NamedTemplate(entry.key, try Template(entry.value)) } catch {
                reader.report(at: node(key, entry.key), "\(key).\(entry.key)", error.problem, error.remedy)
                return nil
            }
        }
    }

    private func checkName(_ name: String, of key: String) {
        guard !LabelName.isValid(name) else { return }
        reader.report(at: node(key, name), "\(key).\(name)", "\"\(name)\" is no label name", "write letters, digits and _, not a digit first")
    }

    /// Where a value stands.
    private func node(_ key: String, _ name: String) -> YAMLNode {
        reader.value(key)?[name] ?? reader.node ?? YAMLNode(.sequence([]), line: 0, column: 0)
    }
}
