import Logging
import Operating
import SQLite
import Telemetry

/// Opening the journal, and what to do when it cannot be followed.
extension Committer {
    private enum Failure: Error {
        /// It says what is not so, or nothing at all: it is set aside, and a new one written from the segments.
        case damaged(String)
        case refused(SQLiteError)
        case log(LogError)
    }

    /// Bytes of a journal that is checked page by page at each start, which takes a tenth of a second. Only clients' own ids make a larger one.
    private static let checkedBytesMax: Int64 = 256 << 20

    /// Opens the file for the first time. SQLite takes back by itself what a killed process left in the WAL. A journal that is gone, or says what the segments
    /// do not confirm, is set aside, and a new one written from the segments and what can still be read of the old one.
    func open(_ files: any SegmentFiles) throws(LogError) -> Opened {
        let journal = JournalFiles(config)
        if !config.isInMemory {
            if journal.isBeheaded { journal.setAside() }
            // Before SQLite looks at it and writes over what is left.
            if let bytes = journal.lostBytes {
                logger.critical(
                    "the journal's write-ahead log is damaged, and commits lie behind the damage: the journal is set aside, and a new one is written from the segments and what can be read; check the disk and the kernel's log",
                    metadata: ["bytes.behind": "\(bytes)"]
                )
                journal.setAside(hasLostCommits: true)
            }
        }
        do throws(Failure) {
            do throws(Failure) { return try openFile(files, journal, isFirst: true) } catch {
                guard case .damaged(let detail) = error else { throw error }
                logger.critical(
                    "the log's journal is damaged: it is set aside, and a new one is written from the segments; check the disk and the kernel's log",
                    metadata: ["detail": "\(detail)"]
                )
                tables = nil
                journal.setAside()
                return try openFile(files, journal, isFirst: false)
            }
        } catch {
            tables = nil
            switch error {
            case .damaged(let detail): throw .failed("the log cannot be opened: \(detail)")
            case .refused(let error): throw .failed("the log cannot be opened: \(error)")
            case .log(let error): throw error
            }
        }
    }

    private func openFile(_ files: any SegmentFiles, _ journal: JournalFiles, isFirst: Bool) throws(Failure) -> Opened {
        let names: [UInt64]
        do throws(LogError) { names = try files.names().compactMap(SegmentRow.number(ofName:)) } catch { throw .log(error) }
        let opened: Opened
        do throws(SQLiteError) {
            let connection = try Connection(path: config.databasePath, options: LogSchema.connectionOptions())
            try LogSchema.migrations.apply(to: connection)
            let isNew = try connection.first("SELECT count(*) FROM meta") { (row) throws(SQLiteError) in row.integer(0) } == 0
            if isNew, !names.isEmpty || !config.isInMemory && journal.hasSalvage { try rebuild(connection, files, journal) }
            opened = try read(connection, isFirst: isFirst)
        } catch {
            throw failure(of: error, hasSegments: !names.isEmpty)
        }
        let problem: String?
        do throws(LogError) { problem = isFirst ? try DirectoryCheck.problem(opened, files) : nil } catch { throw .log(error) }
        if let problem { throw .damaged(problem) }
        if !config.isInMemory, journal.hasSalvage {
            let kept = journal.finish(at: time.now())
            logger.notice("what could be read of the old journal was taken over; it stays for whoever wants to look", metadata: ["file": "\(kept)"])
        }
        return opened
    }

    private func rebuild(_ connection: Connection, _ files: any SegmentFiles, _ journal: JournalFiles) throws(SQLiteError) {
        var work: JournalRebuild
        do throws(LogError) {
            work = try JournalRebuild(config, files, salvaging: journal.hasSalvage ? journal : nil, at: time.now())
        } catch {
            // Without this segment all of it would be lost, so nothing is begun.
            throw SQLiteError(code: .sqlite(Self.cannotOpen), message: "a segment cannot be read: \(error)", sql: nil, path: config.segmentsPath)
        }
        try connection.transaction { () throws(SQLiteError) in
            try work.write(into: connection, newID: newID)
            try disk.beforeCommit?("rebuild")
        }
    }

    /// SQLITE_CANTOPEN.
    private static let cannotOpen: Int32 = 14

    private func read(_ connection: Connection, isFirst: Bool) throws(SQLiteError) -> Opened {
        if isFirst, !config.isInMemory { try LogSchema.migrations.requireUndamaged(connection) }
        let tables = try LogTables(connection, config: config, newID: newID, countsOpen: true)
        if isFirst {
            let bytes = try connection.pragma("page_count") * connection.pragma("page_size")
            if bytes <= Self.checkedBytesMax, let damage = try connection.findDamage().first { throw connection.corruption(damage) }
            let strange = try tables.strangeWatermarks()
            if strange > 0 { throw connection.corruption("\(strange) watermarks are not those whose checksums are kept") }
        }
        let setAside = try connection.first("SELECT count(*) FROM set_aside") { (row) throws(SQLiteError) in Int(row.integer(0)) }
        let rebuilt = try connection.first("SELECT value FROM meta WHERE key = 'rebuilt'") { (row) throws(SQLiteError) in row.text(0) }
        let opened = Opened(
            id: tables.id,
            opens: tables.opens,
            end: tables.end,
            setAside: setAside ?? 0,
            rebuilt: rebuilt.flatMap { JournalRebuild.Report($0) },
            segments: try tables.segments(),
            sealed: try tables.sealedRows(),
            sealedAside: try tables.sealedRowsAside(),
            filters: try tables.wordFilters(),
            groups: try tables.wordGroups(),
            lastNumber: try tables.lastNumber(),
            watermarks: try tables.allWatermarks(),
            purged: try tables.allPurged(),
            firstArrivals: try tables.firstArrivals()
        )
        // A sync that failed before may have left a hole in the WAL that the page cache hides: what comes behind it would be gone with the power. So the
        // WAL begins anew. On a full disk it goes on as it is.
        do throws(SQLiteError) { try connection.checkpoint(.truncate) } catch {
            guard error.isFull || error.isBusy else { throw error }
        }
        self.tables = tables
        return opened
    }

    private func failure(of error: SQLiteError, hasSegments: Bool) -> Failure {
        // Our statements are right for this schema, so one that SQLite does not understand says that the schema has changed under it.
        let isNonsense = [1, 11, 20, 24, 26].contains(error.primaryCode)
        if error.isCorrupt || isNonsense || error.code == .foreignFile && hasSegments { return .damaged("\(error)") }
        return .refused(error)
    }

    /// The gap is in the log now.
    func forgetRebuilt() throws(LogError) {
        try maintain("rebuilt") { (tables) throws(SQLiteError) in try tables.connection.execute("DELETE FROM meta WHERE key = 'rebuilt'") }
    }
}
