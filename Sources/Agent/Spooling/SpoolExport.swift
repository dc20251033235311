import Blocks
import JSON
import SQLite
import Telemetry
import Wire

/// `agentctl spool export`: what waits, or what was set aside, as lines of JSON.
struct SpoolExport {
    let connection: Connection
    /// Takes one line without its line feed; false: no more is wanted.
    let tell: ([UInt8]) -> Bool

    /// - Parameter lanes: which.
    func waiting(_ lanes: [Lane]) throws(SQLiteError) {
        for lane in lanes {
            let range: [Value] = [.integer(BatchKey(lane, 0).rawValue), .integer(BatchKey.end(of: lane).rawValue)]
            // One batch at a time, in a transaction of its own: a long one would keep the agent from beginning its log anew.
            let keys = try connection.query("SELECT key FROM batch WHERE key BETWEEN ? AND ? ORDER BY key", range) { (row) throws(SQLiteError) in
                row.integer(0)
            }
            for key in keys {
                let bytes = try connection.first("SELECT bytes FROM batch WHERE key = ?", [.integer(key)]) { (row) throws(SQLiteError) in row.blob(0)
                }
                // Acknowledged meanwhile.
                guard let bytes else { continue }
                guard tell(bytes, lane, BatchKey(rawValue: key).sequence, reason: nil) else { return }
            }
        }
    }

    func setAside() throws(SQLiteError) {
        let ids = try connection.query("SELECT id FROM refused ORDER BY id") { (row) throws(SQLiteError) in row.integer(0) }
        for id in ids {
            let found = try connection.first("SELECT lane, sequence, refused_at, reason, bytes FROM refused WHERE id = ?", [.integer(id)]) {
                (row) throws(SQLiteError) in
                (lane: Lane(rawValue: UInt8(truncatingIfNeeded: row.integer(0))), sequence: row.unsigned(1), reason: row.text(3), bytes: row.blob(4))
            }
            guard let found, let lane = found.lane else { continue }
            guard tell(found.bytes, lane, found.sequence, reason: found.reason) else { return }
        }
    }

    private func tell(_ bytes: [UInt8], _ lane: Lane, _ sequence: UInt64, reason: String?) -> Bool {
        let batch = (try? Wire.open(bytes, inflatedBytesMax: SpoolStore.inflatedBytesMax))?.first?.batch
        guard let batch else { return line(lane, sequence, reason, nil) { $0.member("problem", "this batch cannot be read") } }
        for block in batch.blocks {
            if let events = try? EventBlock(decoding: block) {
                for row in 0..<events.count where !line(lane, sequence, reason, batch, { Self.write(events.event(at: row), to: &$0) }) {
                    return false
                }
            } else if let samples = try? SampleBlock(decoding: block) {
                for row in 0..<samples.count where !line(lane, sequence, reason, batch, { Self.write(samples.sample(at: row), to: &$0) }) {
                    return false
                }
            } else if let alerts = try? AlertBlock(decoding: block) {
                for alert in alerts.alerts where !line(lane, sequence, reason, batch, { Self.write(alert, to: &$0) }) { return false }
            } else if !line(lane, sequence, reason, batch, { $0.member("problem", "a block of this batch cannot be read") }) {
                return false
            }
        }
        return true
    }

    private func line(_ lane: Lane, _ sequence: UInt64, _ reason: String?, _ batch: Batch?, _ body: (inout JSONWriter) -> Void) -> Bool {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("lane", lane.label)
        writer.member("sequence", sequence)
        if let batch { writer.member("agent_id", batch.identity.agent.description) }
        if let reason { writer.member("refused_because", reason) }
        body(&writer)
        writer.endObject()
        return tell(writer.bytes)
    }

    private static func write(_ event: Event, to writer: inout JSONWriter) {
        writer.member("kind", "event")
        writer.member("timestamp", event.timestamp.rfc3339)
        writer.member("source", event.source)
        writer.member("type", event.type)
        writer.member("severity", event.severity.label)
        writer.member("host", event.host)
        writer.member("tags", event.tags)
        writer.member("message", event.message)
        writer.member("data", event.data)
    }

    private static func write(_ sample: Sample, to writer: inout JSONWriter) {
        writer.member("kind", "sample")
        writer.member("timestamp", sample.timestamp.rfc3339)
        writer.member("series", sample.series.description)
        writer.member("value", "\(sample.value)")
    }

    private static func write(_ alert: Alert, to writer: inout JSONWriter) {
        writer.member("kind", "alert")
        writer.member("timestamp", alert.updatedAt.rfc3339)
        writer.member("labels", alert.labels.description)
        writer.member("state", "\(alert.state)")
        writer.member("value", "\(alert.value)")
    }
}
