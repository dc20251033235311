import CSQLite

/// One connection to one SQLite file in WAL mode. It belongs to one thread or actor at a time; its calls block.
///
/// Statements are kept by their SQL, so the same text is parsed once.
@safe package final class Connection {
    /// Statements kept; a program of ours has a few dozen. The ones longest unused go first.
    static let statementsMax = 64

    package let path: String
    package let options: ConnectionOptions
    let handle: OpaquePointer
    private var statements: [String: (statement: Statement, lastUse: UInt64)] = [:]
    private var uses: UInt64 = 0

    /// Opens (and with `.create` makes) the file, and sets what `options` say.
    /// - Throws: among others `isCorrupt` for a file that is no database.
    package init(path: String, options: ConnectionOptions = ConnectionOptions()) throws(SQLiteError) {
        let flags =
            switch options.access {
            case .readOnly: SQLITE_OPEN_READONLY
            case .readWrite: SQLITE_OPEN_READWRITE
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            }
        var handle: OpaquePointer?
        let code = unsafe sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard let handle = unsafe handle else {
            throw SQLiteError(code: .sqlite(SQLITE_NOMEM), message: "out of memory", sql: nil, path: path)
        }
        guard code == SQLITE_OK else {
            let message = unsafe String(cString: sqlite3_errmsg(handle))
            unsafe sqlite3_close_v2(handle)
            throw SQLiteError(code: .sqlite(code), message: "cannot open the database: \(message)", sql: nil, path: path)
        }
        unsafe (self.path, self.options, self.handle) = (path, options, handle)
        try configure()
    }

    deinit {
        statements.removeAll()
        // close_v2 waits for statements that somebody still holds; it cannot fail.
        unsafe sqlite3_close_v2(handle)
    }

    private func configure() throws(SQLiteError) {
        unsafe sqlite3_busy_timeout(handle, Int32(clamping: options.busyTimeout.components.seconds * 1000))
        if options.access != .readOnly {
            // These two shape a new file and say nothing to one that has content.
            try execute("PRAGMA page_size = \(options.pageBytes)")
            if options.autoVacuum != .none { try execute("PRAGMA auto_vacuum = \(options.autoVacuum.rawValue)") }
            let mode = try query("PRAGMA journal_mode = WAL") { (row) throws(SQLiteError) in row.text(0) }
            // A database in memory has no WAL; everything else must, or a commit does not mean what we say it means.
            guard let mode = mode.first, mode == "wal" || mode == "memory" else {
                let message = "the file system refuses write-ahead logging (journal mode \(mode.first ?? "unknown"))"
                throw SQLiteError(code: .sqlite(SQLITE_CANTOPEN), message: message, sql: nil, path: path)
            }
            try execute("PRAGMA wal_autocheckpoint = \(options.walAutoCheckpointPages)")
            if options.keepsWAL {
                var isOn: Int32 = 1
                _ = unsafe sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &isOn)
            }
        }
        try execute("PRAGMA synchronous = \(options.synchronous.rawValue)")
        try execute("PRAGMA cache_size = -\(options.cacheKiB)")
        if options.memoryMapBytes > 0 { try execute("PRAGMA mmap_size = \(options.memoryMapBytes)") }
        if options.foreignKeys { try execute("PRAGMA foreign_keys = ON") }
        if options.temporariesInMemory { try execute("PRAGMA temp_store = MEMORY") }
    }

    // MARK: Statements

    /// Runs one statement to its end; rows are passed over.
    package func execute(_ sql: String, _ values: [Value] = []) throws(SQLiteError) {
        try use(sql, values) { (statement) throws(SQLiteError) in
            while try statement.step() {}
        }
    }

    /// Runs several statements without parameters, as in a schema.
    package func executeScript(_ script: String) throws(SQLiteError) {
        var message: UnsafeMutablePointer<CChar>?
        let code = unsafe sqlite3_exec(handle, script, nil, nil, &message)
        defer { unsafe sqlite3_free(message) }
        if code != SQLITE_OK {
            let words = if let message = unsafe message { unsafe String(cString: message) } else { "unknown error" }
            throw SQLiteError(code: .sqlite(code), message: words, sql: script, path: path)
        }
    }

    /// What `transform` makes of each row, in order.
    package func query<Element>(
        _ sql: String,
        _ values: [Value] = [],
        _ transform: (Row) throws(SQLiteError) -> Element
    ) throws(SQLiteError) -> [Element] {
        var elements: [Element] = []
        try use(sql, values) { (statement) throws(SQLiteError) in
            while try statement.step() { elements.append(try transform(statement.row)) }
        }
        return elements
    }

    /// The first row only; nil when there is none.
    package func first<Element>(
        _ sql: String,
        _ values: [Value] = [],
        _ transform: (Row) throws(SQLiteError) -> Element
    ) throws(SQLiteError) -> Element? {
        var element: Element?
        try use(sql, values) { (statement) throws(SQLiteError) in
            if try statement.step() { element = try transform(statement.row) }
        }
        return element
    }

    /// Row by row until `body` returns false: for results too large to hold, or of which only the beginning is wanted.
    package func forEach(
        _ sql: String,
        _ values: [Value] = [],
        _ body: (Row) throws(SQLiteError) -> Bool
    ) throws(SQLiteError) {
        try use(sql, values) { (statement) throws(SQLiteError) in
            while try statement.step() { if try !body(statement.row) { break } }
        }
    }

    /// A prepared statement for loops that bind and step by themselves; call ``Statement/reset()`` after each round.
    package func statement(_ sql: String) throws(SQLiteError) -> Statement {
        unsafe try Statement(sql, database: handle, path: path, isKept: true)
    }

    private func use(_ sql: String, _ values: [Value], _ body: (Statement) throws(SQLiteError) -> Void) throws(SQLiteError) {
        let statement = try kept(sql)
        statement.isBusy = true
        defer {
            statement.reset()
            statement.isBusy = false
        }
        try statement.bind(values)
        try body(statement)
    }

    private func kept(_ sql: String) throws(SQLiteError) -> Statement {
        uses += 1
        if let known = statements[sql] {
            guard known.statement.isBusy else {
                statements[sql]?.lastUse = uses
                return known.statement
            }
            return unsafe try Statement(sql, database: handle, path: path, isKept: false)
        }
        let statement = unsafe try Statement(sql, database: handle, path: path, isKept: true)
        if statements.count >= Self.statementsMax, let oldest = statements.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            statements[oldest.key] = nil
        }
        statements[sql] = (statement, uses)
        return statement
    }

    /// Rows that the last INSERT, UPDATE or DELETE changed.
    package var changes: Int { Int(unsafe sqlite3_changes64(handle)) }
    package var lastInsertRowID: Int64 { unsafe sqlite3_last_insert_rowid(handle) }
    package var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    // MARK: Transactions

    /// All of `body` or nothing of it: BEGIN IMMEDIATE, and COMMIT at the end; rolled back when `body` or the commit throws.
    package func transaction<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError) -> Result {
        try transaction(wrapping: { $0 }, body)
    }

    /// The same for a body with errors of its own; `wrap` makes one of them from what SQLite throws at the begin and the commit.
    package func transaction<Result, Failure: Error>(
        wrapping wrap: (SQLiteError) -> Failure,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        do { try execute("BEGIN IMMEDIATE") } catch { throw wrap(error) }
        let result: Result
        do { result = try body() } catch {
            rollBack()
            throw error
        }
        do { try execute("COMMIT") } catch {
            rollBack()
            throw wrap(error)
        }
        return result
    }

    /// What `body` commits is on disk with the next commit that is not made here, or with a checkpoint: a power cut before takes it back, whole and from the
    /// last on; the end of the process does not.
    package func committingLazily<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError) -> Result {
        guard options.synchronous == .full || options.synchronous == .extra else { return try body() }
        try set(.normal)
        do {
            let result = try body()
            try set(options.synchronous)
            return result
        } catch {
            try set(options.synchronous)
            throw error
        }
    }

    /// The statement counts when it is prepared, so it cannot be kept.
    private func set(_ synchronous: ConnectionOptions.Synchronous) throws(SQLiteError) {
        let statement = unsafe try Statement("PRAGMA synchronous = \(synchronous.rawValue)", database: handle, path: path, isKept: false)
        while try statement.step() {}
    }

    /// All of `body` or nothing of it, inside a transaction that goes on.
    package func savepoint<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError) -> Result {
        try execute("SAVEPOINT ours")
        do {
            let result = try body()
            try execute("RELEASE ours")
            return result
        } catch {
            // Some errors (a full disk) have rolled the whole transaction back; then there is no savepoint to go back to.
            if isInTransaction {
                try execute("ROLLBACK TO ours")
                try execute("RELEASE ours")
            }
            throw error
        }
    }

    private func rollBack() {
        // SQLite rolls back by itself after some errors (a full disk, a failed write); then there is nothing left to roll back.
        guard isInTransaction else { return }
        try? execute("ROLLBACK")
    }

    // MARK: The file

    package enum CheckpointMode: String, Sendable { case passive = "PASSIVE", full = "FULL", restart = "RESTART", truncate = "TRUNCATE" }

    /// Copies the WAL into the file. With `restart` the next writer begins the WAL anew, in the space it has.
    /// - Returns: false when a reader was in the way.
    @discardableResult
    package func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> Bool {
        try first("PRAGMA wal_checkpoint(\(mode.rawValue))") { (row) throws(SQLiteError) in row.integer(0) == 0 } ?? true
    }

    /// A number that a PRAGMA answers, such as `page_count`, `freelist_count`, `user_version`.
    package func pragma(_ name: String) throws(SQLiteError) -> Int64 {
        try first("PRAGMA \(name)") { (row) throws(SQLiteError) in row.integer(0) } ?? 0
    }

    /// What `PRAGMA quick_check` (or `integrity_check`) finds wrong; empty when all is well.
    package func findDamage(thorough: Bool = false) throws(SQLiteError) -> [String] {
        let found = try query("PRAGMA \(thorough ? "integrity_check" : "quick_check")") { (row) throws(SQLiteError) in row.text(0) }
        return found == ["ok"] ? [] : found
    }

    /// SQLite's own error for use where a layer above finds the content wrong.
    package func corruption(_ message: String) -> SQLiteError {
        SQLiteError(code: .sqlite(SQLITE_CORRUPT), message: message, sql: nil, path: path)
    }
}
