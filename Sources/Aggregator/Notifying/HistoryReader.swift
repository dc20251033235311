import Operating
import SQLite
import Telemetry

/// A second connection to `notifications.db`, on a thread of its own, that only reads: a report over 90 days may take seconds, and messages go
/// out meanwhile.
actor HistoryReader {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let path: String
    private var connection: Connection?

    init(path: String) { self.path = path }

    func read<Result: Sendable>(_ body: @Sendable (HistoryTables) throws(SQLiteError) -> Result) throws(QueryError) -> Result {
        do throws(SQLiteError) {
            return try body(HistoryTables(connection: try opened()))
        } catch {
            // The file may have been set aside: the next question opens the one that is there.
            connection = nil
            throw .failed(error.description)
        }
    }

    private func opened() throws(SQLiteError) -> Connection {
        if let connection { return connection }
        let fresh = try Connection(path: path, options: .readOnly)
        connection = fresh
        return fresh
    }
}
