import Operating
import SQLite
import Sealing
import Telemetry

/// What the sealer, readers and upkeep ask of the journal: each call is a transaction or a short look between two rounds of commits.
extension Committer {
    /// Some of the arrivals behind `position`; empty: there are no more.
    func loadArrivals(after position: LogPosition, bytesMax: Int) throws(LogError) -> [BlockRow] {
        let tables = try openTables()
        do throws(SQLiteError) { return try tables.loadArrivals(after: position, bytesMax: bytesMax) } catch { throw failure(error) }
    }

    /// One step of sealing, compaction or retention: into the journal in one transaction, then into the catalog.
    func apply(_ change: DirectoryChange, _ catalog: CatalogChange) throws(LogError) {
        do throws(LogError) { try maintain("directory") { (tables) throws(SQLiteError) in try tables.apply(change) } } catch {
            // The disk failed: whether it is committed shows when the file is opened again.
            if !isOpen { uncertain.append((change, catalog)) }
            throw error
        }
        walBytes += change.filters.reduce(0) { $0 + $1.filter.bytes.count }
        book.replace(catalog)
    }

    func place(ofClientID id: UUID) throws(LogError) -> (position: LogPosition, row: UInt32)? {
        try withConnection { (connection) throws(SQLiteError) in
            try connection.first("SELECT position, row FROM client_ids WHERE id = ?", [.blob(id.bytes)]) {
                (row) throws(SQLiteError) in (position: row.unsigned(0), row: UInt32(clamping: row.integer(1)))
            }
        }
    }

    func report(_ cursor: LogCursor) throws(LogError) {
        try maintain("cursor") { (tables) throws(SQLiteError) in
            try tables.connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", [.text(cursor.name), .unsigned(cursor.position)])
        }
    }

    func cursors() throws(LogError) -> [LogCursor] {
        try withConnection { (connection) throws(SQLiteError) in
            try connection.query("SELECT name, position FROM cursors ORDER BY name") {
                (row) throws(SQLiteError) in LogCursor(name: row.text(0), position: row.unsigned(1))
            }
        }
    }

    /// Bytes of the journal in use, and of its file.
    func pageBytes() throws(LogError) -> (used: UInt64, file: UInt64) {
        try withConnection { (connection) throws(SQLiteError) in
            let (pages, free) = (try connection.pragma("page_count"), try connection.pragma("freelist_count"))
            let size = UInt64(max(0, try connection.pragma("page_size")))
            return (UInt64(max(0, pages - free)) * size, UInt64(max(0, pages)) * size)
        }
    }

    /// A block was found damaged: it is not read again, and its bytes stay for whoever wants to look. The gap is an event of the same transaction, so that
    /// what is gone is told. False: it was known.
    func setAside(_ damage: Damage) throws(LogError) -> Bool {
        let now = time.now()
        // Of few rows, so neither the log's id nor a number of its own is needed.
        let gap = try PreparedAppend(GapEvents.batch(for: damage, at: now), log: newID) { 0 }
        let isNew: Bool
        do throws(LogError) {
            let before = try openTables().end
            do throws(LogError) { isNew = try setAside(damage, gap, at: now) } catch {
                tables?.rollBack(to: before)
                throw error
            }
        } catch {
            // This process at least does not read it again; the next start finds it again.
            if let number = damage.number { book.replace(CatalogChange(sealedGone: [number])) }
            throw error
        }
        guard isNew else { return false }
        if let tables { publish(tables) }
        if let number = damage.number { book.replace(CatalogChange(sealedGone: [number])) }
        return true
    }

    private func setAside(_ damage: Damage, _ gap: PreparedAppend, at now: Timestamp) throws(LogError) -> Bool {
        try maintain("set aside") { (tables) throws(SQLiteError) in
            if let position = damage.position {
                try tables.connection.execute(
                    "INSERT OR IGNORE INTO set_aside VALUES (?, ?, ?)",
                    [.unsigned(position), .text(damage.detail), .integer(now.nanoseconds)]
                )
            } else if let number = damage.number {
                try tables.connection.execute(
                    "UPDATE sealed SET set_aside = ? WHERE number = ? AND set_aside IS NULL",
                    [.text(damage.detail), .unsigned(number)]
                )
            }
            guard tables.connection.changes > 0 else { return false }
            var request = SmallRequests(tables, sequence: clientSequence(), at: now)
            _ = try request.append(gap)
            try request.finish()
            return true
        }
    }

    func wordGroups() throws(LogError) -> [WordGroupRow] {
        let tables = try openTables()
        do throws(SQLiteError) { return try tables.wordGroups() } catch { throw failure(error) }
    }

    /// Segments in which a block was set aside: their files stay for whoever wants to look.
    func segmentsWithDamage() throws(LogError) -> Set<UInt64> {
        Set(
            try withConnection { (connection) throws(SQLiteError) in
                try connection.query("SELECT DISTINCT segment FROM sealed WHERE set_aside IS NOT NULL") { (row) throws(SQLiteError) in row.unsigned(0)
                }
            }
        )
    }

    /// Idempotency keys whose time is over, and positions of files that nobody reads any more.
    func forgetKeys(at now: Timestamp) throws(LogError) {
        try maintain("keys") { (tables) throws(SQLiteError) in
            try tables.forgetPositions(at: now)
            try tables.connection.execute(
                "DELETE FROM keys WHERE (client, key) IN (SELECT client, key FROM keys WHERE expires_ns <= ? LIMIT 1000)",
                [.integer(now.nanoseconds)]
            )
        }
    }

    /// Gives some of the free pages back to the file system when they are most of a large file. Returns whether there are more.
    func giveBack() throws(LogError) -> Bool {
        try withConnection { (connection) throws(SQLiteError) in
            let (free, pages) = (try connection.pragma("freelist_count"), try connection.pragma("page_count"))
            // The journal breathes: what the next arrivals need is kept.
            guard free > 32_768, free * 2 > pages else { return false }
            try connection.execute("PRAGMA incremental_vacuum(2048)")
            return true
        }
    }
}
