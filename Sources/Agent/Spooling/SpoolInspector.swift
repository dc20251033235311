import Glibc
import Logging
import Operating
import SQLite
package import Telemetry

/// Looks into a spool from outside: beside a running agent, or when none runs. Reads only, but for ``repair(host:at:)``. Calls block.
package struct SpoolInspector: Sendable {
    private let files: SpoolFiles

    /// - Parameter folder: `spool.path` of the agent's configuration, or a database file that was set aside.
    package init(folder: String) { files = SpoolFiles(path: folder) }

    package func stat() throws(SpoolError) -> SpoolReport {
        try reading { (connection) throws(SQLiteError) in try SpoolReport(connection, files: files) }
    }

    /// Everything that is wrong with the file; empty when all is well. Reads all of it.
    package func check() throws(SpoolError) -> SpoolCheck {
        do throws(SpoolError) { return try reading { (connection) throws(SQLiteError) in SpoolCheck(connection) } } catch {
            guard case .damaged(let reason) = error else { throw error }
            return SpoolCheck(failure: reason)
        }
    }

    /// What waits, batch by batch, as lines of JSON; what cannot be read says so.
    package func export(_ lanes: [Lane], _ tell: @escaping ([UInt8]) -> Bool) throws(SpoolError) {
        try reading { (connection) throws(SQLiteError) in try SpoolExport(connection: connection, tell: tell).waiting(lanes) }
    }

    /// What the aggregator refused for good.
    package func exportSetAside(_ tell: @escaping ([UInt8]) -> Bool) throws(SpoolError) {
        try reading { (connection) throws(SQLiteError) in try SpoolExport(connection: connection, tell: tell).setAside() }
    }

    /// Carries what can be read into a new file and sets the damaged one aside, as the agent does when it finds damage. Nothing happens to a
    /// spool that is sound.
    /// - Throws: `.locked` while an agent runs.
    /// - Returns: what was wrong; empty: nothing, and nothing was changed.
    package func repair(host: String, at now: Timestamp) throws(SpoolError) -> [String] {
        let lock = try SpoolLock(folder: files.folder)
        defer { withExtendedLifetime(lock) {} }
        // Asked first: a reader sees nothing of them.
        let lost = files.lostCommits
        let problems = try (lost.map { [$0.message] } ?? []) + check().problems
        guard let first = problems.first else { return [] }
        let house = SpoolHouse(config: SpoolConfig(path: files.folder, maxBytes: 1 << 50), host: host, tags: [], machine: 0)
        let opening = SpoolOpening(house: house, files: files, logger: Logger(label: "spool") { _ in SwiftLogNoOpLogHandler() })
        let error = SQLiteError(code: .sqlite(SQLiteError.corruptCode), message: first, sql: nil, path: files.database)
        _ = try opening.startAnew(because: error, known: nil, isStale: lost != nil, newAgent: Spool.randomUUID(now), at: now)
        return problems
    }

    private func reading<Result>(_ body: (Connection) throws(SQLiteError) -> Result) throws(SpoolError) -> Result {
        guard unsafe access(files.database, F_OK) == 0 else {
            throw .missing("there is no spool at \(files.database): name the folder of spool.path, or a damaged file, with --path")
        }
        do throws(SQLiteError) {
            var options = ConnectionOptions.readOnly
            options.busyTimeout = .seconds(1)
            let connection = try Connection(path: files.database, options: options)
            try SpoolSchema.migrations.requireCurrent(connection)
            return try body(connection)
        } catch {
            if error.isCorrupt { throw .damaged("\(error)") }
            throw error.code == .newerSchema ? .newer("\(error)") : .failed("\(error)")
        }
    }
}
