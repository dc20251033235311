import SQLite
import Telemetry

/// The spool's numbers on disk.
extension SpoolStore {
    func saveState(since old: SpoolState) throws(SQLiteError) {
        try connection.execute(
            "UPDATE meta SET agent = ?, generation = ?, commits = ?, machine = ?, row_check = ?",
            [
                .blob(state.agent.bytes), .integer(state.generation), .integer(state.commits), .unsigned(state.machine),
                .unsigned(Self.check(meta: state)),
            ]
        )
        for lane in Lane.allCases where state[lane] != old[lane] {
            let now = state[lane]
            try connection.execute(
                "UPDATE lane SET next = ?, acknowledged = ?, base = ?, batches = ?, bytes = ?, sent = ?, row_check = ? WHERE lane = ?",
                [
                    .unsigned(now.next), .unsigned(now.acknowledged), .unsigned(now.base), .unsigned(now.batches), .unsigned(now.bytes),
                    .unsigned(now.sent), .unsigned(Self.check(now, of: lane)), .integer(Int64(lane.rawValue)),
                ]
            )
        }
        guard state.heirlooms != old.heirlooms else { return }
        try connection.execute("DELETE FROM inherited")
        for heirloom in state.heirlooms {
            try connection.execute(
                "INSERT INTO inherited VALUES (?, ?, ?, ?, ?)",
                [
                    .integer(Int64(heirloom.lane.rawValue)), .unsigned(heirloom.through), .unsigned(heirloom.base), .blob(heirloom.agent.bytes),
                    .integer(heirloom.generation),
                ]
            )
        }
    }

    /// Inserts the rows of a new file.
    static func makeState(_ connection: Connection, agent: UUID, machine: UInt64, at now: Timestamp) throws(SQLiteError) {
        var state = SpoolState(agent: agent)
        state.machine = machine
        try connection.execute(
            "INSERT INTO meta (id, agent, generation, commits, created_at, machine, row_check) VALUES (1, ?, 0, 0, ?, ?, ?)",
            [.blob(agent.bytes), .integer(now.nanoseconds), .unsigned(machine), .unsigned(check(meta: state))]
        )
        try connection.execute("INSERT INTO note VALUES (?, ?)", [.text(FileMemory.note), .text(FileMemory.new.text)])
        for lane in Lane.allCases {
            try connection.execute(
                "INSERT INTO lane (lane, next, acknowledged, base, batches, bytes, sent, row_check) VALUES (?, 1, 0, 0, 0, 0, 0, ?)",
                [.integer(Int64(lane.rawValue)), .unsigned(check(state[lane], of: lane))]
            )
        }
    }

    static func loadState(_ connection: Connection) throws(SQLiteError) -> SpoolState {
        let meta = try connection.first("SELECT agent, generation, commits, machine, row_check FROM meta") { (row) throws(SQLiteError) in
            (agent: UUID(bytes: row.blob(0)), generation: row.integer(1), commits: row.integer(2), machine: row.unsigned(3), check: row.unsigned(4))
        }
        guard let meta, let agent = meta.agent else { throw connection.corruption("the spool's agent id is missing") }
        var state = SpoolState(agent: agent)
        (state.generation, state.commits, state.machine) = (meta.generation, meta.commits, meta.machine)
        guard meta.check == 0 || meta.check == check(meta: state) else { throw connection.corruption("the spool's agent id fails its checksum") }
        let lanes = try connection.query("SELECT lane, next, acknowledged, base, batches, bytes, sent, row_check FROM lane") {
            (row) throws(SQLiteError) in
            let numbers = SpoolState.Lane(
                next: row.unsigned(1),
                acknowledged: row.unsigned(2),
                base: row.unsigned(3),
                sent: row.unsigned(6),
                batches: row.unsigned(4),
                bytes: row.unsigned(5)
            )
            return (lane: Lane(rawValue: UInt8(truncatingIfNeeded: row.integer(0))), numbers: numbers, check: row.unsigned(7))
        }
        for (lane, numbers, check) in lanes {
            guard let lane, numbers.isPlausible, check == 0 || check == Self.check(numbers, of: lane) else {
                throw connection.corruption("the numbers of a lane make no sense")
            }
            state[lane] = numbers
        }
        guard lanes.count == Lane.allCases.count else { throw connection.corruption("the spool has \(lanes.count) lanes") }
        state.heirlooms = try connection.query("SELECT lane, through, base, agent, generation FROM inherited ORDER BY lane, through") {
            (row) throws(SQLiteError) in
            guard let lane = Lane(rawValue: UInt8(truncatingIfNeeded: row.integer(0))), let agent = UUID(bytes: row.blob(3)) else {
                throw connection.corruption("an inherited run makes no sense")
            }
            return SpoolState.Heirloom(lane: lane, through: row.unsigned(1), base: row.unsigned(2), agent: agent, generation: row.integer(4))
        }
        let counts = try connection.query("SELECT reason, count FROM gap_count") { (row) throws(SQLiteError) in
            (reason: Gap.Reason(rawValue: row.text(0)), count: row.unsigned(1))
        }
        for (reason, count) in counts { if let reason { state.gapCounts[reason] = count } }
        return state
    }

    private static func check(meta state: SpoolState) -> UInt64 {
        var check = RowCheck()
        check.add(state.agent.bytes)
        for number in [UInt64(bitPattern: state.generation), UInt64(bitPattern: state.commits), state.machine] { check.add(number) }
        return check.value
    }

    private static func check(_ lane: SpoolState.Lane, of name: Lane) -> UInt64 {
        RowCheck.of(UInt64(name.rawValue), lane.next, lane.acknowledged, lane.base, lane.sent, lane.batches, lane.bytes)
    }
}
