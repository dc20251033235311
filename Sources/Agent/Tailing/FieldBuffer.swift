/// Members of a JSON object, written one after the other: what a line says besides its time, severity and message. Reused from line to line.
struct FieldBuffer {
    /// `,"status":502,"path":"/a"`: each member begins with a comma.
    private(set) var bytes: [UInt8] = []
    /// What a line's message is where it does not stand in the line as it is: a JSON string with its escapes resolved.
    var message: [UInt8] = []

    var isEmpty: Bool { bytes.isEmpty }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        message.removeAll(keepingCapacity: true)
    }

    // MARK: Members

    /// A piece of the line as a string. The line is UTF-8.
    mutating func text(_ key: StaticString, _ line: Span<UInt8>, _ range: Range<Int>) {
        name(key)
        quote(line, range)
    }

    /// A piece of the line under a name that the line gives.
    mutating func text(_ key: Range<Int>, _ line: Span<UInt8>, _ range: Range<Int>) {
        bytes.append(UInt8(ascii: ","))
        quote(line, key)
        bytes.append(UInt8(ascii: ":"))
        quote(line, range)
    }

    /// Digits of the line as a number, where JSON takes them for one; else as a string.
    mutating func number(_ key: StaticString, _ line: Span<UInt8>, _ range: Range<Int>) {
        let isNumber =
            !range.isEmpty && range.count <= 18 && range.allSatisfy { line[$0].isDigit }
            && (range.count == 1 || line[range.lowerBound] != UInt8(ascii: "0"))
        guard isNumber else { return text(key, line, range) }
        name(key)
        append(line, range)
    }

    /// A word of ours: nothing in it needs an escape.
    mutating func word(_ key: StaticString, _ value: StaticString) {
        name(key)
        bytes.append(UInt8(ascii: "\""))
        append(value)
        bytes.append(UInt8(ascii: "\""))
    }

    /// A member whose name and value are JSON already.
    mutating func raw(_ key: Range<Int>, _ value: Range<Int>, _ line: Span<UInt8>) {
        bytes.append(contentsOf: [UInt8(ascii: ","), UInt8(ascii: "\"")])
        append(line, key)
        bytes.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: ":")])
        append(line, value)
    }

    mutating func beginObject(_ key: StaticString) {
        name(key)
        bytes.append(UInt8(ascii: "{"))
    }

    mutating func beginObject(_ line: Span<UInt8>, _ key: Range<Int>) {
        bytes.append(UInt8(ascii: ","))
        quote(line, key)
        bytes.append(contentsOf: [UInt8(ascii: ":"), UInt8(ascii: "{")])
    }

    /// Closes an object, and takes out the comma that its first member began with.
    /// - Parameter start: ``count`` after the object was begun.
    mutating func endObject(from start: Int) {
        if start < bytes.count, bytes[start] == UInt8(ascii: ",") { bytes.remove(at: start) }
        bytes.append(UInt8(ascii: "}"))
    }

    var count: Int { bytes.count }

    /// Takes back what was written since `count` was this.
    mutating func cut(to count: Int) { bytes.removeSubrange(count...) }

    // MARK: Bytes

    private mutating func name(_ key: StaticString) {
        bytes.append(contentsOf: [UInt8(ascii: ","), UInt8(ascii: "\"")])
        append(key)
        bytes.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: ":")])
    }

    private mutating func append(_ text: StaticString) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func append(_ line: Span<UInt8>, _ range: Range<Int>) {
        unsafe line.extracting(range).withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    private mutating func quote(_ line: Span<UInt8>, _ range: Range<Int>) {
        bytes.append(UInt8(ascii: "\""))
        var plain = range.lowerBound
        for index in range {
            let byte = line[index]
            if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { continue }
            append(line, plain..<index)
            plain = index + 1
            bytes.append(UInt8(ascii: "\\"))
            switch byte {
            case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
            case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
            case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
            default:
                let digits: StaticString = "0123456789abcdef"
                append("u00")
                for half in [byte >> 4, byte & 15] { unsafe bytes.append(digits.utf8Start[Int(half)]) }
            }
        }
        append(line, plain..<range.upperBound)
        bytes.append(UInt8(ascii: "\""))
    }
}
