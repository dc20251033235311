import Blocks
import Telemetry

/// Values that are more than a name.
extension EventScanner {
    /// `2026-11-01T12:34:56.789Z` in the minute known; all else goes to ``Timestamp/init(rfc3339:)``.
    @inline(__always)
    mutating func timestamp(_ at: ScanCursor, _ begin: Int, into fields: inout EventFields) -> Int? {
        let prefix = (at.word64(begin), at.word64(begin + 8))
        var offset = begin + 16
        let (tens, ones) = (at[offset + 1] &- 0x30, at[offset + 2] &- 0x30)
        if prefix == minute, at[offset] == UInt8(ascii: ":"), tens < 6, ones < 10 {
            offset += 3
            var (fraction, scale): (Int64, Int64) = (0, 1_000_000_000)
            if at[offset] == UInt8(ascii: ".") {
                offset += 1
                while scale > 1, case let digit = at[offset] &- 0x30, digit < 10 {
                    scale /= 10
                    fraction += Int64(digit) * scale
                    offset += 1
                }
                if scale == 1_000_000_000 { return nil }
            }
            let time = minuteStart + Int64(tens * 10 + ones) * 1_000_000_000 + fraction
            if at[offset] == UInt8(ascii: "Z"), at[offset + 1] == UInt8(ascii: "\""), time <= latest {
                fields.timestamp = time
                return offset + 2
            }
        }
        return unusualTimestamp(at, begin, into: &fields)
    }

    @inline(never)
    private mutating func unusualTimestamp(_ at: ScanCursor, _ begin: Int, into fields: inout EventFields) -> Int? {
        guard let close = at.name(begin), close - begin >= 20, close - begin < 64 else { return nil }
        guard let time = at.withBytes(begin, close, { Timestamp(rfc3339: $0) }), time.nanoseconds >= 0, time.nanoseconds <= latest else { return nil }
        fields.timestamp = time.nanoseconds
        // Where it ends with Z the first 16 bytes are a minute of UTC.
        if at[close - 1] == UInt8(ascii: "Z"), at[begin + 17] < UInt8(ascii: "6") {
            let second = Int64(at[begin + 17] &- 0x30) * 10 + Int64(at[begin + 18] &- 0x30)
            let inMinute = time.nanoseconds % 60_000_000_000
            if inMinute / 1_000_000_000 == second {
                (minute, minuteStart) = ((at.word64(begin), at.word64(begin + 8)), time.nanoseconds - inMinute)
            }
        }
        return close + 1
    }

    @inline(__always)
    mutating func tags(
        _ at: ScanCursor,
        _ start: Int,
        isLine: Bool,
        _ text: BodyText,
        _ encoder: borrowing EventBlockEncoder,
        into fields: inout EventFields
    ) -> Int? {
        guard at[start] == UInt8(ascii: "[") else { return nil }
        // A list that was read before and begins here ends at its first bracket. One with a bracket in a tag is never found and always read.
        if let bracket = at.firstBracket(start + 1) {
            let piece = EventFields.Piece(start, bracket + 1 - start)
            if let known = encoder.tagList(of: piece, in: text.padded.span) {
                fields.tags = known
                return bracket + 1
            }
        }
        return unusualTags(at, start, isLine: isLine)
    }

    @inline(never)
    private mutating func unusualTags(_ at: ScanCursor, _ start: Int, isLine: Bool) -> Int? {
        var (offset, list) = (at.skipBlanks(start + 1, lineBreaks: !isLine), [String]())
        if at[offset] != UInt8(ascii: "]") {
            while true {
                guard at[offset] == UInt8(ascii: "\""), let close = at.name(offset + 1) else { return nil }
                let length = close - offset - 1
                guard length > 0, length <= ReceivingLimits.nameBytesMax else { return nil }
                list.append(at.string(offset + 1, close))
                offset = at.skipBlanks(close + 1, lineBreaks: !isLine)
                if at[offset] == UInt8(ascii: "]") { break }
                guard at[offset] == UInt8(ascii: ","), list.count < ReceivingLimits.tagsMax else { return nil }
                offset = at.skipBlanks(offset + 1, lineBreaks: !isLine)
            }
        }
        guard Set(list).count == list.count else { return nil }
        (newTags, newTagsSpelled) = (list, EventFields.Piece(start, offset + 1 - start))
        return offset + 1
    }

    @inline(__always)
    mutating func data(_ at: ScanCursor, _ start: Int, isLine: Bool, _ text: BodyText, into fields: inout EventFields) -> Int? {
        guard at[start] == UInt8(ascii: "{") else { return nil }
        hasBlanks = false
        guard let end = at.endOfObject(start, levelsMax: min(limits.jsonDepthMax - 1, 62), lineBreaks: !isLine, hasBlanks: &hasBlanks) else {
            return nil
        }
        guard end - start <= ReceivingLimits.textBytesMax else { return nil }
        fields.data = EventFields.Piece(start, end - start)
        if hasBlanks {
            let from = scratch.count
            at.appendCompact(start, end, to: &scratch)
            (fields.data, fields.dataInScratch) = (EventFields.Piece(from, scratch.count - from), true)
        }
        return end
    }

    /// A string's content whose escapes are good but no surrogates. Returns where its closing quote is.
    @inline(__always)
    mutating func string(_ at: ScanCursor, _ begin: Int) -> Int? {
        hasEscapes = false
        return at.endOfString(begin, hasEscapes: &hasEscapes)
    }

    mutating func resolve(_ at: ScanCursor, _ begin: Int, _ close: Int, into fields: inout EventFields) {
        let from = scratch.count
        at.appendResolved(begin, close, to: &scratch)
        (fields.message, fields.messageInScratch) = (EventFields.Piece(from, scratch.count - from), true)
    }
}
