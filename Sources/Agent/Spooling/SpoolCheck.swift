package import JSON
import SQLite
import Telemetry
import Wire

/// What `agentctl spool check` finds: everything that the schema promises, looked at from the outside.
package struct SpoolCheck: Sendable {
    /// More than this says no more.
    static let problemsMax = 100

    package private(set) var problems: [String] = []
    /// That wait, and the events, samples and alerts in them.
    package private(set) var batches: UInt64 = 0
    package private(set) var rows: UInt64 = 0

    /// A file that cannot even be opened.
    init(failure: String) { problems = [failure] }

    /// Reads all of the file.
    init(_ connection: Connection) {
        do throws(SQLiteError) { problems += try connection.findDamage().prefix(Self.problemsMax) } catch { problems.append("\(error)") }
        do throws(SQLiteError) { _ = try SpoolStore.loadCheckpoint(connection) } catch { problems.append("\(error)") }
        do throws(SQLiteError) {
            let state = try SpoolStore.loadState(connection)
            for lane in Lane.allCases {
                do throws(SQLiteError) { try check(lane, state, connection) } catch { problems.append("\(error)") }
            }
        } catch { problems.append("\(error)") }
        problems = Array(problems.prefix(Self.problemsMax))
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("problems", problems)
        writer.member("batches", batches)
        writer.member("rows", rows)
        writer.endObject()
    }

    private mutating func check(_ lane: Lane, _ state: SpoolState, _ connection: Connection) throws(SQLiteError) {
        let numbers = state[lane]
        let range: [Value] = [.integer(BatchKey(lane, 0).rawValue), .integer(BatchKey.end(of: lane).rawValue)]
        let runs = try connection.query("SELECT first, last FROM skipped WHERE first BETWEEN ? AND ? ORDER BY first", range) {
            (row) throws(SQLiteError) in (first: BatchKey(rawValue: row.integer(0)).sequence, last: BatchKey(rawValue: row.integer(1)).sequence)
        }
        var (expected, nextRun, found, bytes) = (numbers.acknowledged + 1, 0, UInt64(0), UInt64(0))
        func passRuns() {
            while nextRun < runs.count, runs[nextRun].first <= expected {
                expected = max(expected, runs[nextRun].last + 1)
                nextRun += 1
            }
        }
        var (strange, rowCount) = ([String](), UInt64(0))
        try connection.forEach("SELECT key, generation, row_count, bytes FROM batch WHERE key BETWEEN ? AND ? ORDER BY key", range) {
            (row) throws(SQLiteError) in
            let sequence = BatchKey(rawValue: row.integer(0)).sequence
            passRuns()
            if sequence > expected { strange.append("batches \(expected) to \(sequence - 1) of \(lane) are missing") }
            if sequence < expected { strange.append("batch \(sequence) of \(lane) is there although it was given up or acknowledged") }
            expected = sequence + 1
            (found, bytes) = (found + 1, bytes + UInt64(row.byteCount(3)))
            if let problem = Self.problem(of: row, sequence, lane, state.owner(of: sequence, in: lane)) { strange.append(problem) }
            rowCount += row.unsigned(2)
            return strange.count < Self.problemsMax
        }
        passRuns()
        if strange.isEmpty {
            if expected < numbers.next { strange.append("batches \(expected) to \(numbers.next - 1) of \(lane) are missing") }
            if (found, bytes) != (numbers.batches, numbers.bytes) {
                strange.append("\(lane) says \(numbers.batches) batches of \(numbers.bytes) bytes and holds \(found) of \(bytes)")
            }
        }
        batches += found
        rows += rowCount
        problems += strange
    }

    private static func problem(of row: Row, _ sequence: UInt64, _ lane: Lane, _ owner: SpoolState.Owner) -> String? {
        let batch: Batch
        do throws(WireError) {
            guard let first = try Wire.open(row.blob(3), inflatedBytesMax: SpoolStore.inflatedBytesMax).first else { return nil }
            batch = first.batch
        } catch {
            return "batch \(sequence) of \(lane) cannot be read: \(error)"
        }
        guard batch.lane == lane else { return "batch \(sequence) of \(lane) is one of \(batch.lane)" }
        guard row.integer(1) == owner.generation else { return nil }
        guard batch.identity.agent == owner.agent, batch.sequence == sequence - owner.base else {
            return "batch \(sequence) of \(lane) is sealed as \(batch.sequence) of agent \(batch.identity.agent)"
        }
        return nil
    }
}
