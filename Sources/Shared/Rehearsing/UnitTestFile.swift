package import Configuring
package import Expressions
package import Rules
package import Telemetry

/// A file of unit tests of rules, in promtool's format:
///
///     rule_files: [rules.yml]            # beside this file; globs
///     evaluation_interval: 1m
///     group_eval_order: [first, second]
///     fuzzy_compare: false
///     tests:
///       - name: a host vanishes
///         interval: 1m                   # between values; default: evaluation_interval
///         input_series: [{series: 'up{instance="a"}', values: '1x4 0x10'}]
///         promql_expr_test: [{expr: sum(up), eval_time: 4m, exp_samples: [{labels: '{}', value: 1}]}]
///         alert_rule_test: [{eval_time: 10m, alertname: Down, exp_alerts: [{exp_labels: {instance: a}, exp_annotations: {}}]}]
package struct UnitTestFile: Sendable {
    package let path: String
    package let groups: [RuleGroup]
    package let evaluationInterval: Duration
    /// Values count as equal when they differ by no more than a millionth of themselves.
    package let isFuzzy: Bool
    package let tests: [UnitTest]

    /// What a test's moments may come to, so that a wrong unit does not run for days.
    package static let stepsMax = 1_000_000

    /// Reads it and its rule files; every mistake becomes a problem with its line.
    package static func load(path: String, problems: ConfigProblems) -> UnitTestFile {
        let reader = ConfigReader(ConfigFile.load(path, problems: problems), file: path, problems: problems)
        let folder = path.contains("/") ? path[...(path.lastIndex(of: "/") ?? path.startIndex)] : ""
        let files = (reader.strings("rule_files") ?? []).map { $0.hasPrefix("/") ? $0 : folder + $0 }
        var groups = RuleFile.load(patterns: files, problems: problems)
        let interval = reader.duration("evaluation_interval", default: .seconds(60), in: .milliseconds(1) ... .seconds(86_400 * 366))
        let order = reader.located("group_eval_order") ?? []
        for (name, line) in order where !groups.contains(where: { $0.name == name }) {
            reader.report(
                at: YAMLNode(.scalar(name, isPlain: true), line: line, column: 0),
                "group_eval_order",
                "no group is called \"\(name)\"",
                "write a group of rule_files"
            )
        }
        let rank = Dictionary(order.enumerated().map { ($1.text, $0) }, uniquingKeysWith: { first, _ in first })
        groups = groups.enumerated().sorted { (rank[$0.element.name] ?? .max, $0.offset) < (rank[$1.element.name] ?? .max, $1.offset) }.map(\.element)
        let isFuzzy = reader.bool("fuzzy_compare", default: false)
        let tests = reader.sections("tests").enumerated().map { UnitTest($1, number: $0 + 1, interval: interval) }
        reader.finish()
        return UnitTestFile(path: path, groups: groups, evaluationInterval: interval, isFuzzy: isFuzzy, tests: tests)
    }
}

/// One test: series, and what is expected of them.
package struct UnitTest: Sendable {
    package struct Series: Sendable {
        package let labels: Labels
        /// One every interval from the start; nil: none.
        package let values: [Double?]
    }

    package struct ExpectedAlert: Sendable, Hashable {
        package let labels: Labels
        package let annotations: Labels
    }

    /// `alert_rule_test`: the alerts that fire at a moment.
    package struct AlertCheck: Sendable {
        package let at: Duration
        package let name: String
        package let expected: [ExpectedAlert]
        package let line: Int
    }

    /// `promql_expr_test`: the value of an expression at a moment.
    package struct ValueCheck: Sendable {
        package let at: Duration
        package let expression: Expression
        package let expected: [(labels: Labels, value: Double)]
        package let line: Int
    }

    /// Its own, or its number in the file.
    package let name: String
    package let interval: Duration
    package let series: [Series]
    package let alertChecks: [AlertCheck]
    package let valueChecks: [ValueCheck]
    package let start: Timestamp

    package var checks: Int { alertChecks.count + valueChecks.count }
    /// The last moment that is checked.
    package var end: Duration { max(alertChecks.map(\.at).max() ?? .zero, valueChecks.map(\.at).max() ?? .zero) }

    init(_ reader: ConfigReader, number: Int, interval: Duration) {
        name = reader.string("name", default: "test \(number)")
        self.interval = reader.duration("interval", default: interval, in: .milliseconds(1) ... .seconds(86_400 * 366))
        start =
            reader.parsed("start_timestamp", expecting: "RFC 3339 or seconds since 1970") { text in
                Timestamp(rfc3339: text) ?? Double(text).flatMap { Timestamp(seconds: $0) }
            } ?? Timestamp(nanoseconds: 0)
        series = reader.sections("input_series").compactMap { item in
            let (text, values) = (item.requiredString("series"), item.requiredString("values"))
            item.finish()
            do throws(SeriesNotation.Problem) {
                return Series(labels: try Labels(seriesText: text), values: try SeriesNotation.values(values))
            } catch {
                item.report("", error.description, "see promtool's unit tests of rules")
                return nil
            }
        }
        alertChecks = reader.sections("alert_rule_test").map { AlertCheck($0) }
        valueChecks = reader.sections("promql_expr_test").compactMap { ValueCheck($0) }
        for key in ["external_labels", "external_url"] where reader.has(key) {
            reader.report(key, "there are no external labels here", "remove it: alerts have the labels of their rules and series")
        }
        reader.finish()
    }
}

extension UnitTest.AlertCheck {
    fileprivate init(_ reader: ConfigReader) {
        (at, name, line) = (reader.duration("eval_time", default: .zero), reader.requiredString("alertname"), reader.node?.line ?? 0)
        expected = reader.sections("exp_alerts").map { alert in
            func labels(_ key: String) -> Labels { Labels((alert.map(key) ?? []).map { Label($0.key, $0.value) }) }
            let expected = UnitTest.ExpectedAlert(labels: labels("exp_labels"), annotations: labels("exp_annotations"))
            alert.finish()
            return expected
        }
        reader.finish()
    }
}

extension UnitTest.ValueCheck {
    fileprivate init?(_ reader: ConfigReader) {
        (at, line) = (reader.duration("eval_time", default: .zero), reader.node?.line ?? 0)
        let text = reader.requiredString("expr")
        var samples = [(labels: Labels, value: Double)]()
        for item in reader.sections("exp_samples") {
            let (series, value) = (item.string("labels", default: "{}"), item.number("value", default: 0, in: -.infinity ... .infinity))
            if item.has("histogram") { item.report("histogram", "native histograms are not known", "write value: NUMBER") }
            item.finish()
            do throws(SeriesNotation.Problem) { samples.append((try Labels(seriesText: series), value)) } catch {
                item.report("labels", error.description, "write name{label=\"value\"}, or {}")
            }
        }
        expected = samples
        reader.finish()
        guard !text.isEmpty else { return nil }
        do throws(ParseError) { expression = try Expression(parsing: text) } catch {
            reader.report("expr", "column \(error.column): \(error.problem)", error.remedy)
            return nil
        }
    }
}
