import CSQLite

/// A copy of a database that is in use.
extension Connection {
    /// Copies the database as this connection sees it into a new file, page by page: inside a transaction that has read something, exactly what that
    /// transaction sees. Others may write meanwhile. What the copy holds is on disk when this returns; its name is when the caller has synced the folder.
    /// - Throws: also when there is a file at `path`.
    package func copy(to path: String) throws(SQLiteError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        defer { unsafe sqlite3_close_v2(opened) }
        guard code == SQLITE_OK, let target = unsafe opened else {
            throw SQLiteError(code: .sqlite(code), message: "cannot make the copy", sql: nil, path: path)
        }
        func failure(_ code: Int32) -> SQLiteError {
            SQLiteError(code: .sqlite(code), message: unsafe "the copy failed: \(String(cString: sqlite3_errmsg(target)))", sql: nil, path: path)
        }
        // Nothing is at the path yet, so there is nothing to roll back to; the sync at the end is SQLite's own.
        for pragma in ["PRAGMA journal_mode = OFF", "PRAGMA synchronous = FULL"] {
            let code = unsafe sqlite3_exec(target, pragma, nil, nil, nil)
            guard code == SQLITE_OK else { throw failure(code) }
        }
        guard let backup = unsafe sqlite3_backup_init(target, "main", handle, "main") else {
            throw failure(unsafe sqlite3_extended_errcode(target))
        }
        let copied = unsafe sqlite3_backup_step(backup, -1)
        let finished = unsafe sqlite3_backup_finish(backup)
        guard copied == SQLITE_DONE else { throw failure(copied) }
        guard finished == SQLITE_OK else { throw failure(finished) }
    }
}
