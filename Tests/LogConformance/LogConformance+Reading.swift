import Telemetry

extension LogConformance {
    /// Agents' batches of all kinds and clients' requests in turn; what a reader must be given, by kind.
    private static func fill(_ log: Engine.Log, rounds: Range<UInt64>, settling engine: Engine?) async throws -> [String] {
        var rows = [String]()
        for round in rounds {
            _ = try await log.append([S.events(round + 1, ["e\(round)a", "e\(round)b"]), S.sample(round + 1), S.alert(round + 1)])
            _ = try await log.append(S.request(["r\(round)"]))
            rows += ["event e\(round)a", "event e\(round)b", "sample \(round + 1)", "alert A\(round + 1)", "event r\(round)"]
            if round % 4 == 2 { try await engine?.settle(log) }
        }
        return rows
    }

    private static func rows(_ all: [String], of kind: String) -> [String] { all.filter { $0.hasPrefix(kind) } }

    static var reading: [LogPromise<Engine>] {
        [
            LogPromise("an empty log ends at 0, and its page is empty") { engine in
                let log = try await engine.open()
                try expect(try await log.end(), 0, "the end")
                try expect(try await log.page(after: 0, kinds: [.events, .samples, .alerts], limit: 3), LogPage(blocks: [], next: 0), "the page")
            },
            LogPromise("each row is given once, in the order of commitment, whatever the size of the pages and whatever was settled") { engine in
                let log = try await engine.open()
                var stored = try await fill(log, rounds: 0..<6, settling: nil)
                for settled in [false, true] {
                    if settled { try await engine.settle(log) }
                    for limit in [1, 2, 3, 7, 1000] {
                        let reading = try await S.read(log, limit: limit)
                        // Samples may come in blocks other than theirs, and so later than what was stored after them.
                        for kind in ["event", "alert"] {
                            try expect(rows(reading.rows, of: kind), rows(stored, of: kind), "\(kind)s by pages of \(limit), settled: \(settled)")
                        }
                        try expect(rows(reading.rows, of: "sample").sorted(), rows(stored, of: "sample").sorted(), "samples by pages of \(limit)")
                        try expect(reading.gaps.count, 0, "gaps")
                        try expect(reading.positions == reading.positions.sorted(), "positions are not in order: \(reading.positions)")
                    }
                }
                stored += try await fill(log, rounds: 6..<12, settling: engine)
                try expect(rows(try await S.read(log, limit: 4).rows, of: "event"), rows(stored, of: "event"), "half of it settled")
            },
            LogPromise("a reader that asks for some kinds is given these, and comes to the end") { engine in
                let log = try await engine.open()
                let stored = try await fill(log, rounds: 0..<9, settling: engine)
                for (kind, name) in [(BlockKind.events, "event"), (.alerts, "alert"), (.samples, "sample")] {
                    let reading = try await S.read(log, kinds: [kind], limit: 2)
                    try expect(reading.rows.sorted(), rows(stored, of: name).sorted(), "rows of \(kind)")
                }
                let two = try await S.read(log, kinds: [.events, .alerts], limit: 3)
                try expect(two.rows, stored.filter { !$0.hasPrefix("sample") }, "events and alerts together")
            },
            LogPromise("a reader goes on where it was, while data arrives and is settled, without a hole or a repeat") { engine in
                let log = try await engine.open()
                var (stored, found, position) = ([String](), [String](), LogPosition(0))
                for round in 0..<10 as Range<UInt64> {
                    stored += try await fill(log, rounds: round..<round + 1, settling: nil)
                    let reading = try await S.read(log, after: position, kinds: [.events, .alerts], limit: Int(round % 3) + 1)
                    (found, position) = (found + reading.rows, reading.end)
                    if round % 2 == 1 { try await engine.settle(log) }
                }
                try expect(found, stored.filter { !$0.hasPrefix("sample") }, "what the reader saw")
            },
            LogPromise("a reader ahead of the end keeps its position") { engine in
                let log = try await engine.open()
                _ = try await log.append(S.events(1, ["a"]))
                try expect(try await log.page(after: 1000, kinds: [.events], limit: 3), LogPage(blocks: [], next: 1000), "the page")
            },
            LogPromise("the end grows with what is stored before append returns, and is there after deletion") { engine in
                let log = try await engine.open()
                var last = try await log.end()
                for sequence in 1...5 as ClosedRange<UInt64> {
                    _ = try await log.append(S.events(sequence, ["a"]))
                    let end = try await log.end()
                    try expect(end > last, "the end is \(end) after \(last)")
                    last = end
                    _ = try await log.append(S.events(sequence, ["a"]))
                    try expect(try await log.end(), last, "a repeat has moved the end")
                }
                try await engine.settle(log)
                try expect(try await log.end(), last, "settling has moved the end")
                try await engine.expire(log)
                try expect(try await log.end() >= last, "the end has shrunk")
                guard engine.survivesClosing else { return }
                try await engine.close(log)
                let again = try await engine.open()
                try expect(try await again.end() >= last, "the end has shrunk after opening")
                _ = try await again.append(S.events(6, ["b"]))
                try expect(try await S.read(again, after: last).rows, ["event b"], "a position was given twice")
            },
            LogPromise("whoever waits is woken by what comes, by cancellation, and by the end of the log") { engine in
                let log = try await engine.open()
                async let woken: Void = log.waitForBlocks(after: 0)
                _ = try await log.append(S.events(1, ["a"]))
                await woken
                await log.waitForBlocks(after: 0)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await log.waitForBlocks(after: 1000) }
                    group.cancelAll()
                }
                async let closed: Void = log.waitForBlocks(after: 1000)
                try await engine.close(log)
                await closed
            },
        ]
    }

    static var cursors: [LogPromise<Engine>] {
        [
            LogPromise("cursors are copies by name, the last one each") { engine in
                let log = try await engine.open()
                try expect(try await log.cursors(), [], "cursors of a new log")
                for position in 1...3 as ClosedRange<UInt64> { await log.report(LogCursor(name: "notifying", position: position)) }
                await log.report(LogCursor(name: "correlating", position: 7))
                let expected = [LogCursor(name: "correlating", position: 7), LogCursor(name: "notifying", position: 3)]
                try expect(try await log.cursors(), expected, "the cursors")
                guard engine.survivesClosing else { return }
                try await engine.close(log)
                try expect(try await engine.open().cursors(), expected, "the cursors after opening")
            },
            LogPromise("a reader overtaken by retention is told once of what it missed, one that had read it is not") { engine in
                let log = try await engine.open()
                _ = try await fill(log, rounds: 0..<4, settling: engine)
                let end = try await log.end()
                let middle = try await log.page(after: 0, kinds: [.events], limit: 4).next
                try await engine.expire(log)
                for limit in [1, 3, 1000] {
                    let late = try await S.read(log, kinds: [.events], limit: limit)
                    try expect(late.rows, [], "rows that were deleted")
                    try expect(late.gaps.reduce(0) { $0 + $1.count }, 12, "the rows that a reader from the beginning has missed")
                    try expect(late.gaps.allSatisfy { $0.reason == .retention }, "the reasons are \(late.gaps.map(\.reason))")
                    let half = try await S.read(log, after: middle, kinds: [.events], limit: limit)
                    let missed = half.gaps.reduce(0) { $0 + $1.count }
                    try expect(missed > 0 && missed < 12, "a reader from the middle is told of \(missed) of 12")
                    try expect(try await S.read(log, after: end, kinds: [.events], limit: limit).gaps.count, 0, "gaps of one that had read all")
                }
                _ = try await log.append(S.events(5, ["new"]))
                let reading = try await S.read(log, kinds: [.events])
                try expect(reading.rows, ["event new"], "what came after the deletion")
                try expect(reading.gaps.reduce(0) { $0 + $1.count }, 12, "the gap before it")
            },
        ]
    }
}
