import Glibc
import SQLite
import TestSupport
import Testing

struct ConnectionTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func open(_ name: String = "a.db", _ options: ConnectionOptions = ConnectionOptions()) throws -> Connection {
        try Connection(path: folder(name), options: options)
    }

    @Test func `each storage class comes back as it went in`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE t (a, b, c, d, e)")
        let values: [Value] = [.null, .integer(.min), .real(0.1), .text("żółw 🐢"), .blob([0, 255, 0])]
        try connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", values)
        try connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", [.unsigned(.max), .text(""), .blob([]), 7, 1.5])
        let rows = try connection.query("SELECT * FROM t ORDER BY rowid") { (row) throws(SQLiteError) in (0..<5).map { row[$0] } }
        #expect(rows == [values, [.integer(-1), .text(""), .blob([]), .integer(7), .real(1.5)]])
        let number = try connection.first("SELECT a, b FROM t WHERE a IS NOT NULL") { (row) throws(SQLiteError) in row.unsigned(0) }
        #expect(number == .max)
        #expect(connection.changes == 1)
        #expect(connection.lastInsertRowID == 2)
    }

    @Test func `bytes can be read where they lie`() throws {
        let connection = try open()
        let sum = try connection.first("SELECT ?", [.blob([1, 2, 3])]) { (row) throws(SQLiteError) in
            row.withBytes(0) { bytes in (0..<bytes.count).reduce(0) { $0 + Int(bytes[$1]) } }
        }
        #expect(sum == 6)
    }

    @Test func `the file is in WAL mode with synchronous full`() throws {
        let connection = try open()
        #expect(try connection.pragma("synchronous") == 2)
        let mode = try connection.first("PRAGMA journal_mode") { (row) throws(SQLiteError) in row.text(0) }
        #expect(mode == "wal")
    }

    @Test func `a transaction that throws leaves nothing`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE t (a UNIQUE)")
        #expect(throws: SQLiteError.self) {
            try connection.transaction { () throws(SQLiteError) in
                try connection.execute("INSERT INTO t VALUES (1)")
                try connection.execute("INSERT INTO t VALUES (1)")
            }
        }
        #expect(!connection.isInTransaction)
        #expect(try count(connection) == 0)
    }

    @Test func `a savepoint that throws leaves what was before it`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE t (a UNIQUE)")
        try connection.transaction { () throws(SQLiteError) in
            try connection.execute("INSERT INTO t VALUES (1)")
            do throws(SQLiteError) {
                try connection.savepoint { () throws(SQLiteError) in
                    try connection.execute("INSERT INTO t VALUES (2)")
                    try connection.execute("INSERT INTO t VALUES (1)")
                }
            } catch { #expect(error.isUniqueViolation) }
            try connection.execute("INSERT INTO t VALUES (3)")
        }
        #expect(try connection.query("SELECT a FROM t ORDER BY a") { (row) throws(SQLiteError) in row.integer(0) } == [1, 3])
    }

    @Test func `a query inside a query of the same text works`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE t (a)")
        for number in 1...3 { try connection.execute("INSERT INTO t VALUES (?)", [.integer(Int64(number))]) }
        var pairs: [[Int64]] = []
        try connection.forEach("SELECT a FROM t ORDER BY a") { (outer) throws(SQLiteError) in
            let first = outer.integer(0)
            try connection.forEach("SELECT a FROM t ORDER BY a") { (inner) throws(SQLiteError) in
                pairs.append([first, inner.integer(0)])
                return inner.integer(0) < 2
            }
            return true
        }
        #expect(pairs == [[1, 1], [1, 2], [2, 1], [2, 2], [3, 1], [3, 2]])
    }

    @Test func `more different statements than are kept still work`() throws {
        let connection = try open()
        for number in 0..<200 {
            #expect(try connection.first("SELECT \(number)") { (row) throws(SQLiteError) in row.integer(0) } == Int64(number))
        }
    }

    @Test func `a failed statement says what failed, where, and what to do`() throws {
        let connection = try open()
        let error = #expect(throws: SQLiteError.self) { try connection.execute("SELECT * FROM nowhere") }
        #expect(
            error?.description == "\(folder("a.db")): no such table: nowhere (SQLite code 1) in `SELECT * FROM nowhere`; "
                + "this is a mistake in the program: report it with this line"
        )
    }

    @Test func `a full file is told apart, and nothing of the transaction stays`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE t (a)")
        try connection.execute("PRAGMA max_page_count = 8")
        let error = #expect(throws: SQLiteError.self) {
            try connection.transaction { () throws(SQLiteError) in
                try connection.execute("INSERT INTO t VALUES (1)")
                try connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
            }
        }
        #expect(error?.isFull == true)
        #expect(!connection.isInTransaction)
        #expect(try count(connection) == 0)
        try connection.execute("INSERT INTO t VALUES (2)")
    }

    @Test func `a second writer is told that the file is busy`() throws {
        var options = ConnectionOptions()
        options.busyTimeout = .zero
        let (first, second) = (try open(), try open("a.db", options))
        try first.execute("CREATE TABLE t (a)")
        try first.execute("BEGIN IMMEDIATE")
        let error = #expect(throws: SQLiteError.self) { try second.execute("INSERT INTO t VALUES (1)") }
        #expect(error?.isBusy == true)
        try first.execute("COMMIT")
        try second.execute("INSERT INTO t VALUES (1)")
    }

    @Test func `a file that is no database is corrupt`() throws {
        let junk = [UInt8](repeating: 0x5A, count: 8192)
        let file = unsafe fopen(folder("junk.db"), "w")
        _ = unsafe fwrite(junk, 1, junk.count, file)
        unsafe fclose(file)
        let error = #expect(throws: SQLiteError.self) { try open("junk.db") }
        #expect(error?.isCorrupt == true)
    }

    @Test func `what was committed is there after the connection is dropped without a close`() throws {
        var first: Connection? = try open()
        try first?.execute("CREATE TABLE t (a)")
        try first?.execute("INSERT INTO t VALUES (1)")
        let second = try open()
        first = nil
        #expect(try count(second) == 1)
        #expect(try second.findDamage() == [])
        #expect(try second.checkpoint(.restart))
    }

    private func count(_ connection: Connection) throws -> Int64? {
        try connection.first("SELECT count(*) FROM t") { (row) throws(SQLiteError) in row.integer(0) }
    }
}
