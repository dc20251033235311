import Blocks
import SQLite
import Telemetry
import Wire

/// Carries everything that can still be read of a damaged spool into a new file.
///
/// Batches keep their sequences, their bytes and the id that they were sealed with, so that the aggregator recognises what it has already; what
/// cannot be read leaves a gap under its sequence, counted from the ledger index. What comes later gets a new id, so that no sequence is used
/// twice. Reads the damaged file and changes nothing in it.
struct SpoolSalvage {
    /// What is known by heart when the damage is found while running.
    struct Known {
        var state: SpoolState
        var checkpoint: Checkpoint
    }

    struct Report: Sendable, Equatable {
        var kept: UInt64 = 0
        var lost: UInt64 = 0
        /// Of those lost, as far as the ledger says.
        var lostRows: UInt64 = 0
        /// Whether read positions, alert states and counters of patterns are all there.
        var hasCheckpoint = false
    }

    let source: SalvageSource
    let target: SpoolStore
    private var report = Report()
    /// In their order.
    private var keptLogs: [BatchKey] = []

    /// Makes the file at `path`, whole and on disk, or throws; then what is there is of no use.
    /// - Parameters:
    ///   - isStale: the file's last commits are lost: positions may have been further on.
    ///   - story: the gap's sentence, from what became of the batches.
    static func run(
        from damaged: String,
        into path: String,
        house: SpoolHouse,
        known: Known?,
        isStale: Bool = false,
        newAgent: UUID,
        at now: Timestamp,
        story: (Report) -> String
    ) throws(SQLiteError) -> Report {
        let source = SalvageSource(path: damaged)
        let state = known?.state ?? source.state() ?? SpoolState(agent: newAgent)
        let target = try SpoolStore(path: path, house: house, newAgent: state.agent, at: now)
        var salvage = SpoolSalvage(source: source, target: target)
        try salvage.carry(state, known?.checkpoint, isStale: isStale, newAgent: newAgent, at: now, story: story)
        // The new file is renamed: what is in its log must be in it.
        try target.connection.checkpoint(.truncate)
        return salvage.report
    }

    private init(source: SalvageSource, target: SpoolStore) { (self.source, self.target) = (source, target) }

    private mutating func carry(
        _ state: SpoolState,
        _ known: Checkpoint?,
        isStale: Bool,
        newAgent: UUID,
        at now: Timestamp,
        story: (Report) -> String
    ) throws(SQLiteError) {
        let ledger = source.ledger()
        let runs = source.runs()
        var lost: [BatchKey] = []
        for lane in Lane.allCases { lost += try carryBatches(of: lane, state, ledger, runs) }
        var checkpoint = known ?? Checkpoint()
        report.hasCheckpoint = true
        if known == nil { (checkpoint, report.hasCheckpoint) = source.checkpoint() }
        if isStale { report.hasCheckpoint = false }
        if !report.hasCheckpoint { checkpoint.positions = told(byBatchesOver: checkpoint.positions) }
        let isWhole = report.hasCheckpoint
        let (positions, rest, gaps, counts) = (checkpoint, source.refused(), source.gaps(), source.gapCounts())
        try target.write { () throws(SQLiteError) in
            _ = try target.adopt(positions, isWhole: isWhole)
            for row in rest {
                try target.connection.execute("INSERT INTO refused (lane, sequence, refused_at, reason, bytes) VALUES (?, ?, ?, ?, ?)", row)
            }
            for row in gaps {
                try target.connection.execute(
                    "INSERT INTO gap (source, reason, from_at, to_at, count, bytes, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    row
                )
            }
            for (reason, count) in counts {
                try target.connection.execute("INSERT INTO gap_count VALUES (?, ?)", [.text(reason.rawValue), .unsigned(count)])
                target.count(gap: reason, by: Int(clamping: count))
            }
            for lane in Lane.allCases {
                for run in runs where run.run.first.lane == lane && run.run.last.sequence > state[lane].acknowledged {
                    try target.insert(run.run, isFixed: true)
                }
            }
            try note(lost, ledger, at: now)
            target.change { numbers in
                (numbers.agent, numbers.generation, numbers.heirlooms) = (state.agent, state.generation, state.heirlooms)
                for lane in Lane.allCases {
                    let from = state[lane]
                    (numbers[lane].next, numbers[lane].acknowledged, numbers[lane].base) = (from.next, from.acknowledged, from.base)
                }
                numbers.inherit(as: newAgent)
                numbers.commits = max(numbers.commits, state.commits)
            }
        }
        let detail = story(report)
        let gap = Gap(source: "spool", reason: .corrupt, from: now, to: now, detail: detail)
        do { try target.commit([Parcel(Intake(gaps: [gap]), at: now, host: target.house.host)], at: now, onLoan: []) } catch {
            switch error {
            case .sqlite(let error): throw error
            case .noRoom(let reason): throw target.connection.corruption(reason)
            }
        }
    }

    /// Copies a lane's batches as they are; returns the keys of those that are lost.
    private mutating func carryBatches(
        of lane: Lane,
        _ state: SpoolState,
        _ ledger: [BatchKey: SalvageSource.Entry],
        _ runs: [(run: SpoolStore.Run, isFixed: Bool)]
    ) throws(SQLiteError) -> [BatchKey] {
        let given = runs.filter { $0.run.first.lane == lane }.map(\.run).sorted { $0.first < $1.first }
        var lost: [BatchKey] = []
        var (key, end, nextRun) = (BatchKey(lane, state[lane].acknowledged + 1), BatchKey(lane, state[lane].next), 0)
        while key < end {
            var bytes = 0
            var rows: [(key: BatchKey, row: SalvageSource.BatchRow)] = []
            while key < end, bytes < SpoolLimits.salvageBytesMax {
                while nextRun < given.count, given[nextRun].last < key { nextRun += 1 }
                if nextRun < given.count, given[nextRun].first <= key {
                    key = given[nextRun].last.next
                    continue
                }
                if let row = source.batch(key) {
                    bytes += row.bytes.count
                    rows.append((key, row))
                } else {
                    lost.append(key)
                    report.lost += 1
                    report.lostRows += ledger[key]?.rows ?? 0
                }
                key = key.next
            }
            let chunk = rows
            try target.write { () throws(SQLiteError) in
                for (key, row) in chunk {
                    try target.connection.execute(
                        "INSERT INTO batch (key, generation, created_at, row_count, from_at, to_at, size, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        [
                            .integer(key.rawValue), .integer(row.generation), .integer(row.createdAt), .unsigned(row.rows), .integer(row.from),
                            .integer(row.to), .integer(Int64(row.bytes.count)), .blob(row.bytes),
                        ]
                    )
                    target.change(lane) { numbers in
                        numbers.next = key.sequence + 1
                        numbers.batches += 1
                        numbers.bytes += UInt64(row.bytes.count)
                    }
                }
            }
            report.kept += UInt64(chunk.count)
            if lane == .logs { keptLogs += chunk.map(\.key) }
        }
        return lost
    }

    /// Where positions are missing the batches that were kept say how far their lines reach: those are not to be read again.
    private func told(byBatchesOver known: [ReadPosition]) -> [ReadPosition] {
        struct File: Hashable { var device, inode: UInt64 }
        var told: [File: ReadPosition] = [:]
        for key in keptLogs {
            for read in source.reads(of: key) where read.headLength > 0 {
                told[File(device: read.device, inode: read.inode)] = read.isFinished ? nil : ReadPosition(read)
            }
        }
        for position in known { told[File(device: position.device, inode: position.inode)] = position }
        return told.values.sorted { ($0.device, $0.inode) < ($1.device, $1.inode) }
    }

    /// A gap for each run of lost batches.
    private func note(_ keys: [BatchKey], _ ledger: [BatchKey: SalvageSource.Entry], at now: Timestamp) throws(SQLiteError) {
        var start = 0
        for index in keys.indices {
            guard index == keys.count - 1 || keys[index].next != keys[index + 1] else { continue }
            let known = keys[start...index].compactMap { ledger[$0] }
            let lane = keys[start].lane ?? .logs
            let gap = Gap(
                source: lane.label,
                reason: .corrupt,
                from: Timestamp(nanoseconds: known.map(\.from).min() ?? now.nanoseconds),
                to: Timestamp(nanoseconds: known.map(\.to).max() ?? now.nanoseconds),
                count: known.reduce(0) { $0 + $1.rows },
                bytes: known.reduce(0) { $0 + $1.bytes },
                detail: "\(index - start + 1) batches of \(lane) were damaged in the spool and cannot be read: check the disk and the kernel's log"
            )
            try target.insert(
                SpoolStore.Run(first: keys[start], last: keys[index], createdAt: now, gapID: try target.record(gap), gap: gap),
                isFixed: true
            )
            start = index + 1
        }
    }
}
