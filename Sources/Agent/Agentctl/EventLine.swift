import JSON

/// One event as a line for people, with its severity in colour.
struct EventLine {
    private let isColoured: Bool

    init(isColoured: Bool) { self.isColoured = isColoured }

    /// `time severity host source type message`: the first columns as wide as they mostly are, so that a list that never ends stays readable.
    func text(of event: JSON) -> String {
        let severity = Terminal.text(event["severity"])
        let columns = [
            padded(Terminal.text(event["timestamp"]), 24), paint(padded(severity, 8), severity), padded(host(event), 12),
            padded(Terminal.text(event["source"]), 12), event["type"]?.string == "log.line" ? "" : Terminal.text(event["type"]),
            paint(Terminal.printable(event["message"]?.string ?? Terminal.text(event["data"])), severity),
        ]
        return columns.filter { !$0.isEmpty }.joined(separator: " ")
    }

    private func host(_ event: JSON) -> String {
        let host = Terminal.text(event["host"])
        return host.isEmpty ? "-" : host
    }

    private func padded(_ text: String, _ width: Int) -> String {
        let shown = Terminal.printable(text)
        return shown + String(repeating: " ", count: max(0, width - shown.count))
    }

    /// ECMA-48 §8.3.117. Info stays as it is: most lines are.
    private func paint(_ text: String, _ severity: String) -> String {
        let code =
            switch severity {
            case "debug": "2"
            case "warning": "33"
            case "error": "31"
            case "critical": "1;31"
            default: ""
            }
        return isColoured && !code.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
