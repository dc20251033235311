import Logging
import SQLite
import Telemetry

/// How a spool's file comes to be open: as it is, made new, or made new beside a damaged one that is set aside.
struct SpoolOpening {
    let config: SpoolConfig
    let files: SpoolFiles
    let host: String
    let tags: [String]
    let logger: Logger

    func open(newAgent: UUID, at now: Timestamp) throws(SpoolError) -> SpoolStore {
        do throws(SQLiteError) {
            return try SpoolStore(path: files.database, config: config, host: host, tags: tags, newAgent: newAgent, at: now)
        } catch {
            if error.code == .newerSchema { throw .newer("\(error)") }
            guard error.isCorrupt else { throw .failed("\(error)") }
            let (checkpoint, batches) = SpoolStore.salvage(path: files.database)
            return try startAnew(because: error, carrying: checkpoint, batches: batches, newAgent: newAgent, at: now)
        }
    }

    /// Sets the file aside and makes a new one that knows the checkpoint and says what happened.
    /// - Parameter batches: how many the damaged file held; 0 when it cannot be known.
    func startAnew(
        because error: SQLiteError,
        carrying checkpoint: Checkpoint,
        batches: UInt64,
        newAgent: UUID,
        at now: Timestamp
    ) throws(SpoolError) -> SpoolStore {
        let aside = files.setDatabaseAside(at: now)
        logger.critical("the spool is damaged: it was set aside and a new one made", metadata: ["path": "\(aside)", "error": "\(error)"])
        let kept = files.corruptDatabases()
        for path in kept.dropLast(SpoolLimits.corruptFilesMax) {
            logger.warning("removing the oldest damaged spool, to bound their number", metadata: ["path": "\(path)"])
            files.remove(corruptDatabase: path)
        }
        let gap = Gap(
            source: files.database,
            reason: .corrupt,
            from: now,
            to: now,
            count: batches,
            detail: "the spool was damaged (\(error.message)); it was set aside as \(aside) with the \(batches) batches it held: "
                + "check the disk and the kernel's log"
        )
        do {
            let store = try SpoolStore(path: files.database, config: config, host: host, tags: tags, newAgent: newAgent, at: now)
            try store.start(with: checkpoint)
            try store.commit([Parcel(Intake(gaps: [gap]), at: now, host: host)], at: now, onLoan: [])
            return store
        } catch {
            throw .failed("a new database could not be made beside the damaged one (\(aside)): \(error)")
        }
    }
}
