import Answering
import JSON
import Telemetry

/// Many events in one body: a JSON array or NDJSON. A bad element is reported and the others are read: elements are found first, by
/// brackets and quotes or by lines, and each is then parsed by itself.
struct BatchReader: Sendable {
    private let limits: ReceivingLimits
    private let reader: EventReader

    init(limits: ReceivingLimits, receivedAt: Timestamp) {
        (self.limits, reader) = (limits, EventReader(limits: limits, receivedAt: receivedAt))
    }

    struct Outcome: Sendable {
        var events: [Event] = []
        /// At most ``ReceivingLimits/errorsListedMax``.
        var errors: [Problem.Item] = []
        var failed = 0
        /// Whether no failed element was JSON.
        var failedBySyntaxOnly = true
    }

    /// Throws 400 when the array as a whole cannot be read, 413 when it holds too many events.
    func read(_ body: [UInt8]) throws(Problem) -> Outcome {
        let bytes = body.span
        let start = firstByte(of: bytes)
        guard start < bytes.count else { throw .malformed("the body is empty; send a JSON array of events, or one event a line") }
        var outcome = Outcome()
        if bytes[start] == UInt8(ascii: "[") {
            try readArray(bytes, from: start + 1, into: &outcome)
        } else {
            try readLines(bytes, from: start, into: &outcome)
        }
        return outcome
    }

    private func readElement(_ element: Span<UInt8>, into outcome: inout Outcome) throws(Problem) {
        let index = outcome.events.count + outcome.failed
        guard index < limits.eventsMax else {
            throw .tooLarge("the batch holds more than \(limits.eventsMax) events: split it into several requests; nothing was stored")
        }
        do {
            outcome.events.append(try reader.event(in: element))
        } catch {
            outcome.failed += 1
            for fault in error.faults {
                if !fault.isSyntax { outcome.failedBySyntaxOnly = false }
                guard outcome.errors.count < ReceivingLimits.errorsListedMax else { break }
                outcome.errors.append(Problem.Item(index: index, pointer: fault.pointer, detail: fault.detail))
            }
        }
    }

    private func readLines(_ bytes: Span<UInt8>, from start: Int, into outcome: inout Outcome) throws(Problem) {
        var lineStart = start
        while lineStart < bytes.count {
            var lineEnd = lineStart
            var isBlank = true
            while lineEnd < bytes.count, bytes[lineEnd] != UInt8(ascii: "\n") {
                if bytes[lineEnd] > 0x20 { isBlank = false }
                lineEnd += 1
            }
            if !isBlank { try readElement(bytes.extracting(lineStart..<lineEnd), into: &outcome) }
            lineStart = lineEnd + 1
        }
    }

    private func readArray(_ bytes: Span<UInt8>, from start: Int, into outcome: inout Outcome) throws(Problem) {
        var (elementStart, index, depth, isInString) = (start, start, 0, false)
        var isClosed = false
        scan: while index < bytes.count {
            let byte = bytes[index]
            if isInString {
                if byte == UInt8(ascii: "\\") { index += 1 } else if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}") where depth > 0: depth -= 1
                case UInt8(ascii: "]") where depth > 0: depth -= 1
                case UInt8(ascii: "]"):
                    isClosed = true
                    break scan
                case UInt8(ascii: ",") where depth == 0:
                    try readElement(bytes.extracting(elementStart..<index), into: &outcome)
                    elementStart = index + 1
                default: break
                }
            }
            index += 1
        }
        guard isClosed else {
            throw .malformed(
                "the array of events is not closed: the body ends \(isInString ? "inside a string" : "before its last ]"); nothing was stored"
            )
        }
        let isEmpty = outcome.events.isEmpty && outcome.failed == 0 && isBlank(bytes.extracting(elementStart..<index))
        if !isEmpty { try readElement(bytes.extracting(elementStart..<index), into: &outcome) }
        guard isBlank(bytes.extracting(index + 1..<bytes.count)) else {
            throw .malformed("more text follows after the array of events (byte \(index + 1)); nothing was stored")
        }
    }

    /// Behind white space and a byte order mark, which RFC 8259 §8.1 lets a reader pass over.
    private func firstByte(of bytes: Span<UInt8>) -> Int {
        var index = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF ? 3 : 0
        while index < bytes.count, bytes[index] <= 0x20 { index += 1 }
        return index
    }

    private func isBlank(_ bytes: Span<UInt8>) -> Bool {
        for index in 0..<bytes.count where bytes[index] > 0x20 { return false }
        return true
    }
}
