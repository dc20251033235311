import Answering
import Glibc
import Telemetry

/// Many events in one body: a JSON array or NDJSON. A bad element is reported and the others are read: what the fast scanner does not take is
/// found by brackets and quotes, or by its line, and parsed by itself.
struct BatchReader: ~Copyable {
    private let text: BodyText
    private let limits: ReceivingLimits
    private var collector: EventCollector
    /// At most ``ReceivingLimits/errorsListedMax``.
    private(set) var errors: [Problem.Item] = []
    private(set) var failed = 0
    /// Whether no failed element was JSON.
    private(set) var failedBySyntaxOnly = true

    init(_ text: BodyText, limits: ReceivingLimits, receivedAt: Timestamp, hostOfNone: String) {
        (self.text, self.limits) = (text, limits)
        collector = EventCollector(text, limits: limits, receivedAt: receivedAt, hostOfNone: hostOfNone)
    }

    /// Events taken.
    var collected: Int { collector.count }

    /// Throws 400 when the array as a whole cannot be read, 413 when it holds too many events.
    mutating func read() throws(Problem) {
        let start = firstByte
        guard start < text.count else { throw .malformed("the body is empty; send a JSON array of events, or one event a line") }
        if text.padded[start] == UInt8(ascii: "[") { try readArray(from: start + 1) } else { try readLines(from: start) }
    }

    consuming func finish(key: String?) -> ClientEvents { collector.finish(key: key) }

    private func makeRoom() throws(Problem) {
        guard collector.count + failed < limits.eventsMax else {
            throw .tooLarge("the batch holds more than \(limits.eventsMax) events: split it into several requests; nothing was stored")
        }
    }

    private mutating func readElement(_ element: Range<Int>) throws(Problem) {
        let index = collector.count + failed
        do {
            try collector.read(element)
        } catch {
            failed += 1
            for fault in error.faults {
                if !fault.isSyntax { failedBySyntaxOnly = false }
                guard errors.count < ReceivingLimits.errorsListedMax else { break }
                errors.append(Problem.Item(index: index, pointer: fault.pointer, detail: fault.detail))
            }
        }
    }

    private mutating func readLines(from start: Int) throws(Problem) {
        var lineStart = start
        while lineStart < text.count {
            // Most lines are one event from their first byte on; blank ones are passed over.
            if text.padded[lineStart] == UInt8(ascii: "{") {
                try makeRoom()
                if let end = collector.scan(at: lineStart, ending: .line) {
                    lineStart = end + 1
                    continue
                }
            }
            let lineEnd = endOfLine(from: lineStart)
            if !isBlank(lineStart..<lineEnd) {
                try makeRoom()
                try readElement(lineStart..<lineEnd)
            }
            lineStart = lineEnd + 1
        }
    }

    private func endOfLine(from start: Int) -> Int {
        let length = text.count - start
        return unsafe text.padded.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let found = unsafe memchr(base + start, 0x0A, length) else { return text.count }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    private mutating func readArray(from start: Int) throws(Problem) {
        var elementStart = start
        while true {
            let first = skipBlanks(from: elementStart)
            var end: Int?
            if first < text.count, text.padded[first] == UInt8(ascii: "{") {
                try makeRoom()
                end = collector.scan(at: first, ending: .element)
            }
            if end == nil {
                let (close, isInString) = endOfElement(from: elementStart)
                guard let close else {
                    throw .malformed(
                        "the array of events is not closed: the body ends \(isInString ? "inside a string" : "before its last ]"); nothing was stored"
                    )
                }
                let isEmptyArray =
                    text.padded[close] == UInt8(ascii: "]") && collector.count == 0 && failed == 0 && isBlank(elementStart..<close)
                if !isEmptyArray {
                    try makeRoom()
                    try readElement(elementStart..<close)
                }
                end = close
            }
            guard let end else { return }
            guard text.padded[end] == UInt8(ascii: ",") else {
                guard isBlank(end + 1..<text.count) else {
                    throw .malformed("more text follows after the array of events (byte \(end + 1)); nothing was stored")
                }
                return
            }
            elementStart = end + 1
        }
    }

    /// The comma or bracket behind an element that begins at `start`, counted by brackets and quotes; nil when the body ends before it.
    private func endOfElement(from start: Int) -> (close: Int?, isInString: Bool) {
        var (index, depth, isInString) = (start, 0, false)
        while index < text.count {
            let byte = text.padded[index]
            if isInString {
                if byte == UInt8(ascii: "\\") { index += 1 } else if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}") where depth > 0: depth -= 1
                case UInt8(ascii: "]") where depth > 0: depth -= 1
                case UInt8(ascii: "]"): return (index, false)
                case UInt8(ascii: ",") where depth == 0: return (index, false)
                default: break
                }
            }
            index += 1
        }
        return (nil, isInString)
    }

    /// Behind white space and a byte order mark.
    private var firstByte: Int { skipBlanks(from: text.start) }

    private func skipBlanks(from start: Int) -> Int {
        var index = start
        while index < text.count, text.padded[index] <= 0x20 { index += 1 }
        return index
    }

    private func isBlank(_ range: Range<Int>) -> Bool { skipBlanks(from: range.lowerBound) >= range.upperBound }
}
