import Configuring
import JSON
import Operating

/// The configuration in force as an `alertmanager.yml` that Alertmanager's own tools read: `amtool config show`, `amtool config routes test`.
/// Passwords and paths of webhooks are not shown; keys that only Tocsin knows are left out.
enum AlertmanagerText {
    static func text(of config: NotifyingConfig) -> String {
        var text = "global:\n  resolve_timeout: \(Quantity.text(of: config.resolveTimeout))\n"
        text += "route:\n" + lines(of: config.route.root, parent: nil, indented: 2)
        list("inhibit_rules", config.inhibitRules.map(lines(of:)), to: &text)
        list("time_intervals", config.timeIntervals.sorted { $0.key < $1.key }.map { lines(of: $0.key, $0.value) }, to: &text)
        list("receivers", config.receivers.map(lines(of:)), to: &text)
        return text
    }

    /// A string that reads back as the same in YAML, of which JSON's notation is a part.
    private static func quoted(_ text: String) -> String { JSON.string(text).text }
    private static func quoted(_ texts: [String]) -> String { "[" + texts.map { quoted($0) }.joined(separator: ", ") + "]" }

    /// Elements are lines without their indentation.
    private static func list(_ key: String, _ elements: [[String]], to text: inout String) {
        guard !elements.isEmpty else { return }
        text += key + ":\n"
        for element in elements {
            for (index, line) in element.enumerated() { text += (index == 0 ? "- " : "  ") + line + "\n" }
        }
    }

    private static func lines(of route: Route, parent: Route?, indented: Int) -> String {
        var lines = ["receiver: \(quoted(route.receiver))"]
        if parent?.groupBy != route.groupBy {
            switch route.groupBy {
            case .all: lines.append("group_by: ['...']")
            case .labels(let names): lines.append("group_by: \(quoted(names))")
            }
        }
        if !route.matchers.isEmpty { lines.append("matchers: \(quoted(route.matchers.map(\.description)))") }
        if route.continues { lines.append("continue: true") }
        if !route.mutedDuring.isEmpty { lines.append("mute_time_intervals: \(quoted(route.mutedDuring))") }
        if !route.activeDuring.isEmpty { lines.append("active_time_intervals: \(quoted(route.activeDuring))") }
        for (key, own, inherited) in [
            ("group_wait", route.groupWait, parent?.groupWait), ("group_interval", route.groupInterval, parent?.groupInterval),
            ("repeat_interval", route.repeatInterval, parent?.repeatInterval),
        ] where own != inherited {
            lines.append("\(key): \(Quantity.text(of: own))")
        }
        let margin = String(repeating: " ", count: indented)
        var text = lines.map { margin + $0 + "\n" }.joined()
        guard !route.children.isEmpty else { return text }
        text += margin + "routes:\n"
        for child in route.children {
            // The first line begins with the dash.
            let own = AlertmanagerText.lines(of: child, parent: route, indented: indented + 2)
            text += margin + "- " + own.dropFirst(indented + 2)
        }
        return text
    }

    private static func lines(of rule: InhibitRule) -> [String] {
        var lines = [
            "source_matchers: \(quoted(rule.source.map(\.description)))", "target_matchers: \(quoted(rule.target.map(\.description)))",
        ]
        if !rule.equal.isEmpty { lines.append("equal: \(quoted(rule.equal))") }
        return lines
    }

    private static func lines(of receiver: Receiver) -> [String] {
        var lines = ["name: \(quoted(receiver.name))"]
        if !receiver.webhooks.isEmpty { lines.append("webhook_configs:") }
        for webhook in receiver.webhooks {
            lines.append("- url: \(quoted(shown(webhook.url.value)))")
            lines.append("  send_resolved: \(webhook.sendResolved)")
            if webhook.maxAlerts > 0 { lines.append("  max_alerts: \(webhook.maxAlerts)") }
        }
        if !receiver.emails.isEmpty { lines.append("email_configs:") }
        for email in receiver.emails {
            lines.append("- to: \(quoted(email.to))")
            lines.append("  from: \(quoted(email.from))")
            lines.append("  smarthost: \(quoted((email.host.contains(":") ? "[\(email.host)]" : email.host) + ":\(email.port)"))")
            lines.append("  require_tls: \(email.requireTLS)")
            lines.append("  send_resolved: \(email.sendResolved)")
        }
        return lines
    }

    /// Scheme, host and port: the rest often holds a secret.
    private static func shown(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return "http://secret.invalid/" }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        return url[..<scheme.upperBound] + host + "/<secret>"
    }

    private static func lines(of name: String, _ intervals: [TimeInterval]) -> [String] {
        var lines = ["name: \(quoted(name))"]
        if !intervals.isEmpty { lines.append("time_intervals:") }
        for interval in intervals {
            var fields: [String] = []
            if let times = interval.times {
                let ranges = times.map { "{start_time: \(quoted(clock($0.lowerBound))), end_time: \(quoted(clock($0.upperBound)))}" }
                fields.append("times: [\(ranges.joined(separator: ", "))]")
            }
            if let days = interval.weekdays { fields.append("weekdays: \(quoted(days.map { range($0) { TimeInterval.dayNames[$0] } }))") }
            if let days = interval.daysOfMonth { fields.append("days_of_month: \(quoted(days.map { "\($0.first):\($0.last)" }))") }
            if let months = interval.months { fields.append("months: \(quoted(months.map { range($0) { "\($0)" } }))") }
            if let years = interval.years { fields.append("years: \(quoted(years.map { range($0) { "\($0)" } }))") }
            if interval.location != .utc { fields.append("location: \(quoted(interval.location.name))") }
            if fields.isEmpty { fields = ["times: [{start_time: \"00:00\", end_time: \"24:00\"}]"] }
            for (index, field) in fields.enumerated() { lines.append((index == 0 ? "- " : "  ") + field) }
        }
        return lines
    }

    private static func clock(_ minute: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return two(minute / 60) + ":" + two(minute % 60)
    }

    private static func range(_ range: ClosedRange<Int>, _ word: (Int) -> String) -> String {
        range.lowerBound == range.upperBound ? word(range.lowerBound) : "\(word(range.lowerBound)):\(word(range.upperBound))"
    }
}
