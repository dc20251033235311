import Telemetry

/// What the log promises in Telemetry/Log.swift, as a suite that any implementation of ``LogWriter`` and ``LogReader`` must pass. A test runs it so:
///
///     @Test(arguments: LogConformance<MyEngine>.promises)
///     func `my log keeps its promises`(promise: LogPromise<MyEngine>) async throws { try await promise.check(MyEngine()) }
package enum LogConformance<Engine: LogEngine> {
    typealias S = LogScript

    package static var promises: [LogPromise<Engine>] { writing + clients + reading + cursors }

    // MARK: Agents

    private static var writing: [LogPromise<Engine>] {
        [
            LogPromise("what an agent sent is given back as it came, with its origin") { engine in
                let log = try await engine.open()
                try expect(try await log.append(S.events(7, ["a", "b"])), .stored(ids: []), "the first batch of an agent, whatever its sequence")
                let page = try await log.page(after: 0, kinds: [.events], limit: 10)
                guard let block = page.blocks.first else { throw BrokenPromise("the page is empty") }
                try expect(block.bytes, S.block(["a", "b"]).bytes, "the bytes")
                try expect(block.origin, RowOrigin(agent: S.agent.agent, lane: .logs, sequence: 7, block: 0, row: 0), "the origin")
                try expect(block.host, "web-1", "the host")
                try expect(block.tags, ["production"], "the tags")
                try expect(block.count, 2, "the count")
                try expect(block.receivedAt, S.noon, "the time of arrival")
            },
            LogPromise("a sequence at or below the watermark is repeated and not stored again") { engine in
                let log = try await engine.open()
                for sequence: UInt64 in 1...4 { _ = try await log.append(S.events(sequence, ["\(sequence)"])) }
                for sequence: UInt64 in [4, 1, 3, 2, 4] {
                    try expect(try await log.append(S.events(sequence, ["again"])), .repeated(ids: []), "the repeat of \(sequence)")
                }
                try await engine.settle(log)
                try expect(try await log.append(S.events(4, ["again"])), .repeated(ids: []), "a repeat after settling")
                try expect(try await S.read(log).rows, (1...4).map { "event \($0)" }, "the rows")
            },
            LogPromise("a known sequence with another checksum is a conflict") { engine in
                let log = try await engine.open()
                _ = try await log.append([S.events(1, ["a"], checksum: 17), S.events(2, ["b"], checksum: 18)])
                try await engine.settle(log)
                try expect(try await log.append(S.events(2, ["x"], checksum: 99)), .conflict, "the last sequence")
                try expect(try await log.append(S.events(1, ["x"], checksum: 99)), .conflict, "the one before")
                try expect(try await S.read(log).rows, ["event a", "event b"], "the rows")
            },
            LogPromise("a sequence further on is out of order; lanes and agents are apart") { engine in
                let log = try await engine.open()
                _ = try await log.append(S.events(1, ["a"]))
                try expect(try await log.append(S.events(3, ["c"])), .outOfOrder(expected: 2), "a hole")
                try expect(try await log.append(S.events(41, ["b"], lane: .alerts)), .stored(ids: []), "another lane")
                try expect(try await log.append(S.events(9, ["d"], of: S.other)), .stored(ids: []), "another agent")
                try expect(try await log.append(S.events(2, ["e"])), .stored(ids: []), "the one that was missing")
                try expect(try await log.watermarks(of: S.agent.agent).lanes, [.logs: 2, .alerts: 41], "the watermarks")
                try expect(try await log.watermarks(of: S.other.agent).lanes, [.logs: 9], "the other's watermarks")
                try expect(try await log.watermarks(of: UUID(high: 9, low: 9)).lanes, [:], "the watermarks of nobody")
                try expect(try await S.read(log).rows, ["event a", "event b", "event d", "event e"], "the rows")
            },
            LogPromise("batches of one call have an outcome each, in their order") { engine in
                let log = try await engine.open()
                let outcomes = try await log.append([
                    S.events(1, ["1"]), S.events(2, ["2"]), S.events(4, ["4"]), S.events(2, ["2"]), S.events(3, ["3"]),
                ])
                try expect(
                    outcomes,
                    [.stored(ids: []), .stored(ids: []), .outOfOrder(expected: 3), .repeated(ids: []), .stored(ids: [])],
                    "the outcomes"
                )
                try expect(try await S.read(log).rows, ["event 1", "event 2", "event 3"], "the rows")
            },
            LogPromise("calls at the same time are all stored, each once") { engine in
                let log = try await engine.open()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<60 {
                        group.addTask {
                            let identity = HostIdentity(agent: UUID(high: 7, low: UInt64(number % 20)), host: "h")
                            // Three calls of each agent, of which one stores.
                            let outcome = try await log.append(S.events(1, ["\(number % 20)"], of: identity))
                            try expect(outcome == .stored(ids: []) || outcome == .repeated(ids: []), "the outcome is \(outcome)")
                        }
                    }
                    try await group.waitForAll()
                }
                try expect(try await S.read(log).rows.sorted(), (0..<20).map { "event \($0)" }.sorted(), "the rows")
            },
            LogPromise("watermarks, checksums and rows are there after closing and opening") { engine in
                guard engine.survivesClosing else { return }
                var log = try await engine.open()
                _ = try await log.append([S.events(1, ["a"], checksum: 5), S.sample(1), S.alert(1)])
                try await engine.settle(log)
                _ = try await log.append(S.events(2, ["b"], checksum: 6))
                let end = try await log.end()
                try await engine.close(log)
                log = try await engine.open()
                try expect(try await log.end(), end, "the end")
                try expect(try await S.read(log).rows.sorted(), ["alert A1", "event a", "event b", "sample 1"], "the rows")
                try expect(try await log.watermarks(of: S.agent.agent).lanes, [.logs: 2, .metrics: 1, .alerts: 1], "the watermarks")
                try expect(try await log.append(S.events(2, ["x"], checksum: 7)), .conflict, "a clone")
                try expect(try await log.append(S.events(2, ["b"], checksum: 6)), .repeated(ids: []), "a repeat")
                try expect(try await log.append(S.events(3, ["c"])), .stored(ids: []), "the next one")
            },
        ]
    }

    // MARK: Clients

    private static var clients: [LogPromise<Engine>] {
        [
            LogPromise("a known idempotency key is repeated with the same identifiers, each client's own, until it is forgotten") { engine in
                let log = try await engine.open()
                guard case .stored(let ids) = try await log.append(S.request(["a", "b"], key: "k")) else { throw BrokenPromise("it was not stored") }
                try expect(Set(ids).count, 2, "different identifiers")
                try await engine.settle(log)
                try expect(try await log.append(S.request(["a", "b"], key: "k")), .repeated(ids: ids), "the repeat")
                guard case .stored = try await log.append(S.request(["c"], key: "k", client: "other")) else {
                    throw BrokenPromise("another client's key was taken for the same")
                }
                try await engine.forgetKeys(log)
                guard case .stored(let later) = try await log.append(S.request(["d"], key: "k")) else {
                    throw BrokenPromise("a key was never forgotten")
                }
                try expect(Set(ids).isDisjoint(with: later), "an identifier came twice")
                try expect(try await S.read(log).rows, ["event a", "event b", "event c", "event d"], "the rows")
            },
            LogPromise("an event's own id is stored once; the other rows get ids that never come twice") { engine in
                let log = try await engine.open()
                let (x, y) = (UUID(high: 0x42, low: 1), UUID(high: 0x42, low: 2))
                guard case .stored(let first) = try await log.append(S.request(["a", "b"], ids: [1: x])) else {
                    throw BrokenPromise("it was not stored")
                }
                try expect(first.count == 2 && first[1] == x && first[0] != x, "the ids are \(first)")
                try await engine.settle(log)
                try expect(try await log.append(S.request(["again"], ids: [0: x])), .repeated(ids: [x]), "the repeat of one event")
                guard case .stored(let second) = try await log.append(S.request(["again", "c", "d"], ids: [0: x, 1: y])) else {
                    throw BrokenPromise("a request with one repeat was not stored")
                }
                try expect(second.count == 3 && second[0] == x && second[1] == y && !first.contains(second[2]), "the ids are \(second)")
                try expect(try await S.read(log).rows, ["event a", "event b", "event c", "event d"], "the rows")
            },
            LogPromise("keys and ids are known after closing and opening, and no new id comes twice") { engine in
                guard engine.survivesClosing else { return }
                var log = try await engine.open()
                let x = UUID(high: 0x42, low: 1)
                guard case .stored(let ids) = try await log.append(S.request(["a", "b"], ids: [0: x], key: "k")) else {
                    throw BrokenPromise("it was not stored")
                }
                var known = Set(ids)
                for round in 0..<3 {
                    if round == 1 { try await engine.settle(log) }
                    try await engine.close(log)
                    log = try await engine.open()
                    try expect(try await log.append(S.request(["a", "b"], ids: [0: x], key: "k")), .repeated(ids: ids), "the key")
                    try expect(try await log.append(S.request(["a"], ids: [0: x])), .repeated(ids: [x]), "the id")
                    guard case .stored(let fresh) = try await log.append(S.request(["c\(round)"])) else { throw BrokenPromise("it was not stored") }
                    try expect(known.isDisjoint(with: fresh), "an identifier came twice")
                    known.formUnion(fresh)
                }
                try expect(try await S.read(log).rows, ["event a", "event b", "event c0", "event c1", "event c2"], "the rows")
            },
        ]
    }
}
