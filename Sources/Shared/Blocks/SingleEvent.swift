package import Telemetry

extension SingleEvent {
    /// Copies an event out of the bytes of a body. The caller has checked that the pieces are UTF-8.
    /// - Precondition: every piece lies in `body`, or in `scratch` where it says so.
    /// - Parameters:
    ///   - tags: in place of `fields.tags`, which is a number of some encoder's.
    ///   - hostOfNone: the host of an event that names none.
    package init(_ fields: EventFields, tags: [String], hostOfNone: String, in body: Span<UInt8>, scratch: Span<UInt8>) {
        self.init(timestamp: Timestamp(nanoseconds: fields.timestamp), severity: Severity(rawValue: fields.severity) ?? .critical)
        bytes.reserveCapacity(body.count + scratch.count + hostOfNone.utf8.count)
        source = add(fields.source, of: body)
        type = add(fields.type, of: body)
        host = fields.host.count > 0 ? add(fields.host, of: body) : add(hostOfNone)
        if fields.correlation.count > 0 { correlation = add(fields.correlation, of: body) }
        for tag in tags { self.tags.append(add(tag)) }
        if fields.message.isThere { message = fields.messageInScratch ? add(fields.message, of: scratch) : add(fields.message, of: body) }
        // Two bytes are `{}`.
        if fields.data.count > 2 { data = fields.dataInScratch ? add(fields.data, of: scratch) : add(fields.data, of: body) }
        if fields.hasID { id = UUID(high: fields.idHigh, low: fields.idLow) }
    }

    private mutating func add(_ piece: EventFields.Piece, of span: Span<UInt8>) -> Range<Int> {
        let start = bytes.count
        bytes.append(span.extracting(piece.start..<piece.start + piece.count))
        return start..<bytes.count
    }

    private mutating func add(_ text: String) -> Range<Int> {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        return start..<bytes.count
    }
}

extension AdmittedBlock {
    /// The block's bytes, encoded now when it is a single event.
    package var encoded: [UInt8] {
        guard let event else { return bytes }
        var encoder = EventBlockEncoder()
        encoder.append(event)
        return encoder.finish()
    }
}
