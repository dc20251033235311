import Glibc
import SQLite
import TestSupport
import Testing

/// What is found in a write-ahead log, held against what SQLite itself takes back of it.
struct WriteAheadLogTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private static let commits = 12

    /// The files of a database in use, as a kill leaves them: a row each commit, each of them over several pages.
    private func files(_ prepare: (Connection) throws -> Void = { _ in }) throws -> (database: [UInt8], log: [UInt8]) {
        var options = ConnectionOptions()
        options.walAutoCheckpointPages = 0
        options.keepsWAL = true
        let connection = try Connection(path: folder("a.db"), options: options)
        try connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)")
        try connection.checkpoint(.truncate)
        for number in 0..<Self.commits {
            try connection.execute("INSERT INTO t VALUES (?, ?)", [.integer(Int64(number)), .text(String(repeating: "x", count: 9000))])
        }
        try prepare(connection)
        return (try #require(TestFiles.bytes(folder("a.db"))), try #require(TestFiles.bytes(folder("a.db-wal"))))
    }

    private func look(_ database: [UInt8], _ log: [UInt8]) throws -> (found: WriteAheadLog, rows: Int) {
        let path = folder("copy.db")
        for suffix in ["", "-wal", "-shm"] { unsafe unlink(path + suffix) }
        try TestFiles.write(database, to: path)
        try TestFiles.write(log, to: path + "-wal")
        let found = WriteAheadLog(path: path + "-wal", pageBytes: 4096)
        var options = ConnectionOptions()
        // Nothing is kept of it.
        options.synchronous = .off
        let connection = try Connection(path: path, options: options)
        return (found, try connection.first("SELECT count(*) FROM t") { (row) throws(SQLiteError) in Int(row.integer(0)) } ?? 0)
    }

    @Test func `a whole log hides nothing`() throws {
        let (database, log) = try files()
        let (found, rows) = try look(database, log)
        #expect(rows == Self.commits)
        #expect(!found.hidesCommits && found.bytesBehind == 0 && found.committedFrames == (log.count - 32) / 4120)
    }

    @Test func `a bit that turned is told, unless it lies in what may never have been committed`() throws {
        let (database, log) = try files()
        let seed = UInt64.random(in: 1...(.max))
        var generator = SeededGenerator(seed: seed)
        let frame = 24 + 4096
        let frames = (log.count - 32) / frame
        let commitFrames = (0..<frames).filter { number in log[(32 + number * frame + 4)..<(32 + number * frame + 8)].contains { $0 != 0 } }
        func bit() -> Int { Int.random(in: 0..<8, using: &generator) }
        // The version is left alone: SQLite refuses another one.
        var places = (Array(0..<4) + Array(8..<56)).map { ($0, bit()) } + (0..<8).map { (3, $0) }
        // Each bit of the header of the commit before the last: there is one chance only to see what lies behind it.
        places += (0..<192).map { (32 + commitFrames[Self.commits - 2] * frame + $0 / 8, $0 % 8) }
        for number in (frames - 6)..<frames { places += (0..<24).map { (32 + number * frame + $0, bit()) } }
        places += (0..<60).map { _ in (Int.random(in: 32..<log.count, using: &generator), bit()) }
        for (place, bit) in places {
            var damaged = log
            damaged[place] ^= 1 << UInt8(bit)
            let (found, rows) = try look(database, damaged)
            #expect(found.hidesCommits == (rows < Self.commits - 1), "byte \(place), bit \(bit), seed \(seed): \(rows) rows are left")
            #expect((found.bytesBehind > 0) == (rows < Self.commits), "byte \(place), bit \(bit), seed \(seed)")
        }
    }

    @Test func `a log that was cut looks as after a power cut`() throws {
        let (database, log) = try files()
        for count in [0, 10, 32, 40, 4152, log.count / 2, log.count - 1] {
            #expect(try !look(database, Array(log[..<count])).found.hidesCommits, "cut to \(count) bytes")
        }
    }

    @Test func `what a transaction left that was rolled back is nothing that was lost`() throws {
        let (database, log) = try files { connection in
            // A cache this small is spilled into the log before the end of the transaction.
            try connection.execute("PRAGMA cache_size = 2")
            for _ in 0..<2 {
                try connection.execute("BEGIN")
                for number in 100..<110 {
                    try connection.execute("INSERT INTO t VALUES (?, ?)", [.integer(Int64(number)), .text(String(repeating: "y", count: 9000))])
                }
                try connection.execute("ROLLBACK")
            }
            try connection.execute("DELETE FROM t WHERE n = 3")
        }
        let (found, rows) = try look(database, log)
        #expect(rows == Self.commits - 1)
        #expect(found.bytesBehind > 0, "nothing of the transaction was spilled: this test shows nothing")
        #expect(!found.hidesCommits)
    }

    @Test func `a log that is not there holds nothing`() {
        #expect(WriteAheadLog(path: folder("none-wal"), pageBytes: 4096) == WriteAheadLog(path: folder("none either"), pageBytes: 4096))
    }
}
