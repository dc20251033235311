/// Server-sent events from bytes, as they come in pieces of any size (HTML standard, §9.2.6). Only what the aggregator sends is read: lines end with a
/// line feed, and `retry` is left to the caller's own back-off.
struct EventStreamParser {
    struct Message: Equatable {
        /// `message` when none was named.
        var event: String
        var data: String
    }

    /// A longer line is no event of ours: those have a message and data of at most 1 MiB each, escaped.
    static let lineBytesMax = 16 << 20

    /// The last id, of an event or of none: where a stream goes on.
    private(set) var lastID: String?
    private var line: [UInt8] = []
    private var event = ""
    private var data: String?
    private var id: String?
    /// A line was longer than any event; nothing more is read.
    private(set) var isBroken = false

    /// - Parameter lastID: that of the connection before.
    init(lastID: String?) { self.lastID = lastID }

    /// Each message is handed over with the id behind which the stream goes on; false ends it.
    mutating func take(_ piece: [UInt8], _ body: (Message) -> Bool) -> Bool {
        for byte in piece {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                if line.count > Self.lineBytesMax { isBroken = true }
                if isBroken { return false }
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            defer { line.removeAll(keepingCapacity: true) }
            if !end(line: line, body) { return false }
        }
        return true
    }

    private mutating func end(line: [UInt8], _ body: (Message) -> Bool) -> Bool {
        guard !line.isEmpty else {
            defer { (event, data, id) = ("", nil, nil) }
            // What was handed over is what counts: a broken connection must not pass over an event that nobody has seen.
            if let data, !body(Message(event: event.isEmpty ? "message" : event, data: data)) { return false }
            if let id { lastID = id }
            return true
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "data": data = data.map { $0 + "\n" + text } ?? text
        case "event": event = text
        case "id": id = text
        // A comment has no name; other fields are not ours.
        default: break
        }
        return true
    }
}
