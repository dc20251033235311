import Configuring
import JSON
import Rehearsing
import Telemetry

/// What `agentctl rules test` prints.
enum RulesReport {
    // MARK: An aggregator's rules

    /// Groups as `/api/v1/rules` gives them, a row a rule.
    static func table(ofGroups groups: [JSON]) -> String {
        let rows = groups.flatMap { group in
            (group["rules"]?.array ?? []).map { rule in
                let alerts = rule["alerts"]?.array ?? []
                let count = { (state: String) in "\(alerts.count { $0["state"]?.string == state })" }
                return [
                    Terminal.text(group["name"]), Terminal.text(rule["name"]), rule["state"]?.string ?? "recording", count("pending"),
                    count("firing"),
                    Terminal.text(rule["health"]), Terminal.text(rule["lastEvaluation"]), rule["lastError"]?.string ?? "",
                ]
            }
        }
        let titles = ["GROUP", "RULE", "STATE", "PENDING", "FIRING", "HEALTH", "LAST EVALUATION", "LAST ERROR"]
        return Terminal.table(titles, rows, nothing: "no rules: see rule_files of aggregator.yaml")
    }

    // MARK: Unit tests

    static func text(_ run: UnitTestRun, of path: String) -> String {
        let size = "\(run.tests) \(run.tests == 1 ? "test" : "tests"), \(run.checks) \(run.checks == 1 ? "check" : "checks")"
        guard !run.failures.isEmpty else { return "\(path): \(size), all good" }
        var lines = ["\(path): \(size), \(run.failures.count) failed"]
        for failure in run.failures {
            lines.append("  \(path)\(failure.line > 0 ? ":\(failure.line)" : ""): \(failure.test): \(failure.check)")
            for (label, texts) in [("expected", failure.expected), ("got", failure.got)] {
                lines.append(
                    "    \(label): " + (texts.isEmpty ? "nothing" : texts.joined(separator: "\n" + String(repeating: " ", count: 6 + label.count)))
                )
            }
        }
        return lines.map(Terminal.printable).joined(separator: "\n")
    }

    static func write(_ run: UnitTestRun, of path: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("file", path)
        writer.member("tests", run.tests)
        writer.member("checks", run.checks)
        writer.key("failures")
        writer.beginArray()
        for failure in run.failures {
            writer.beginObject()
            writer.member("test", failure.test)
            writer.member("line", failure.line)
            writer.member("check", failure.check)
            for (key, texts) in [("expected", failure.expected), ("got", failure.got)] {
                writer.key(key)
                writer.beginArray()
                for text in texts { writer.string(text) }
                writer.endArray()
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    // MARK: Over history

    static func text(_ backtest: Backtest) -> String {
        let rows = backtest.records.map { record in
            [
                record.group, record.rule, "\(record.alerts)", "\(record.fired)", "\(record.pages)", "\(record.flaps)", "\(record.cancelled)",
                Quantity.text(of: whole(record.firingTime)), Quantity.text(of: whole(record.longest)), record.lastFired?.rfc3339 ?? "-",
            ]
        }
        let days = max(backtest.end.duration(since: backtest.start).inSeconds / 86_400, 1.0 / 24)
        let pages = backtest.records.reduce(0) { $0 + $1.pages }
        var lines = [
            Terminal.table(
                ["GROUP", "ALERT", "ALERTS", "FIRED", "PAGES", "FLAPS", "IN VAIN", "FIRING", "LONGEST", "LAST FIRED"],
                rows,
                nothing: "no alerting rules in these files"
            ),
            "\(pages) pages from \(backtest.start.rfc3339) to \(backtest.end.rfc3339), \((Double(pages) / days * 10).rounded() / 10) a day, "
                + "as a route that groups by alertname would send them",
        ]
        for failure in backtest.failures {
            lines.append("\(failure.group)/\(failure.rule): not evaluated \(failure.count) times, first at \(failure.at.rfc3339): \(failure.first)")
        }
        return lines.joined(separator: "\n")
    }

    static func json(_ backtest: Backtest) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("start", backtest.start.rfc3339)
        writer.member("end", backtest.end.rfc3339)
        writer.key("rules")
        writer.beginArray()
        for record in backtest.records {
            writer.beginObject()
            writer.member("group", record.group)
            writer.member("alert", record.rule)
            writer.member("alerts", record.alerts)
            writer.member("fired", record.fired)
            writer.member("pages", record.pages)
            writer.member("flaps", record.flaps)
            writer.member("cancelled", record.cancelled)
            writer.member("still_firing", record.stillFiring)
            writer.key("firing_seconds")
            writer.double(record.firingTime.inSeconds)
            writer.key("longest_seconds")
            writer.double(record.longest.inSeconds)
            if let last = record.lastFired { writer.member("last_fired", last.rfc3339) }
            writer.endObject()
        }
        writer.endArray()
        writer.key("failures")
        writer.beginArray()
        for failure in backtest.failures {
            writer.beginObject()
            writer.member("group", failure.group)
            writer.member("rule", failure.rule)
            writer.member("count", failure.count)
            writer.member("first", failure.first)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.text
    }

    private static func whole(_ duration: Duration) -> Duration { .seconds(duration.components.seconds) }
}
