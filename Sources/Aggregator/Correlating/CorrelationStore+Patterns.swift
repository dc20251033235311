import Blocks
import JSON
import SQLite
import Telemetry

/// What patterns have seen so far, in the transaction that moves the cursor past it: counted once, whatever dies.
extension CorrelationStore {
    static let patternsStep = """
        CREATE TABLE pattern (
            name TEXT NOT NULL, wanted TEXT NOT NULL, state TEXT NOT NULL, events BLOB NOT NULL, PRIMARY KEY (name, wanted)
        ) STRICT, WITHOUT ROWID;
        """

    func patterns() throws(SQLiteError) -> [PatternState] {
        try connection.query("SELECT name, wanted, state, events FROM pattern") { (row) throws(SQLiteError) in
            let key = PatternState.Key(pattern: row.text(0), values: row.text(1))
            do {
                let tree = try JSON.parse(Array(row.text(2).utf8))
                let moments = { (name: String) -> [Timestamp] in tree[name]?.array?.compactMap { $0.integer.map { Timestamp(nanoseconds: $0) } } ?? []
                }
                let values = (tree["values"]?.members ?? []).compactMap { member in member.value.string.map { Label(member.key, $0) } }
                let both = Set((tree["both"]?.array ?? []).compactMap(\.integer))
                let spell = moments("spell")
                return PatternState(
                    key: key,
                    values: Labels(values),
                    firsts: moments("firsts"),
                    dueAt: moments("due_at"),
                    seconds: moments("seconds").enumerated().map { PatternState.Second(at: $0.element, isFirst: both.contains(Int64($0.offset))) },
                    events: try EventBlock(decoding: row.blob(3)).events(),
                    spell: spell.count == 2
                        ? PatternState.Spell(from: spell[0], to: spell[1], handed: Int(tree["handed"]?.integer ?? 0)) : nil,
                    firingUntil: tree["firing_until"]?.integer.map { Timestamp(nanoseconds: $0) },
                    heardAt: Timestamp(nanoseconds: tree["heard_at"]?.integer ?? 0)
                )
            } catch { throw self.connection.corruption("the state of pattern \(key.pattern) \(key.values) cannot be read: \(error)") }
        }
    }

    func write(_ state: PatternState?, key: PatternState.Key) throws(SQLiteError) {
        guard let state else {
            try connection.execute("DELETE FROM pattern WHERE name = ? AND wanted = ?", [.text(key.pattern), .text(key.values)])
            return
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("values")
        writer.beginObject()
        for pair in state.values.pairs { writer.member(pair.name, pair.value) }
        writer.endObject()
        let lists = [
            ("firsts", state.firsts), ("due_at", state.dueAt), ("seconds", state.seconds.map(\.at)),
            ("spell", state.spell.map { [$0.from, $0.to] } ?? []),
        ]
        writer.key("both")
        writer.beginArray()
        for (index, second) in state.seconds.enumerated() where second.isFirst { writer.integer(index) }
        writer.endArray()
        for (name, moments) in lists where !moments.isEmpty {
            writer.key(name)
            writer.beginArray()
            for moment in moments { writer.integer(moment.nanoseconds) }
            writer.endArray()
        }
        if let spell = state.spell { writer.member("handed", spell.handed) }
        if let until = state.firingUntil { writer.member("firing_until", until.nanoseconds) }
        writer.member("heard_at", state.heardAt.nanoseconds)
        writer.endObject()
        try connection.execute(
            "INSERT OR REPLACE INTO pattern VALUES (?, ?, ?, ?)",
            [.text(key.pattern), .text(key.values), .text(writer.text), .blob(EventBlock.encode(state.events))]
        )
    }
}
