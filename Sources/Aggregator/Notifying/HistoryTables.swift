import Explaining
import SQLite
import Telemetry

/// Reads `notifications.db` for people: past alerts, decisions, notifications. On any connection, so that a long question is asked on one of its
/// own and holds up no message.
struct HistoryTables {
    let connection: Connection

    private static let episodeColumns = """
        ordinal, body, reason, history_only, incident, acknowledged_at, acknowledged_by, acknowledged_comment, acknowledged_via,
        (SELECT count(*) FROM delivery_alert a WHERE a.fingerprint = episode.fingerprint AND a.active_at = episode.active_at),
        (SELECT count(*) FROM delivery_alert a JOIN delivery d ON d.id = a.delivery
            WHERE a.fingerprint = episode.fingerprint AND a.active_at = episode.active_at AND d.status = 'firing')
        """

    /// Those that fired at some moment of the time asked for, the latest beginning first.
    func episodes(_ query: EpisodeQuery) throws(SQLiteError) -> [AlertEpisode] {
        var (conditions, values): ([String], [Value]) = (["1"], [])
        func add(_ condition: String, _ bound: Value...) {
            conditions.append(condition)
            values += bound
        }
        if let start = query.start { add("(ends_at IS NULL OR ends_at >= ?)", .integer(start.nanoseconds)) }
        if let end = query.end { add("starts_at <= ?", .integer(end.nanoseconds)) }
        if let host = query.host { add("host = ?", .text(host)) }
        if let name = query.alertname { add("alertname = ?", .text(name)) }
        if let place = query.after { add("(starts_at, ordinal) < (?, ?)", .integer(place.startsAt.nanoseconds), .integer(place.ordinal)) }
        return try connection.query(
            """
            SELECT \(Self.episodeColumns) FROM episode WHERE \(conditions.joined(separator: " AND "))
            ORDER BY starts_at DESC, ordinal DESC LIMIT ?
            """,
            values + [.integer(Int64(query.limit))],
            { (row) throws(SQLiteError) in episode(row) }
        ).compactMap { $0 }
    }

    func episodes(fingerprints: ClosedRange<UInt64>, limit: Int) throws(SQLiteError) -> [AlertEpisode] {
        // SQLite's integers are signed. A prefix of one digit or more lies on one side of zero; the range of all does not.
        let (low, high) = (Int64(bitPattern: fingerprints.lowerBound), Int64(bitPattern: fingerprints.upperBound))
        let range = low <= high ? "fingerprint BETWEEN ? AND ?" : "(fingerprint >= ? OR fingerprint <= ?)"
        return try connection.query(
            "SELECT \(Self.episodeColumns) FROM episode WHERE \(range) ORDER BY active_at DESC, ordinal DESC LIMIT ?",
            [.integer(low), .integer(high), .integer(Int64(limit))],
            { (row) throws(SQLiteError) in episode(row) }
        ).compactMap { $0 }
    }

    func episodes(ofDelivery id: UUID) throws(SQLiteError) -> [AlertEpisode] {
        try connection.query(
            """
            SELECT \(Self.episodeColumns) FROM episode WHERE (fingerprint, active_at) IN
                (SELECT fingerprint, active_at FROM delivery_alert WHERE delivery = ?)
            ORDER BY starts_at, ordinal LIMIT ?
            """,
            [.blob(id.bytes), .integer(Int64(NotifyingLimits.alertsPerLinkMax))],
            { (row) throws(SQLiteError) in episode(row) }
        ).compactMap { $0 }
    }

    private func episode(_ row: Row) -> AlertEpisode? {
        guard let alert = StoredAlert.decode(row.text(1)) else { return nil }
        return AlertEpisode(
            ordinal: row.integer(0),
            alert: alert,
            reason: row.text(2),
            isHistoryOnly: row.integer(3) != 0,
            incident: UUID(bytes: row.blob(4)) ?? UUID(high: 0, low: 0),
            acknowledgement: row.optionalInteger(5).map {
                AlertAcknowledgement(at: Timestamp(nanoseconds: $0), by: row.text(6), comment: row.text(7), via: row.text(8))
            },
            notifications: Int(row.integer(9)),
            pages: Int(row.integer(10))
        )
    }

    /// What was decided here on an alert and on the notifications that it was part of, in order.
    func decisions(of fingerprint: UInt64, activeFrom from: Timestamp, to: Timestamp) throws(SQLiteError) -> [Decision] {
        var decisions = try DecisionTable.decisions(of: fingerprint, activeFrom: from, to: to, in: connection)
        let deliveries = try connection.query(
            """
            SELECT d.id FROM delivery_alert a JOIN delivery d ON d.id = a.delivery
            WHERE a.fingerprint = ? AND a.active_at BETWEEN ? AND ? ORDER BY d.ordinal DESC LIMIT ?
            """,
            [
                .unsigned(fingerprint), .integer(from.nanoseconds), .integer(to.nanoseconds),
                .integer(Int64(NotifyingLimits.explainedDeliveriesMax)),
            ]
        ) { (row) throws(SQLiteError) in UUID(bytes: row.blob(0)) ?? UUID(high: 0, low: 0) }
        for id in deliveries.reversed() { decisions += try DecisionTable.decisions(of: id, in: connection) }
        return decisions
    }

    /// Nil for a delivery that is not known any more.
    func receiver(ofDelivery id: UUID) throws(SQLiteError) -> String? {
        try connection.first("SELECT receiver FROM delivery WHERE id = ?", [.blob(id.bytes)]) { (row) throws(SQLiteError) in row.text(0) }
    }
}
