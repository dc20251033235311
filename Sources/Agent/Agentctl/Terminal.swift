import Glibc
import JSON

/// What is written for people.
enum Terminal {
    /// A line on standard error.
    static func complain(_ text: String) { write(printable(text) + "\n", to: STDERR_FILENO) }

    /// All of it at once, past the buffer of `print`. False when nobody reads it any more.
    @discardableResult
    static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) -> Bool {
        let bytes = Array(text.utf8)
        var offset = 0
        while offset < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + offset, bytes.count - offset) }
            if written < 0, errno == EINTR { continue }
            if written <= 0 { return false }
            offset += written
        }
        return true
    }

    /// Whether standard output is a terminal that is not told to stay without colours (no-color.org).
    static var isColoured: Bool {
        let word = { (name: String) in unsafe getenv(name).map { unsafe String(cString: $0) } }
        return isatty(STDOUT_FILENO) == 1 && (word("NO_COLOR") ?? "").isEmpty && word("TERM") != "dumb"
    }

    /// What long work is at, in one line of a terminal that the next one replaces; an empty one clears it. Nothing where nobody looks.
    static func progress(_ text: String) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        write("\r\u{1B}[K" + printable(text), to: STDERR_FILENO)
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
