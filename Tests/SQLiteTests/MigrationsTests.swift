import SQLite
import TestSupport
import Testing

struct MigrationsTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }
    let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b VALUES (1)", "ALTER TABLE a ADD COLUMN y"]

    private func open() throws -> Connection { try Connection(path: folder("a.db")) }

    @Test func `a file goes through the steps that it has not seen`() throws {
        let connection = try open()
        try Migrations(applicationID: 77, steps: Array(steps.prefix(1))).apply(to: connection)
        #expect(try connection.pragma("user_version") == 1)
        try Migrations(applicationID: 77, steps: steps).apply(to: connection)
        try Migrations(applicationID: 77, steps: steps).apply(to: connection)
        #expect(try connection.pragma("user_version") == 3)
        #expect(try connection.pragma("application_id") == 77)
        #expect(try connection.first("SELECT count(*) FROM b") { (row) throws(SQLiteError) in row.integer(0) } == 1)
    }

    @Test func `a file of a newer version is refused and left alone`() throws {
        let connection = try open()
        try Migrations(applicationID: 77, steps: steps).apply(to: connection)
        let error = #expect(throws: SQLiteError.self) { try Migrations(applicationID: 77, steps: Array(steps.prefix(2))).apply(to: connection) }
        #expect(error?.code == .newerSchema)
        #expect(error?.description.contains("schema 3; this version knows up to 2") == true)
        #expect(try connection.pragma("user_version") == 3)
    }

    @Test func `a database of another program is refused and left alone`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE theirs (x)")
        let error = #expect(throws: SQLiteError.self) { try Migrations(applicationID: 77, steps: steps).apply(to: connection) }
        #expect(error?.code == .foreignFile)
        #expect(try connection.pragma("application_id") == 0)
    }

    @Test func `a step that fails leaves the file as it was`() throws {
        let connection = try open()
        #expect(throws: SQLiteError.self) { try Migrations(applicationID: 77, steps: steps + ["CREATE NONSENSE"]).apply(to: connection) }
        #expect(try connection.pragma("user_version") == 0)
        try Migrations(applicationID: 77, steps: steps).apply(to: connection)
        #expect(try connection.pragma("user_version") == 3)
    }
}
