package import JSON
import Telemetry

/// The view of `agentctl status` for people, from the same object that `--json` prints.
package enum StatusText {
    package static func render(_ status: JSON) -> String {
        var lines: [String] = []
        let word = status["status"]?.string ?? "unknown"
        let uptime = duration(status["uptime_seconds"]?.double ?? 0)
        lines.append("tocsin-agent \(status["version"]?.string ?? "") on \(status["host"]?.string ?? "?"): \(word), up \(uptime)")
        for problem in status["problems"]?.array ?? [] { lines.append("  ! " + (problem.string ?? "")) }
        lines.append("")
        lines.append(row("aggregator", aggregator(status["aggregator"] ?? .null)))
        lines.append(row("spool", spool(status["spool"] ?? .null)))
        lines += tails(status["tails"]?.array ?? [])
        lines += inputs(status["inputs"]?.array ?? [])
        lines += rules(status["rules"]?.array ?? [])
        lines += collectors(status["collectors"]?.array ?? [])
        lines += gaps(status)
        lines.append(row("agent id", status["agent_id"]?.string ?? "?"))
        return lines.joined(separator: "\n") + "\n"
    }

    private static func row(_ name: String, _ text: String) -> String {
        name + String(repeating: " ", count: max(1, 12 - name.count)) + text
    }

    private static func aggregator(_ node: JSON) -> String {
        guard let url = node["url"]?.string else { return "none: it judges and buffers alone" }
        var text = url + (node["reachable"]?.bool == true ? ", reachable" : ", not reachable")
        text += node["last_ack"]?.string.map { ", last acknowledged \($0)" } ?? ", nothing acknowledged yet"
        if let rate = node["bytes_per_second"]?.double, rate > 0 { text += ", \(size(rate))/s" }
        if let lag = node["lag_seconds"]?.double, lag > 0 { text += ", \(duration(lag)) behind" }
        return text
    }

    private static func spool(_ node: JSON) -> String {
        let (bytes, limit) = (node["bytes"]?.double ?? 0, node["max_bytes"]?.double ?? 0)
        var text = "\(size(bytes)) of \(size(limit))"
        if limit > 0 { text += " (\(Int((bytes / limit * 100).rounded())) %)" }
        let batches = node["batches"]?.integer ?? 0
        text += batches == 0 ? ", nothing waits" : ", \(batches) \(batches == 1 ? "batch waits" : "batches wait")"
        if let oldest = node["oldest"]?.string { text += ", oldest \(oldest)" }
        if let full = node["seconds_to_full"]?.double { text += ", full in \(duration(full))" }
        if let waiting = node["waiting_bytes"]?.double, waiting > 0 {
            text += ", \(size(waiting)) to ship"
            if let rest = node["seconds_to_empty"]?.double { text += ", done in \(duration(rest))" }
        }
        if let aside = node["set_aside"]?.integer, aside > 0 { text += ", \(aside) set aside (agentctl spool export --set-aside)" }
        if let damaged = node["damaged"]?.array, let latest = damaged.last?.string {
            text += ", \(damaged.count) damaged files kept, the latest \(latest)"
        }
        return text
    }

    private static func tails(_ tails: [JSON]) -> [String] {
        let broken = tails.filter { $0["problem"]?.string != nil }
        var lines = [row("tails", tails.isEmpty ? "none" : "\(tails.count - broken.count) followed")]
        for tail in tails.sorted(by: { ($0["path"]?.string ?? "") < ($1["path"]?.string ?? "") }) {
            let lag = tail["lag_bytes"]?.double ?? 0
            let state = tail["problem"]?.string ?? (lag > 0 ? "\(size(lag)) to read" : "read to its end")
            lines.append(row("", "\(tail["path"]?.string ?? "?")  \(state)"))
        }
        return lines
    }

    private static func inputs(_ inputs: [JSON]) -> [String] {
        inputs.enumerated().map { index, input in
            var state = input["problem"]?.string ?? "\(input["messages"]?.integer ?? 0) messages"
            if input["problem"]?.string == nil {
                if let peers = input["peers"]?.integer, peers > 0 { state += ", \(peers) \(peers == 1 ? "sender" : "senders")" }
                if let lost = input["dropped"]?.integer, lost > 0 { state += ", \(lost) lost" }
            }
            return row(index == 0 ? "inputs" : "", "\(input["name"]?.string ?? "?")  \(state)")
        }
    }

    private static func rules(_ rules: [JSON]) -> [String] {
        func count(_ state: String) -> Int { rules.count { $0["state"]?.string == state } }
        var lines = [row("rules", rules.isEmpty ? "none" : "\(rules.count), \(count("firing")) firing, \(count("pending")) pending")]
        for rule in rules {
            let name = rule["name"]?.string ?? "?"
            if let error = rule["last_error"]?.string {
                lines.append(row("", "\(name)  no result: \(error)"))
            } else if let state = rule["state"]?.string, state != "inactive" {
                lines.append(row("", "\(name)  \(state) (\(rule[state]?.integer ?? 0))"))
            }
        }
        return lines
    }

    private static func collectors(_ collectors: [JSON]) -> [String] {
        let broken = collectors.filter { $0["last_error"]?.string != nil }
        let healthy = collectors.count - broken.count
        return [row("collectors", "\(healthy) of \(collectors.count) have values")]
            + broken.map { row("", "\($0["name"]?.string ?? "?")  \($0["last_error"]?.string ?? "")") }
    }

    private static func gaps(_ status: JSON) -> [String] {
        let counts = (status["gap_counts"]?.members ?? []).filter { ($0.value.integer ?? 0) > 0 }
        guard !counts.isEmpty else { return [row("gaps", "none")] }
        var lines = [row("gaps", counts.map { "\($0.key) \($0.value.integer ?? 0)" }.joined(separator: ", "))]
        for gap in (status["gaps"]?.array ?? []).prefix(5) {
            lines.append(row("", "\(gap["to"]?.string ?? "")  \(gap["source"]?.string ?? "")  \(gap["detail"]?.string ?? "")"))
        }
        return lines
    }

    /// `3 h 12 min`: the two largest units.
    package static func duration(_ seconds: Double) -> String {
        if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
        let whole = Int(min(seconds, 1e15))
        let parts = [(whole / 86_400, "d"), (whole / 3600 % 24, "h"), (whole / 60 % 60, "min"), (whole % 60, "s")]
        guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0 s" }
        return parts[first...].prefix(2).filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: " ")
    }

    /// `1.5 GiB`, `12 KiB`, `900 B`.
    package static func size(_ bytes: Double) -> String {
        var (value, unit) = (bytes, 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        let tenths = (value * 10).rounded() / 10
        let text = tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
        return "\(text) \(units[unit])"
    }
}
