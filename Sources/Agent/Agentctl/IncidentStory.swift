import JSON
import Telemetry

/// An incident as people read it: a head, one line a moment in the order of time, and the metrics as small curves.
struct IncidentStory {
    private let incident: JSON

    init(_ incident: JSON) { self.incident = incident }

    var text: String { (head + [""] + timeline + curves).map(Terminal.printable).joined(separator: "\n") }

    private func word(_ name: String) -> String { Terminal.text(incident[name]) }
    private func words(_ name: String) -> [String] { incident[name]?.array?.compactMap(\.string) ?? [] }

    private var head: [String] {
        var lines = ["\(word("name"))  \(word("state"))", "id        \(word("id"))", "hosts     \(words("hosts").joined(separator: ", "))"]
        lines.append("opened    \(word("opened_at"))")
        if let closed = incident["closed_at"]?.string {
            let why = ["resolved": "its last alert ended", "complete": "all that belongs to it arrived", "timeout": "not everything arrived in time"]
            let part = incident["merged_into"]?.string.map { "it turned out to be part of \($0)" }
            let reason = part ?? incident["closing"]?.string.flatMap { why[$0] }
            lines.append("closed    \(closed)" + (reason.map { " (\($0))" } ?? ""))
        }
        lines.append("together  \(words("keys").joined(separator: ", "))")
        if !words("merged_from").isEmpty {
            lines.append("with      \(words("merged_from").joined(separator: ", ")), which turned out to be part of it")
        }
        switch incident["collection"]?.string {
        case "collecting": lines.append("record    still collecting")
        case "timeout": lines.append("record    without the metrics of \(words("missing").joined(separator: ", "))")
        default: break
        }
        return lines
    }

    private var timeline: [String] {
        var moments: [(at: String, kind: String, host: String, text: String)] = []
        for event in incident["changes"]?.array ?? [] {
            let isFirst = event["type"]?.string == "message.first_seen"
            moments.append((at(event), isFirst ? "new" : "change", Terminal.text(event["host"]), Self.line(event)))
        }
        for event in incident["evidence"]?.array ?? [] {
            moments.append((at(event), Terminal.text(event["severity"]), Terminal.text(event["host"]), Self.line(event)))
        }
        for alert in incident["alerts"]?.array ?? [] {
            let host = alert["labels"]?["host"]?.string ?? ""
            let summary = alert["annotations"]?["summary"]?.string.map { ": \($0)" } ?? ""
            moments.append((alert["starts_at"]?.string ?? "", "FIRING", host, Terminal.text(alert["alertname"]) + summary))
            if let end = alert["ends_at"]?.string { moments.append((end, "RESOLVED", host, Terminal.text(alert["alertname"]))) }
        }
        let order = moments.enumerated().sorted { a, b in
            let (first, second) = (Timestamp(rfc3339: a.element.at), Timestamp(rfc3339: b.element.at))
            return (first ?? .distantPast, a.offset) < (second ?? .distantPast, b.offset)
        }.map(\.element)
        let (times, kinds, hosts) = (order.map(\.at.count).max() ?? 0, order.map(\.kind.count).max() ?? 0, order.map(\.host.count).max() ?? 0)
        return order.map { moment in
            Self.padded(moment.at, times) + "  " + Self.padded(moment.kind, kinds) + "  " + Self.padded(moment.host, hosts) + "  " + moment.text
        }
    }

    private func at(_ event: JSON) -> String { event["timestamp"]?.string ?? "" }

    private static func line(_ event: JSON) -> String {
        let message = event["message"]?.string ?? ""
        let type = event["type"]?.string ?? ""
        let name = type == Event.logLine || type == "message.first_seen" ? event["source"]?.string ?? "" : type
        return message.isEmpty ? name : "\(name): \(message)"
    }

    private static func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

    private var curves: [String] {
        let series = incident["metrics"]?.array ?? []
        guard !series.isEmpty else { return [] }
        return [""]
            + series.flatMap { series -> [String] in
                let values = (series["values"]?.array ?? []).compactMap { $0[1]?.string.flatMap { Double($0) } }.filter(\.isFinite)
                guard let low = values.min(), let high = values.max() else { return [] }
                let name =
                    (series["metric"]?["__name__"]?.string ?? "") + Terminal.labels(series["metric"], without: ["__name__", "instance", "job"])
                return ["\(Self.curve(values))  \(Self.short(low)) to \(Self.short(high))  \(name)"]
            }
    }

    /// One character a value.
    static func curve(_ values: [Double]) -> String {
        let steps = Array("▁▂▃▄▅▆▇█")
        guard let low = values.min(), let high = values.max() else { return "" }
        return String(values.map { value in high > low ? steps[Int((value - low) / (high - low) * Double(steps.count - 1) + 0.5)] : steps[0] })
    }

    private static func short(_ value: Double) -> String {
        let rounded = (value * 1000).rounded() / 1000
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int64(rounded))" : "\(rounded)"
    }
}
