/// The history of a file's schema. `user_version` counts the steps that were taken, `application_id` says whose file it is.
package struct Migrations: Sendable {
    /// One step: SQL statements that lead from the version before to this one. A released step is never changed, only followed.
    package let steps: [String]
    /// Four letters as a number, above 0; `file` and other tools show it.
    package let applicationID: Int32

    package init(applicationID: Int32, steps: [String]) {
        precondition(applicationID > 0, "an application id is above 0")
        (self.applicationID, self.steps) = (applicationID, steps)
    }

    /// Brings the file up to date, in one transaction.
    /// - Throws: `.newerSchema` and `.foreignFile` without changing anything.
    package func apply(to connection: Connection) throws(SQLiteError) {
        try check(connection)
        guard try connection.pragma("user_version") < Int64(steps.count) else { return }
        try connection.transaction { () throws(SQLiteError) in
            // Once more under the lock: another process may have been quicker.
            try check(connection)
            let version = Int(try connection.pragma("user_version"))
            for step in steps.dropFirst(version) { try connection.executeScript(step) }
            try connection.execute("PRAGMA application_id = \(applicationID)")
            try connection.execute("PRAGMA user_version = \(steps.count)")
        }
    }

    /// For whoever may only read: the file is of exactly this version.
    /// - Throws: `.newerSchema`, `.foreignFile`, and an SQLite error for an older version, which its owner brings up to date when it opens it.
    package func requireCurrent(_ connection: Connection) throws(SQLiteError) {
        try check(connection)
        let version = try connection.pragma("user_version")
        guard version == Int64(steps.count) else {
            let message =
                "it is of an older version (schema \(version) instead of \(steps.count)), which the next start of its program brings up to date"
            throw SQLiteError(code: .olderSchema, message: message, sql: nil, path: connection.path)
        }
    }

    /// Holds the schema of a file that is up to date against what the steps make: SQLite does not notice a letter that turned in the name of a column, and says
    /// much later that there is no such column.
    /// - Throws: a corruption.
    package func requireUndamaged(_ connection: Connection) throws(SQLiteError) {
        func schema(_ connection: Connection) throws(SQLiteError) -> [String] {
            try connection.query(
                "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
            ) { (row) throws(SQLiteError) in row.text(0) }
        }
        let model = try Connection(path: ":memory:", options: ConnectionOptions())
        try apply(to: model)
        let wanted = Set(try schema(model))
        if let strange = try schema(connection).first(where: { !wanted.contains($0) }) {
            throw connection.corruption("its schema is not what was written: \(strange.prefix(200))")
        }
        let found = try schema(connection).count
        guard found == wanted.count else { throw connection.corruption("its schema has \(found) entries instead of \(wanted.count)") }
    }

    private func check(_ connection: Connection) throws(SQLiteError) {
        let owner = try connection.pragma("application_id")
        let version = try connection.pragma("user_version")
        let tables = try connection.first("SELECT count(*) FROM sqlite_schema") { (row) throws(SQLiteError) in row.integer(0) } ?? 0
        if owner != Int64(applicationID), owner != 0 || version != 0 || tables != 0 {
            let message = "this is a database of another program (application id \(owner) instead of \(applicationID))"
            throw SQLiteError(code: .foreignFile, message: message, sql: nil, path: connection.path)
        }
        if version > Int64(steps.count) {
            let message = "it was written by a newer version (schema \(version); this version knows up to \(steps.count))"
            throw SQLiteError(code: .newerSchema, message: message, sql: nil, path: connection.path)
        }
    }
}
