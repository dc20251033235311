import Blocks
import JSON
import SQLite
import Telemetry

/// Incidents. Their events, alerts and samples lie in blocks; what is searched for stands in columns of its own.
extension CorrelationStore {
    /// Incidents of several hosts. `hosts` and `names` are lines, each between line feeds: a name is found by `instr`.
    static let incidentsStep = """
        ALTER TABLE incident ADD COLUMN hosts TEXT NOT NULL DEFAULT '';
        ALTER TABLE incident ADD COLUMN names TEXT NOT NULL DEFAULT '';
        ALTER TABLE incident ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
        ALTER TABLE incident ADD COLUMN changes BLOB;
        ALTER TABLE incident ADD COLUMN metrics BLOB;
        UPDATE incident SET hosts = char(10) || host || char(10);
        """

    private static let columns = "id, opened_at, closed_at, alerts, firing, evidence, evidence_wanted, hosts, facts, changes, metrics"

    /// Open ones, and the latest closed ones.
    func rememberedIncidents() throws(SQLiteError) -> [IncidentEntry] {
        let open = try connection.query("SELECT \(Self.columns) FROM incident WHERE closed_at IS NULL") { (row) throws(SQLiteError) in
            try self.incident(row)
        }
        let sql = "SELECT \(Self.columns) FROM incident WHERE closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT ?"
        return open
            + (try connection.query(sql, [.integer(Int64(CorrelatingLimits.closedIncidentsInMemory))]) { (row) throws(SQLiteError) in
                try self.incident(row)
            })
    }

    func incident(_ id: UUID) throws(SQLiteError) -> Incident? {
        try connection.first("SELECT \(Self.columns) FROM incident WHERE id = ?", [.blob(id.bytes)]) { (row) throws(SQLiteError) in
            try self.incident(row).incident
        }
    }

    func incidents(_ query: IncidentQuery) throws(SQLiteError) -> IncidentPage {
        var (conditions, values): ([String], [Value]) = (["opened_at >= ? AND opened_at < ?"], [])
        values = [.integer(query.start.nanoseconds), .integer(query.end.nanoseconds)]
        if let isOpen = query.isOpen { conditions.append(isOpen ? "closed_at IS NULL" : "closed_at IS NOT NULL") }
        for (column, text) in [("hosts", query.host), ("names", query.name)] {
            guard let text else { continue }
            conditions.append("instr(\(column), ?) > 0")
            values.append(.text("\n\(text)\n"))
        }
        if let cursor = query.cursor {
            conditions.append("(opened_at, id) < (?, ?)")
            values += [.integer(cursor.openedAt.nanoseconds), .blob(cursor.id.bytes)]
        }
        let limit = max(1, query.limit)
        values.append(.integer(Int64(limit + 1)))
        let sql = """
            SELECT \(Self.columns) FROM incident WHERE \(conditions.joined(separator: " AND ")) ORDER BY opened_at DESC, id DESC LIMIT ?
            """
        let found = try connection.query(sql, values) { (row) throws(SQLiteError) in try self.incident(row).incident }
        let page = Array(found.prefix(limit))
        let next = found.count > limit ? page.last.map { IncidentCursor(openedAt: $0.openedAt, id: $0.id) } : nil
        return IncidentPage(incidents: page, next: next)
    }

    func write(_ entry: IncidentEntry) throws(SQLiteError) {
        let firing = entry.firing.map { String($0, radix: 16) }.joined(separator: " ")
        let names = Set(entry.alerts.map(\.name) + [entry.name]).sorted()
        let samples = entry.metrics.flatMap { series in series.points.map { Sample(series: series.labels, timestamp: $0.timestamp, value: $0.value) }
        }
        try connection.execute(
            """
            INSERT OR REPLACE INTO incident (id, host, opened_at, closed_at, alerts, firing, evidence, evidence_wanted, hosts, names, facts, changes,
                metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .blob(entry.id.bytes), .text(entry.hosts.first ?? ""), .integer(entry.openedAt.nanoseconds), .optional(entry.closedAt?.nanoseconds),
                .blob(AlertBlock.encode(entry.alerts)), .text(firing), .blob(EventBlock.encode(entry.evidence)),
                .integer(entry.isEvidenceWanted ? 1 : 0), .text(Self.lines(entry.hosts)), .text(Self.lines(names)), .text(Self.facts(of: entry)),
                entry.changes.isEmpty ? .null : .blob(EventBlock.encode(entry.changes)),
                samples.isEmpty ? .null : .blob(SampleBlock.encode(samples)),
            ]
        )
    }

    private func incident(_ row: Row) throws(SQLiteError) -> IncidentEntry {
        guard let id = UUID(bytes: row.blob(0)) else { throw connection.corruption("an incident's id is not 16 bytes") }
        let openedAt = Timestamp(nanoseconds: row.integer(1))
        let hosts = row.text(7).split(separator: "\n").map(String.init)
        let facts = (try? JSON.parse(Array(row.text(8).utf8))) ?? .null
        // Before version 3 an incident was one of a host, and nothing was waited for.
        let keys = facts["keys"]?.array?.compactMap { $0.string.flatMap { IncidentKey($0) } } ?? hosts.map { IncidentKey(.host, $0) }
        do {
            let alerts = try AlertBlock(decoding: row.blob(3)).alerts
            let mergedInto = facts["merged_into"]?.string.flatMap { UUID($0) }
            let changes = try row.isNull(9) ? [] : EventBlock(decoding: row.blob(9)).events()
            let metrics = try row.isNull(10) ? [] : Self.series(SampleBlock(decoding: row.blob(10)))
            return IncidentEntry(
                id: id,
                name: facts["name"]?.string ?? alerts.first?.name ?? "",
                keys: keys,
                hosts: hosts,
                openedAt: openedAt,
                closedAt: row.optionalInteger(2).map { Timestamp(nanoseconds: $0) },
                closing: facts["closing"]?.string.flatMap { Incident.Closing(rawValue: $0) },
                madeAt: facts["made_at"]?.integer.map { Timestamp(nanoseconds: $0) } ?? openedAt,
                alerts: alerts,
                firing: Set(row.text(4).split(separator: " ").compactMap { UInt64($0, radix: 16) }),
                evidence: try EventBlock(decoding: row.blob(5)).events(),
                changes: changes,
                metrics: metrics,
                isEvidenceWanted: row.integer(6) != 0,
                collection: facts["collection"]?.string.flatMap { Incident.Collection(rawValue: $0) } ?? .complete,
                missing: facts["missing"]?.array?.compactMap(\.string) ?? [],
                mergedInto: mergedInto,
                mergedFrom: facts["merged_from"]?.array?.compactMap { $0.string.flatMap { UUID($0) } } ?? []
            )
        } catch {
            throw connection.corruption("incident \(id) cannot be read: \(error)")
        }
    }

    private static func facts(of entry: IncidentEntry) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("name", entry.name)
        writer.member("keys", entry.keys.map(\.text))
        writer.member("closing", entry.closing?.rawValue)
        writer.member("made_at", entry.madeAt.nanoseconds)
        writer.member("collection", entry.collection.rawValue)
        writer.member("missing", entry.missing)
        if let id = entry.mergedInto { writer.member("merged_into", id.description) }
        if !entry.mergedFrom.isEmpty { writer.member("merged_from", entry.mergedFrom.map(\.description)) }
        writer.endObject()
        return writer.text
    }

    private static func lines(_ words: [String]) -> String { words.isEmpty ? "" : "\n" + words.joined(separator: "\n") + "\n" }

    /// In the order in which they were written.
    private static func series(_ block: SampleBlock) -> [MetricPoints] {
        var series = block.series.map { MetricPoints(labels: $0, points: []) }
        for row in 0..<block.count {
            let point = MetricPoints.Point(Timestamp(nanoseconds: block.timestamps[row]), block.values[row])
            series[Int(block.seriesOfRow[row])].points.append(point)
        }
        return series
    }
}
