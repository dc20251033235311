import Glibc
import JSON

/// What is written for people.
enum Terminal {
    /// A line on standard error.
    static func complain(_ text: String) {
        let bytes = Array((printable(text) + "\n").utf8)
        var offset = 0
        while offset < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress! + offset, bytes.count - offset) }
            if written <= 0 { return }
            offset += written
        }
    }

    /// What long work is at, in one line of a terminal that the next one replaces; an empty one clears it. Nothing where nobody looks.
    static func progress(_ text: String) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        let bytes = Array(("\r\u{1B}[K" + printable(text)).utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, bytes.count) }
    }

    /// Columns as wide as their widest cell, the last one as long as it is; `nothing` when there are no rows.
    static func table(_ titles: [String], _ rows: [[String]], nothing: String) -> String {
        guard !rows.isEmpty else { return nothing }
        let cells = ([titles] + rows).map { $0.map(printable) }
        let widths = titles.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n")
    }

    /// A log line may hold escape sequences that would steer the reader's terminal: control characters are shown, not sent.
    static func printable(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
                shown += scalar == "\n" ? "\\n" : scalar == "\t" ? " " : "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// `{host="web-1"}` of a JSON object of strings, without the labels that the table shows by themselves.
    static func labels(_ object: JSON?, without hidden: Set<String> = []) -> String {
        let pairs = (object?.members ?? []).filter { !hidden.contains($0.key) }.map { "\($0.key)=\"\($0.value.string ?? "")\"" }
        return pairs.isEmpty ? "" : "{" + pairs.joined(separator: ", ") + "}"
    }

    static func text(_ value: JSON?) -> String {
        guard let value, !value.isNull else { return "-" }
        return value.string ?? value.text
    }
}
