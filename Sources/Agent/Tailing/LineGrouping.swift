import Matching

/// Decides, line by line, which belong to one event. It begins anew with each group, so a group that is read again gives the same.
struct LineGrouping {
    private enum Trace { case none, frames, after }

    let rules: TailConfig.Multiline
    private var trace = Trace.none

    init(_ rules: TailConfig.Multiline) { self.rules = rules }

    /// A line that is the first of a group, whatever it is.
    mutating func begin(_ line: Span<UInt8>) {
        trace = .none
        switch rules.preset {
        case .python? where line.holds("Traceback (most recent call last)", at: 0): trace = .frames
        case .go? where isPanic(line): trace = .frames
        default: break
        }
    }

    /// Whether the line goes on with the group of the line before.
    mutating func continues(_ line: Span<UInt8>) -> Bool {
        if let preset = rules.preset {
            let goesOn =
                switch preset {
                case .java: java(line)
                case .python: python(line)
                case .go: go(line)
                case .ruby: ruby(line)
                }
            if goesOn { return true }
            // A preset beside patterns: whichever says so.
            if rules.start == nil, rules.continuation == nil { return false }
        }
        if let continuation = rules.continuation {
            return continuation.matches(line) && !(rules.start?.matches(line) ?? false)
        }
        return rules.start.map { !$0.matches(line) } ?? false
    }

    private static func isIndented(_ line: Span<UInt8>) -> Bool {
        !line.isEmpty && (line[0] == UInt8(ascii: " ") || line[0] == UInt8(ascii: "\t"))
    }

    private static func isBlank(_ line: Span<UInt8>) -> Bool { line.isEmpty || line.count == 1 && line[0] == UInt8(ascii: "\r") }

    // MARK: Java, Kotlin, Scala: java.lang.Throwable.printStackTrace

    /// Frames are indented; the exception's own line stands right behind the line that logs it.
    private func java(_ line: Span<UInt8>) -> Bool {
        Self.isIndented(line) || line.holds("Caused by: ", at: 0) || line.holds("Suppressed: ", at: 0) || isThrowable(line)
    }

    /// `java.lang.IllegalStateException: closed`: a dotted name that ends in Exception, Error or Throwable.
    private func isThrowable(_ line: Span<UInt8>) -> Bool {
        var (end, dots) = (0, 0)
        while end < line.count, end < 256 {
            let byte = line[end]
            if byte == UInt8(ascii: ".") {
                dots += 1
            } else if !byte.isLetter, !byte.isDigit, byte != UInt8(ascii: "_"), byte != UInt8(ascii: "$") {
                break
            }
            end += 1
        }
        guard dots > 0, end == line.count || line[end] == UInt8(ascii: ":") || line[end] == UInt8(ascii: "\r") else { return false }
        return ["Exception", "Error", "Throwable"].contains { (word: StaticString) in line.holds(word, at: end - word.utf8CodeUnitCount) }
    }

    // MARK: Python: traceback.print_exception

    /// The header, indented frames, one line that names the exception; behind a blank line perhaps another of the chain.
    private mutating func python(_ line: Span<UInt8>) -> Bool {
        if line.holds("Traceback (most recent call last)", at: 0) {
            trace = .frames
            return true
        }
        if Self.isIndented(line) { return true }
        switch trace {
        case .none: return false
        case .frames:
            trace = .after
            return !Self.isBlank(line)
        case .after:
            if Self.isBlank(line) || line.holds("During handling of the above exception", at: 0)
                || line.holds("The above exception was the direct cause", at: 0)
            {
                return true
            }
            trace = .none
            return false
        }
    }

    // MARK: Go: runtime.gopanic

    private func isPanic(_ line: Span<UInt8>) -> Bool {
        line.holds("panic: ", at: 0) || line.holds("fatal error: ", at: 0) || line.holds("SIGQUIT: quit", at: 0)
    }

    /// Stacks of goroutines with blank lines between them; calls stand at the line's beginning, their places are indented.
    private mutating func go(_ line: Span<UInt8>) -> Bool {
        if line.holds("goroutine ", at: 0), line.index(of: UInt8(ascii: "["), from: 10, upTo: min(line.count, 32)) != nil {
            trace = .frames
            return true
        }
        if isPanic(line) { return false }
        if Self.isIndented(line) { return true }
        guard trace == .frames else { return false }
        if Self.isBlank(line) || isCall(line) { return true }
        for word in ["[signal ", "created by ", "exit status ", "...", "runtime stack:"] as [StaticString] where line.holds(word, at: 0) {
            return true
        }
        trace = .none
        return false
    }

    /// `main.(*Server).handle(0xc000, 0x1)`
    private func isCall(_ line: Span<UInt8>) -> Bool {
        var end = line.count
        if end > 0, line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        guard end > 3, line[end - 1] == UInt8(ascii: ")"), let open = line.index(of: UInt8(ascii: "("), from: 0, upTo: end) else { return false }
        return line.index(of: UInt8(ascii: "."), from: 0, upTo: open + 1) != nil && line.index(of: UInt8(ascii: " "), from: 0, upTo: open) == nil
    }

    // MARK: Ruby: Exception#full_message

    /// `app.rb:3:in 'foo': message (RuntimeError)` begins; indented `from` lines, and bare places as Rails writes them, continue.
    private func ruby(_ line: Span<UInt8>) -> Bool {
        if Self.isIndented(line) { return true }
        var index = 0
        while index < min(line.count, 512) {
            // ":12:in "
            if line[index] == UInt8(ascii: ":"), index > 0 {
                var end = index + 1
                while end < line.count, line[end].isDigit { end += 1 }
                if end > index + 1, line.holds(":in ", at: end) {
                    let rest = end + 4
                    guard rest < line.count, line[rest] == UInt8(ascii: "'") || line[rest] == UInt8(ascii: "`") else { return false }
                    // What follows the name's closing quote is a message: a line of its own.
                    guard let close = line.index(of: UInt8(ascii: "'"), from: rest + 1, upTo: line.count) else { return false }
                    return !line.holds(": ", at: close + 1)
                }
            }
            if line[index] == UInt8(ascii: " ") { return false }
            index += 1
        }
        return false
    }
}
