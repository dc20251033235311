import Logging
import SQLite
import Telemetry

/// How a spool's file comes to be open: as it is, made new, or carried over from a damaged one that is set aside.
struct SpoolOpening {
    let house: SpoolHouse
    let files: SpoolFiles
    let logger: Logger

    /// - Parameter newAgent: an id that was never used.
    func open(newAgent: UUID, at now: Timestamp) throws(SpoolError) -> SpoolStore {
        files.finishSalvage()
        files.removeSalvage()
        // What stands behind them is of an earlier moment: batches that were sent look unsent, and lines unread that were sent.
        if let lost = files.lostCommits { return try startAnew(because: lost, known: nil, isStale: true, newAgent: newAgent, at: now) }
        do throws(SQLiteError) {
            let store = try SpoolStore(path: files.database, house: house, newAgent: newAgent, at: now)
            // A sync that failed may have left a hole in the log that the page cache hides, and the process before could not hear of it when it closed the
            // file: what came behind would be gone with the power. So the log begins anew. On a full disk, or while somebody reads, it goes on as it is.
            do throws(SQLiteError) { try store.connection.checkpoint(.truncate) } catch { guard error.isFull || error.isBusy else { throw error } }
            try settleMachine(store, newAgent: newAgent, at: now)
            return store
        } catch {
            if error.code == .newerSchema { throw .newer("\(error)") }
            guard error.isCorrupt else { throw .failed("\(error)") }
            return try startAnew(because: error, known: nil, newAgent: newAgent, at: now)
        }
    }

    /// A spool that was made on another machine was copied: two agents would use the same id. This one takes a new one for what comes; what the
    /// copy brought along goes out under the old one, and the aggregator passes over what the other machine delivers too.
    private func settleMachine(_ store: SpoolStore, newAgent: UUID, at now: Timestamp) throws(SQLiteError) {
        let known = store.state.machine
        guard house.machine != 0, known != house.machine else { return }
        let before = store.state.agent
        let waiting = Lane.allCases.reduce(0) { $0 + store.state[$1].batches }
        try store.write { () throws(SQLiteError) in
            store.change { $0.machine = house.machine }
            if known != 0 { store.change { $0.inherit(as: newAgent) } }
        }
        guard known != 0 else { return }
        let detail =
            "this spool was made on another machine by agent \(before) and copied here: this agent goes on as \(newAgent). "
            + "\(waiting) batches that came with the copy are sent as that agent's; what it sends too is stored once"
        logger.error(
            "the spool was copied from another machine: taking a new agent id",
            metadata: ["agent.before": "\(before)", "agent.after": "\(newAgent)"]
        )
        let gap = Gap(source: "spool", reason: .spoolCloned, from: now, to: now, detail: detail)
        do { try store.commit([Parcel(Intake(gaps: [gap]), at: now, host: house.host)], at: now, onLoan: []) } catch {
            if case .sqlite(let error) = error { throw error }
            logger.error("the spool is full: that it was copied is told only here", metadata: ["detail": "\(detail)"])
        }
    }

    /// Carries what can be read into a new file, sets the damaged one aside, and says what happened.
    /// - Parameters:
    ///   - known: what is known by heart; better than what stands in the damaged file.
    ///   - isStale: the damaged file's last commits are lost.
    func startAnew(
        because error: SQLiteError,
        known: SpoolSalvage.Known?,
        isStale: Bool = false,
        newAgent: UUID,
        at now: Timestamp
    ) throws(SpoolError) -> SpoolStore {
        let aside = files.asidePath(at: now)
        logger.critical(
            "the spool is damaged: what can be read of it is carried into a new one",
            metadata: ["path": "\(aside)", "error": "\(error)"]
        )
        func story(_ report: SpoolSalvage.Report) -> String {
            "the spool was damaged (\(error.message)): \(report.kept) batches were kept, \(report.lost) are lost"
                + (report.hasCheckpoint ? "" : ", and read positions or alert states with them (where files stood is asked of the aggregator)")
                + "; the damaged file is \(aside): check the disk and the kernel's log"
        }
        do throws(SQLiteError) {
            var report: SpoolSalvage.Report
            do throws(SQLiteError) {
                report = try salvage(known, isStale: isStale, newAgent: newAgent, at: now, story)
            } catch  where error.isFull {
                // No room for a copy. The memory of where files stand is small; the batches stay in the file that is set aside.
                logger.error("no room to carry batches over: they stay in the file set aside", metadata: ["error": "\(error)"])
                report = try startEmpty(known, isStale: isStale, newAgent: newAgent, at: now, aside: aside)
            }
            files.setDatabaseAside(as: aside)
            files.finishSalvage()
            logger.notice("the spool goes on", metadata: ["batches.kept": "\(report.kept)", "batches.lost": "\(report.lost)"])
            boundDamagedFiles()
            return try SpoolStore(path: files.database, house: house, newAgent: newAgent, at: now)
        } catch {
            files.removeSalvage()
            throw .failed("a new database could not be made beside the damaged one: \(error)")
        }
    }

    private func salvage(
        _ known: SpoolSalvage.Known?,
        isStale: Bool,
        newAgent: UUID,
        at now: Timestamp,
        _ story: (SpoolSalvage.Report) -> String
    ) throws(SQLiteError) -> SpoolSalvage.Report {
        files.removeSalvage()
        return try SpoolSalvage.run(
            from: files.database,
            into: files.salvage,
            house: house,
            known: known,
            isStale: isStale,
            newAgent: newAgent,
            at: now,
            story: story
        )
    }

    private func startEmpty(
        _ known: SpoolSalvage.Known?,
        isStale: Bool,
        newAgent: UUID,
        at now: Timestamp,
        aside: String
    ) throws(SQLiteError) -> SpoolSalvage.Report {
        files.removeSalvage()
        let source = SalvageSource(path: files.database)
        let (checkpoint, isRead) = known.map { ($0.checkpoint, true) } ?? source.checkpoint()
        let isWhole = isRead && !isStale
        let ledger = source.ledger()
        let store = try SpoolStore(path: files.salvage, house: house, newAgent: newAgent, at: now)
        try store.start(with: checkpoint, isWhole: isWhole)
        let gap = Gap(
            source: "spool",
            reason: .corrupt,
            from: Timestamp(nanoseconds: ledger.values.map(\.from).min() ?? now.nanoseconds),
            to: now,
            count: ledger.values.reduce(0) { $0 + $1.rows },
            bytes: ledger.values.reduce(0) { $0 + $1.bytes },
            detail: "the spool was damaged and the disk has no room to carry its \(ledger.count) batches over; they are in \(aside): "
                + "make room, then agentctl spool export --path"
        )
        do { try store.commit([Parcel(Intake(gaps: [gap]), at: now, host: house.host)], at: now, onLoan: []) } catch {
            if case .sqlite(let error) = error { throw error }
        }
        try store.connection.checkpoint(.truncate)
        return SpoolSalvage.Report(kept: 0, lost: UInt64(ledger.count), lostRows: gap.count, hasCheckpoint: isWhole)
    }

    private func boundDamagedFiles() {
        for path in files.corruptDatabases().dropLast(SpoolLimits.corruptFilesMax) {
            logger.warning("removing the oldest damaged spool, to bound their number", metadata: ["path": "\(path)"])
            files.remove(path)
        }
    }
}
