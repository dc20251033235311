import Blocks
import JSON
import Telemetry

/// Reads events of the common shape straight into a block's columns, eight bytes at a time, without an object or a String.
///
/// It knows what it has seen: whatever is unusual (a member without a place of its own, an escape in a name, a surrogate pair, any fault) it leaves
/// alone by answering nil, and ``EventReader`` reads that event from its beginning. So every event that this scanner takes must mean the same to
/// both, and only EventReader says what is wrong with one.
@safe
struct EventScanner {
    let limits: ReceivingLimits
    private let receivedAt: Int64
    let latest: Int64
    /// The first 16 bytes of the last timestamp (`2026-11-01T12:34`), and the nanoseconds that they stand for: neighbours share their minute.
    /// The epoch's own minute at first.
    var minute: (UInt64, UInt64) = (0x2D31_302D_3037_3931, 0x3030_3A30_3054_3130)
    var minuteStart: Int64 = 0
    /// Messages with escapes resolved and data without white space, of the event at hand.
    var scratch: [UInt8] = []
    /// What the last text scanned held.
    var hasEscapes = false
    var hasBlanks = false
    /// A list of tags not seen before.
    var newTags: [String]?
    var newTagsSpelled = EventFields.Piece.none

    init(limits: ReceivingLimits, receivedAt: Timestamp) {
        (self.limits, self.receivedAt) = (limits, receivedAt.nanoseconds)
        latest = receivedAt.advanced(by: limits.futureMax).nanoseconds
    }

    /// What must stand behind an element, besides white space.
    enum Ending {
        /// A line break, or the end of the text.
        case line
        /// A comma or the closing bracket of the array.
        case element
        /// The end of the text.
        case text
    }

    /// Reads the object that begins at `start` and appends it as a row.
    /// - Returns: the offset of what ends it; nil: nothing was appended, and EventReader must look.
    mutating func append(_ text: BodyText, at start: Int, ending: Ending, to encoder: inout EventBlockEncoder) -> Int? {
        guard let (read, end) = fields(text, at: start, ending: ending, encoder) else { return nil }
        var fields = read
        if let newTags { fields.tags = encoder.learn(newTags, spelled: newTagsSpelled, in: text.padded.span) }
        encoder.append(fields, in: text.padded.span, scratch: scratch.span)
        return end
    }

    /// Reads the object that begins at `start`, with nothing behind it, as an event by itself.
    /// - Parameter encoder: knows no lists of tags yet.
    /// - Returns: nil: EventReader must look.
    mutating func single(_ text: BodyText, at start: Int, _ encoder: borrowing EventBlockEncoder) -> SingleEvent? {
        guard let (fields, _) = fields(text, at: start, ending: .text, encoder) else { return nil }
        return SingleEvent(fields, tags: newTags ?? [], hostOfNone: encoder.hostOfNone, in: text.padded.span, scratch: scratch.span)
    }

    private mutating func fields(
        _ text: BodyText,
        at start: Int,
        ending: Ending,
        _ encoder: borrowing EventBlockEncoder
    ) -> (fields: EventFields, end: Int)? {
        var fields = EventFields(timestamp: receivedAt)
        newTags = nil
        let end = unsafe text.padded.withUnsafeBufferPointer { buffer -> Int? in
            guard let base = buffer.baseAddress else { return nil }
            let at = unsafe ScanCursor(base)
            guard let end = object(at, start, isLine: ending == .line, text, encoder, into: &fields) else { return nil }
            let behind = at.skipBlanks(end, lineBreaks: ending != .line)
            let isGood =
                switch ending {
                case .line: at[behind] == 0x0A || behind == text.count
                case .element: at[behind] == UInt8(ascii: ",") || at[behind] == UInt8(ascii: "]")
                case .text: behind == text.count
                }
            return isGood ? behind : nil
        }
        guard let end, fields.source.count > 0, fields.type.count > 0, fields.severity != Self.noSeverity else { return nil }
        return (fields, end)
    }

    private static let noSeverity: UInt8 = 0xFF

    /// The members, their names compared as words of eight bytes.
    private mutating func object(
        _ at: ScanCursor,
        _ start: Int,
        isLine: Bool,
        _ text: BodyText,
        _ encoder: borrowing EventBlockEncoder,
        into fields: inout EventFields
    ) -> Int? {
        guard at[start] == UInt8(ascii: "{") else { return nil }
        fields.severity = Self.noSeverity
        if !scratch.isEmpty { scratch.removeAll(keepingCapacity: true) }
        var seen: UInt16 = 0
        var offset = at.skipBlanks(start + 1, lineBreaks: !isLine)
        while true {
            guard at[offset] == UInt8(ascii: "\""), let name = MemberName(at, offset + 1) else { return nil }
            guard seen & name.field.bit == 0 else { return nil }
            seen |= name.field.bit
            offset = name.end
            if at[offset] <= 0x20 { offset = at.skipBlanks(offset, lineBreaks: !isLine) }
            if at[offset] == UInt8(ascii: "n") {
                guard at.word32(offset) == 0x6C6C_756E else { return nil }
                offset += 4
            } else {
                guard let behind = value(of: name.field, at, offset, isLine: isLine, text, encoder, into: &fields) else { return nil }
                offset = behind
            }
            if at[offset] <= 0x20 { offset = at.skipBlanks(offset, lineBreaks: !isLine) }
            if at[offset] == UInt8(ascii: ",") {
                offset += 1
                if at[offset] <= 0x20 { offset = at.skipBlanks(offset, lineBreaks: !isLine) }
            } else {
                return at[offset] == UInt8(ascii: "}") ? offset + 1 : nil
            }
        }
    }

    /// One value that is not null. Returns the offset behind it.
    @inline(__always)
    private mutating func value(
        of field: EventField,
        _ at: ScanCursor,
        _ start: Int,
        isLine: Bool,
        _ text: BodyText,
        _ encoder: borrowing EventBlockEncoder,
        into fields: inout EventFields
    ) -> Int? {
        switch field {
        case .tags: return tags(at, start, isLine: isLine, text, encoder, into: &fields)
        case .data: return data(at, start, isLine: isLine, text, into: &fields)
        default: break
        }
        guard at[start] == UInt8(ascii: "\"") else { return nil }
        let begin = start + 1
        switch field {
        case .timestamp: return timestamp(at, begin, into: &fields)
        case .severity:
            guard let severity = at.severity(begin) else { return nil }
            fields.severity = severity.number
            return severity.end
        case .message:
            guard let close = string(at, begin), close - begin <= ReceivingLimits.textBytesMax else { return nil }
            fields.message = EventFields.Piece(begin, close - begin)
            if hasEscapes { resolve(at, begin, close, into: &fields) }
            return close + 1
        case .eventID:
            guard let id = at.identifier(begin) else { return nil }
            (fields.hasID, fields.idHigh, fields.idLow) = (true, id.high, id.low)
            return begin + 37
        case .source:
            guard let close = at.name(begin), close > begin, close - begin <= ReceivingLimits.nameBytesMax else { return nil }
            guard close - begin != 6 || at.word64(begin) << 16 != 0x6E69_7363_6F74 << 16 else { return nil }
            fields.source = EventFields.Piece(begin, close - begin)
            return close + 1
        case .type:
            guard let close = at.name(begin), close > begin, close - begin <= ReceivingLimits.nameBytesMax else { return nil }
            fields.type = EventFields.Piece(begin, close - begin)
            return close + 1
        case .host:
            guard let close = at.name(begin), close - begin <= ReceivingLimits.nameBytesMax else { return nil }
            fields.host = EventFields.Piece(begin, close - begin)
            return close + 1
        case .correlationID:
            guard let close = at.name(begin), close - begin <= ReceivingLimits.keyBytesMax else { return nil }
            fields.correlation = EventFields.Piece(begin, close - begin)
            return close + 1
        case .tags, .data: return nil
        }
    }
}
