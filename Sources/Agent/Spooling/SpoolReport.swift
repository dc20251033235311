import Glibc
package import JSON
import SQLite
import Telemetry

/// What `agentctl spool stat` shows: the spool's numbers as the file says them.
package struct SpoolReport: Sendable {
    struct LaneReport: Sendable {
        var lane: Lane
        var numbers: SpoolState.Lane
        var oldest: Timestamp?
        /// Runs of sequences whose content was given up and that still have to be told.
        var givenUp: UInt64
    }

    var path: String
    var fileBytes: Int64
    var logBytes: Int64
    var freeBytes: Int64
    var schema: Int64
    var agent: UUID
    var generation: Int64
    var inherited: [SpoolState.Heirloom]
    var lanes: [LaneReport]
    var refused: UInt64
    var positions: UInt64
    var gapCounts: [Gap.Reason: UInt64]
    var damaged: [String]

    init(_ connection: Connection, files: SpoolFiles) throws(SQLiteError) {
        let state = try SpoolStore.loadState(connection)
        func count(_ sql: String, _ values: [Value] = []) throws(SQLiteError) -> UInt64 {
            try connection.first(sql, values) { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0
        }
        path = files.database
        (fileBytes, logBytes) = (Self.size(files.database), Self.size(files.database + "-wal"))
        freeBytes = try connection.pragma("freelist_count") * connection.pragma("page_size")
        schema = try connection.pragma("user_version")
        (agent, generation, inherited, gapCounts) = (state.agent, state.generation, state.heirlooms, state.gapCounts)
        lanes = []
        for lane in Lane.allCases {
            let range: [Value] = [.integer(BatchKey(lane, 0).rawValue), .integer(BatchKey.end(of: lane).rawValue)]
            let oldest = try connection.first("SELECT created_at FROM batch WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1", range) {
                (row) throws(SQLiteError) in Timestamp(nanoseconds: row.integer(0))
            }
            let givenUp = try count("SELECT count(*) FROM skipped WHERE first BETWEEN ? AND ?", range)
            lanes.append(LaneReport(lane: lane, numbers: state[lane], oldest: oldest, givenUp: givenUp))
        }
        refused = try count("SELECT count(*) FROM refused")
        positions = try count("SELECT count(*) FROM position")
        damaged = files.corruptDatabases()
    }

    private static func size(_ path: String) -> Int64 {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("path", path)
        writer.member("file_bytes", fileBytes)
        writer.member("wal_bytes", logBytes)
        writer.member("free_bytes", freeBytes)
        writer.member("schema", schema)
        writer.member("agent_id", agent.description)
        writer.member("ids_before", generation)
        writer.key("lanes")
        writer.beginArray()
        for lane in lanes {
            writer.beginObject()
            writer.member("lane", lane.lane.label)
            writer.member("batches", lane.numbers.batches)
            writer.member("bytes", lane.numbers.bytes)
            writer.member("next", lane.numbers.next)
            writer.member("acknowledged", lane.numbers.acknowledged)
            writer.member("may_be_sent_through", lane.numbers.sent)
            writer.member("given_up_runs", lane.givenUp)
            writer.member("oldest", lane.oldest?.rfc3339)
            writer.endObject()
        }
        writer.endArray()
        writer.key("inherited")
        writer.beginArray()
        for run in inherited {
            writer.beginObject()
            writer.member("lane", run.lane.label)
            writer.member("agent_id", run.agent.description)
            writer.member("through", run.through)
            writer.endObject()
        }
        writer.endArray()
        writer.member("set_aside", refused)
        writer.member("positions", positions)
        writer.key("gap_counts")
        writer.beginObject()
        for (reason, count) in gapCounts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { writer.member(reason.rawValue, count) }
        writer.endObject()
        writer.member("damaged", damaged)
        writer.endObject()
    }
}
