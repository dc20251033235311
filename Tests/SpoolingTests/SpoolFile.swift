import SQLite

/// Somebody else's hand in the spool's file.
struct SpoolFile {
    private let path: String

    init(_ folder: String) { path = folder + "/spool.db" }

    func execute(_ sql: String) throws { try Connection(path: path).execute(sql) }

    func count(_ sql: String) throws -> Int64 {
        try Connection(path: path).first(sql) { (row) throws(SQLiteError) in row.integer(0) } ?? 0
    }
}
