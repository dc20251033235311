import Logging
import Operating
import SQLite
import Telemetry

/// Retention: a bounded step at a time between the rounds of commits, so that no request waits for a large deletion.
extension Committer {
    /// Deletes at most ``deletedPerStep`` blocks. Returns whether there is more to do.
    func retain(at now: Timestamp) throws(LogError) -> Bool {
        let limits: [(BlockKind, Duration)] = [
            (.events, config.eventRetention), (.alerts, config.eventRetention), (.samples, config.metricRetention),
        ]
        try maintain("keys") { (tables) throws(SQLiteError) in
            try tables.connection.execute(
                "DELETE FROM keys WHERE (client, key) IN (SELECT client, key FROM keys WHERE expires_ns <= ? LIMIT 1000)",
                [.integer(now.nanoseconds)]
            )
        }
        for (kind, retention) in limits {
            let old = try withConnection { (connection) throws(SQLiteError) in
                try connection.query(
                    "SELECT position FROM blocks WHERE kind = ? AND received_ns < ? ORDER BY received_ns LIMIT \(Self.deletedPerStep)",
                    [.integer(Int64(kind.rawValue)), .integer(now.advanced(by: .zero - retention).nanoseconds)]
                ) { (row) throws(SQLiteError) in row.unsigned(0) }
            }
            if !old.isEmpty {
                try delete(old)
                counters.expired.increment(by: old.count)
                return true
            }
        }
        let used = try usedBytes()
        counters.fileBytes.set(Double(used))
        if used > config.maxSize {
            let victims = try oldest(bytes: used - config.maxSize)
            if !victims.isEmpty {
                try delete(victims)
                counters.overSize.increment(by: victims.count)
                logger.notice("storage.retention.max_size is reached: the oldest blocks were deleted", metadata: ["blocks": "\(victims.count)"])
                return true
            }
        }
        return try giveBack()
    }

    private func usedBytes() throws(LogError) -> UInt64 {
        try withConnection { (connection) throws(SQLiteError) in
            let pages = try connection.pragma("page_count") - connection.pragma("freelist_count")
            return UInt64(max(0, pages)) * UInt64(max(0, try connection.pragma("page_size")))
        }
    }

    /// The oldest blocks that together take `bytes`, within one step.
    private func oldest(bytes: UInt64) throws(LogError) -> [LogPosition] {
        try withConnection { (connection) throws(SQLiteError) in
            var (positions, freed) = ([LogPosition](), UInt64(0))
            try connection.forEach("SELECT position, length(bytes) FROM blocks ORDER BY position LIMIT \(Self.deletedPerStep)") {
                (row) throws(SQLiteError) in
                positions.append(row.unsigned(0))
                freed += row.unsigned(1)
                return freed < bytes
            }
            return positions
        }
    }

    private func delete(_ positions: [LogPosition]) throws(LogError) {
        try maintain("retention") { (tables) throws(SQLiteError) in
            for position in positions {
                try tables.connection.execute("DELETE FROM client_ids WHERE position = ?", [.unsigned(position)])
                try tables.connection.execute("DELETE FROM blocks WHERE position = ?", [.unsigned(position)])
                try tables.connection.execute("DELETE FROM set_aside WHERE position = ?", [.unsigned(position)])
            }
            // A position is never given twice, even when nothing is left.
            try tables.connection.execute("UPDATE meta SET value = max(value, ?) WHERE key = 'position'", [.unsigned(tables.end)])
        }
    }

    /// Gives some of the free pages back to the file system when they are a tenth of the file. Returns whether there are more.
    private func giveBack() throws(LogError) -> Bool {
        try withConnection { (connection) throws(SQLiteError) in
            let (free, pages) = (try connection.pragma("freelist_count"), try connection.pragma("page_count"))
            guard free > 4096, free * 10 > pages else { return false }
            try connection.execute("PRAGMA incremental_vacuum(256)")
            return true
        }
    }
}
