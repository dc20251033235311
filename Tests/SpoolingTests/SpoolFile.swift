import SQLite

/// Somebody else's hand in the spool's file.
struct SpoolFile {
    private let path: String

    init(_ folder: String) { path = folder + "/spool.db" }

    func execute(_ sql: String) throws { try Connection(path: path).execute(sql) }

    /// The first pages of tables and indexes by name; what stood in the log is in the file then.
    func pages(of names: [String]) throws -> [Int] {
        let connection = try Connection(path: path)
        try connection.checkpoint(.truncate)
        return try names.map { name in
            try connection.first("SELECT rootpage FROM sqlite_schema WHERE name = ?", [.text(name)]) { (row) throws(SQLiteError) in
                Int(row.integer(0))
            } ?? 0
        }
    }

    func count(_ sql: String) throws -> Int64 {
        try Connection(path: path).first(sql) { (row) throws(SQLiteError) in row.integer(0) } ?? 0
    }
}
