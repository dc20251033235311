import JSON
import Telemetry

/// What is wrong with one event.
struct EventFault: Error, Sendable, Hashable {
    var pointer: String
    var detail: String
    /// Not JSON at all, as opposed to JSON that is no event.
    var isSyntax = false
}

/// Every fault of one event.
struct EventFaults: Error, Sendable, Hashable {
    var faults: [EventFault]
}

/// Reads one event from JSON text: required `source`, `type`, `severity`; `source_system` and `event_type` are other spellings.
///
/// Nothing of an event is dropped: a member that has no place of its own is kept in `data` under its own name.
struct EventReader: Sendable {
    private let limits: ReceivingLimits
    private let receivedAt: Timestamp
    private let latest: Timestamp

    /// - Parameter receivedAt: the timestamp of events that bring none, and what "too far in the future" is measured from.
    init(limits: ReceivingLimits, receivedAt: Timestamp) {
        (self.limits, self.receivedAt, latest) = (limits, receivedAt, receivedAt.advanced(by: limits.futureMax))
    }

    /// - Parameter bytes: exactly one element: the body, a line, or an array's element. Offsets in faults count from its beginning.
    func event(in bytes: Span<UInt8>) throws(EventFaults) -> Event {
        var draft = Draft()
        do {
            try read(bytes, into: &draft)
        } catch {
            throw EventFaults(faults: [EventFault(pointer: "", detail: error.description, isSyntax: true)])
        }
        return try finish(&draft)
    }

    /// What was read so far.
    private struct Draft {
        var id: UUID?
        var timestamp: Timestamp?
        var source: String?
        var type: String?
        var severity: Severity?
        var host = ""
        var correlationID: String?
        var tags: [String] = []
        var message: String?
        var data = [UInt8]()
        /// Members without a place of their own, as text: `"a":1,"b":2`.
        var others = [UInt8]()
        var otherNames: Set<String> = []
        /// Fields that were named, and those that have a fault: one bit each.
        var seen: UInt16 = 0
        var faulty: UInt16 = 0
        var faults: [EventFault] = []
        var isNoObject = false

        mutating func fault(_ name: String, _ detail: String) { faults.append(EventFault(pointer: "/" + escape(name), detail: detail)) }
    }

    private func read(_ bytes: Span<UInt8>, into draft: inout Draft) throws(JSONError) {
        var scanner = JSONScanner(over: bytes, limits: JSONLimits(depthMax: limits.jsonDepthMax))
        let first = try scanner.next(in: bytes)
        if first == .beginObject {
            while case .key(let name) = try scanner.next(in: bytes) { try readMember(name, &scanner, in: bytes, into: &draft) }
        } else {
            _ = try scanner.skipRest(of: first, in: bytes)
            draft.isNoObject = true
        }
        _ = try scanner.next(in: bytes)
    }

    private func readMember(_ name: JSONText, _ scanner: inout JSONScanner, in bytes: Span<UInt8>, into draft: inout Draft) throws(JSONError) {
        let first = try scanner.next(in: bytes)
        guard let field = EventField(name, in: bytes) else { return try readOther(name, first, &scanner, in: bytes, into: &draft) }
        let faultsBefore = draft.faults.count
        defer { if draft.faults.count > faultsBefore { draft.faulty |= field.bit } }
        guard draft.seen & field.bit == 0 else {
            _ = try scanner.skipRest(of: first, in: bytes)
            return draft.fault(name.string(in: bytes), "\(field) stands there twice; \(field.note)")
        }
        draft.seen |= field.bit
        if first == .null { return }
        switch field {
        case .tags: try readTags(first, &scanner, in: bytes, into: &draft)
        case .data:
            guard first == .beginObject else {
                _ = try scanner.skipRest(of: first, in: bytes)
                return draft.fault("data", "data is not an object; write {\"key\": value}")
            }
            try scanner.captureRest(of: first, in: bytes, to: &draft.data)
            if draft.data.count > ReceivingLimits.textBytesMax {
                draft.fault("data", "data has \(draft.data.count) bytes; at most \(ReceivingLimits.textBytesMax) are taken")
            }
        default:
            guard case .string(let text) = first else {
                _ = try scanner.skipRest(of: first, in: bytes)
                let remedy = field == .timestamp ? "; write RFC 3339, as 2026-11-01T12:00:00Z" : ""
                return draft.fault(name.string(in: bytes), "\(field) is not a string\(remedy)")
            }
            readText(field, text, name, in: bytes, into: &draft)
        }
    }

    /// A member without a place of its own goes into `data`.
    private func readOther(
        _ name: JSONText,
        _ first: JSONToken,
        _ scanner: inout JSONScanner,
        in bytes: Span<UInt8>,
        into draft: inout Draft
    ) throws(JSONError) {
        let spelled = name.string(in: bytes)
        guard draft.otherNames.insert(spelled).inserted else {
            _ = try scanner.skipRest(of: first, in: bytes)
            return draft.fault(spelled, "\(spelled) stands there twice")
        }
        if !draft.others.isEmpty { draft.others.append(UInt8(ascii: ",")) }
        var key = JSONWriter()
        key.string(spelled)
        draft.others += key.bytes
        draft.others.append(UInt8(ascii: ":"))
        try scanner.captureRest(of: first, in: bytes, to: &draft.others)
    }

    private func readText(_ field: EventField, _ value: JSONText, _ name: JSONText, in bytes: Span<UInt8>, into draft: inout Draft) {
        let text = value.string(in: bytes)
        switch field {
        case .eventID:
            draft.id = UUID(text)
            if draft.id == nil { draft.fault("event_id", "\"\(short(text))\" is not a UUID; write 8-4-4-4-12 hex digits, or leave event_id out") }
        case .timestamp: readTimestamp(text, into: &draft)
        case .severity:
            draft.severity = Severity(label: text)
            if draft.severity == nil {
                draft.fault("severity", "\"\(short(text))\" is no severity; write debug, info, warning, error or critical")
            }
        case .message:
            draft.message = text
            if text.utf8.count > ReceivingLimits.textBytesMax {
                draft.fault("message", "message has \(text.utf8.count) bytes; at most \(ReceivingLimits.textBytesMax) are taken")
            }
        case .correlationID:
            draft.correlationID = text.isEmpty ? nil : text
            checkName(text, "correlation_id", bytesMax: ReceivingLimits.keyBytesMax, into: &draft)
        case .source:
            draft.source = text
            let pointer = name.string(in: bytes)
            checkName(text, pointer, bytesMax: ReceivingLimits.nameBytesMax, mayBeEmpty: false, into: &draft)
            if text == Event.ownSource { draft.fault(pointer, "the source \"\(text)\" is Tocsin's own; choose another name") }
        case .type:
            draft.type = text
            checkName(text, name.string(in: bytes), bytesMax: ReceivingLimits.nameBytesMax, mayBeEmpty: false, into: &draft)
        case .host:
            draft.host = text
            checkName(text, "host", bytesMax: ReceivingLimits.nameBytesMax, into: &draft)
        case .tags, .data: break
        }
    }

    private func readTimestamp(_ text: String, into draft: inout Draft) {
        guard let timestamp = Timestamp(rfc3339: text) else {
            return draft.fault(
                "timestamp",
                "\"\(short(text))\" is not a time from 1970 to 2261 in RFC 3339; write 2026-11-01T12:00:00Z or 2026-11-01T12:00:00.123456789+01:00"
            )
        }
        draft.timestamp = timestamp
        if timestamp.nanoseconds < 0 { draft.fault("timestamp", "\"\(short(text))\" lies before 1970: look at the sender's clock") }
        if timestamp > latest {
            draft.fault(
                "timestamp",
                "\"\(short(text))\" lies more than \(limits.futureMax) in the future (it is \(receivedAt) here): look at the sender's clock"
            )
        }
    }

    private func readTags(_ first: JSONToken, _ scanner: inout JSONScanner, in bytes: Span<UInt8>, into draft: inout Draft) throws(JSONError) {
        guard first == .beginArray else {
            _ = try scanner.skipRest(of: first, in: bytes)
            return draft.fault("tags", "tags is not a list; write [\"production\", \"web\"]")
        }
        var index = 0
        while case let token = try scanner.next(in: bytes), token != .endArray {
            if case .string(let text) = token {
                let tag = text.string(in: bytes)
                checkName(tag, "tags/\(index)", bytesMax: ReceivingLimits.nameBytesMax, mayBeEmpty: false, into: &draft)
                if draft.tags.count < ReceivingLimits.tagsMax, !draft.tags.contains(tag) { draft.tags.append(tag) }
            } else {
                _ = try scanner.skipRest(of: token, in: bytes)
                draft.fault("tags/\(index)", "a tag is not a string")
            }
            index += 1
        }
        if index > ReceivingLimits.tagsMax { draft.fault("tags", "\(index) tags; at most \(ReceivingLimits.tagsMax) are taken") }
    }

    private func checkName(_ text: String, _ pointer: String, bytesMax: Int, mayBeEmpty: Bool = true, into draft: inout Draft) {
        if text.isEmpty, !mayBeEmpty { draft.fault(pointer, "it is empty; write a name") }
        if text.utf8.count > bytesMax { draft.fault(pointer, "it has \(text.utf8.count) bytes; at most \(bytesMax) are taken") }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { draft.fault(pointer, "it holds control characters; leave them out") }
    }

    private func finish(_ draft: inout Draft) throws(EventFaults) -> Event {
        if draft.isNoObject { throw EventFaults(faults: [EventFault(pointer: "", detail: "an event is a JSON object; write {\"source\": …}")]) }
        for (field, isThere) in [(EventField.source, draft.source != nil), (.type, draft.type != nil), (.severity, draft.severity != nil)]
        where !isThere && draft.faulty & field.bit == 0 {
            draft.fault("\(field)", "\(field) is required; \(field.note)")
        }
        if !draft.others.isEmpty { keepOthers(&draft) }
        guard draft.faults.isEmpty, let source = draft.source, let type = draft.type, let severity = draft.severity else {
            throw EventFaults(faults: draft.faults)
        }
        return Event(
            id: draft.id,
            timestamp: draft.timestamp ?? receivedAt,
            source: source,
            type: type,
            severity: severity,
            host: draft.host,
            correlationID: draft.correlationID,
            tags: draft.tags,
            message: draft.message,
            data: draft.data.isEmpty ? "{}" : String(decoding: draft.data, as: UTF8.self)
        )
    }

    private func keepOthers(_ draft: inout Draft) {
        if draft.data.isEmpty || draft.data == [UInt8]("{}".utf8) {
            draft.data = [UInt8(ascii: "{")] + draft.others + [UInt8(ascii: "}")]
        } else {
            let known = ((try? JSON.parse(draft.data, limits: JSONLimits(depthMax: JSONLimits.depthCeiling)))?.members ?? []).map(\.key)
            for name in known where draft.otherNames.contains(name) {
                draft.fault(name, "\(name) stands in the event and in its data; name it once")
            }
            draft.data.removeLast()
            draft.data += [UInt8(ascii: ",")] + draft.others + [UInt8(ascii: "}")]
        }
        if draft.data.count > ReceivingLimits.textBytesMax {
            draft.fault("data", "data has \(draft.data.count) bytes; at most \(ReceivingLimits.textBytesMax) are taken")
        }
    }
}

/// A JSON pointer's piece (RFC 6901 §3); our own `tags/3` keeps its slash.
private func escape(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }), !name.hasPrefix("tags/") else { return name }
    return name.map { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) }.joined()
}

/// What stands there, for a sentence: not more than a person wants to read back.
private func short(_ text: String) -> String { text.count > 60 ? text.prefix(60) + "…" : text }
