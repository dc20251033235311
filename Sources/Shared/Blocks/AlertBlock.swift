package import Telemetry

/// A decoded block of alerts. Alerts are few, so they lie row by row and are decoded at once.
package struct AlertBlock: Sendable {
    package let header: BlockHeader
    package let alerts: [Alert]

    /// Encodes at most ``BlockFormat/rowsMax`` alerts, in their order. The header's times are those of `updatedAt`.
    package static func encode(_ alerts: [Alert]) -> [UInt8] {
        var bytes = [UInt8]()
        for alert in alerts {
            for labels in [alert.labels, alert.annotations] {
                bytes.appendVarint(UInt64(labels.pairs.count))
                for pair in labels.pairs {
                    bytes.appendText(pair.name)
                    bytes.appendText(pair.value)
                }
            }
            bytes.append(code(of: alert.state))
            bytes.appendLittleEndian(UInt64(bitPattern: alert.activeAt.nanoseconds))
            bytes.appendLittleEndian(UInt64(bitPattern: alert.startsAt.nanoseconds))
            bytes.append(alert.endsAt == nil ? 0 : 1)
            bytes.appendLittleEndian(UInt64(bitPattern: alert.endsAt?.nanoseconds ?? 0))
            bytes.appendLittleEndian(alert.value.bitPattern)
            bytes.appendLittleEndian(UInt64(bitPattern: alert.updatedAt.nanoseconds))
            bytes.appendText(alert.expression)
        }
        let times = alerts.map(\.updatedAt.nanoseconds)
        return BlockFormat.assemble(
            .alerts,
            rows: alerts.count,
            from: times.min() ?? 0,
            to: times.max() ?? 0,
            columns: [(BlockFormat.AlertColumn.rows.rawValue, bytes)]
        )
    }

    /// Checks everything, as ``EventBlock/init(decoding:)`` does.
    package init(decoding bytes: [UInt8]) throws(BlockError) {
        let column = BlockFormat.AlertColumn.rows.rawValue
        let header = try BlockHeader(decoding: bytes)
        try header.require(.alerts, columnsThrough: column)
        var cursor = try header.cursor(column)
        var alerts = [Alert]()
        // 45 bytes are the least that an alert takes.
        guard header.count <= cursor.remaining / 45 else { throw .malformed("\(header.count) alerts in \(cursor.remaining) bytes") }
        alerts.reserveCapacity(header.count)
        for _ in 0..<header.count { alerts.append(try AlertBlock.alert(&cursor, in: bytes)) }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last alert") }
        let times = alerts.map(\.updatedAt)
        guard times.min() ?? Timestamp(nanoseconds: 0) == header.from, times.max() ?? Timestamp(nanoseconds: 0) == header.to else {
            throw .malformed("the header's times are not those of the rows")
        }
        (self.header, self.alerts) = (header, alerts)
    }

    private static func alert(_ cursor: inout ByteCursor, in bytes: [UInt8]) throws(BlockError) -> Alert {
        let (labels, annotations) = (try labels(&cursor, in: bytes), try labels(&cursor, in: bytes))
        let span = bytes.span
        let state: AlertState
        switch try cursor.byte(in: span) {
        case 0: state = .pending
        case 1: state = .firing
        case 2: state = .resolved
        case let other: throw .malformed("alert state \(other) is unknown")
        }
        let (activeAt, startsAt) = (try time(&cursor, in: span), try time(&cursor, in: span))
        let ended = try cursor.byte(in: span)
        guard ended <= 1 else { throw .malformed("\(ended) where 0 or 1 says whether the alert ended") }
        let endsAt = try time(&cursor, in: span)
        let value = Double(bitPattern: try cursor.littleEndian64(in: span))
        let updatedAt = try time(&cursor, in: span)
        return Alert(
            labels: labels,
            annotations: annotations,
            state: state,
            activeAt: activeAt,
            startsAt: startsAt,
            endsAt: ended == 1 ? endsAt : nil,
            value: value,
            updatedAt: updatedAt,
            expression: try cursor.string(in: bytes)
        )
    }

    private static func time(_ cursor: inout ByteCursor, in bytes: Span<UInt8>) throws(BlockError) -> Timestamp {
        Timestamp(nanoseconds: Int64(bitPattern: try cursor.littleEndian64(in: bytes)))
    }

    private static func labels(_ cursor: inout ByteCursor, in bytes: [UInt8]) throws(BlockError) -> Labels {
        let count = try cursor.count(bytesEach: 2, in: bytes.span)
        var pairs = [Label]()
        pairs.reserveCapacity(count)
        for _ in 0..<count { pairs.append(Label(try cursor.string(in: bytes), try cursor.string(in: bytes))) }
        return Labels(pairs)
    }

    private static func code(of state: AlertState) -> UInt8 {
        switch state {
        case .pending: 0
        case .firing: 1
        case .resolved: 2
        }
    }
}
