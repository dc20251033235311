import Glibc
import Synchronization

/// One line on standard error that is written over: how far a long command is. Nothing of it when standard error is no terminal.
final class ProgressLine: Sendable {
    private let name: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    /// What stands in the line, so that it is written when it changes only.
    private let shown = Mutex("")

    init(_ name: String) { self.name = name }

    func show(_ done: Int, of total: Int, more: String = "") {
        guard isTerminal else { return }
        let percent = total == 0 ? 100 : done * 100 / total
        let text = "\(name): \(percent) % of \(Self.bytes(total))\(more)"
        let isNew = shown.withLock { shown in
            if shown == text { return false }
            shown = text
            return true
        }
        if isNew { Self.write("\r\u{1B}[K\(text)") }
    }

    /// Takes the line away: what is printed next begins in its place.
    func clear() {
        if isTerminal { Self.write("\r\u{1B}[K") }
    }

    static func bytes(_ count: Int) -> String {
        var (number, unit) = (Double(count), "B")
        for next in ["KiB", "MiB", "GiB", "TiB"] where number >= 1024 { (number, unit) = (number / 1024, next) }
        let tenths = Int((number * 10).rounded())
        return unit == "B" ? "\(count) B" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
