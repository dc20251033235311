import Blocks
import Telemetry
import TestSupport

@testable import Storing

extension ModelRun {
    // MARK: Writing

    func event(id: UUID? = nil, host: String) -> Event {
        serial += 1
        let message = ["u\(serial)"] + (0..<number(1...4)).map { _ in pick(Self.words) }
        return Event(
            id: id,
            timestamp: fixture.time.now().advanced(by: .milliseconds(number(-7_200_000...10_000))),
            source: pick(Self.sources),
            type: pick([Event.logLine, "deploy.finished"]),
            severity: pick(Severity.allCases),
            host: host,
            correlationID: chance(30) ? "c\(number(1...9))" : nil,
            message: message.joined(separator: " ")
        )
    }

    func identity(_ agent: Int) -> HostIdentity {
        HostIdentity(agent: UUID(high: 8, low: UInt64(agent)), host: Self.hosts[agent], tags: agent == 2 ? ["production"] : [])
    }

    /// Some batches of some agents in one call.
    func appendOfAgents() async throws {
        var (batches, expected) = ([AdmittedBatch](), [Event]())
        var tags: [String: [String]] = [:]
        for _ in 0..<number(1...3) {
            let identity = identity(number(0...2))
            let sequence = (model.watermarks[identity.agent]?[.logs] ?? 0) + 1
            let blocks = (0..<number(1...2)).map { _ in (0..<number(1...5)).map { _ in event(host: identity.host) } }
            batches.append(
                AdmittedBatch(
                    origin: .agent(identity, lane: .logs, sequence: sequence, checksum: sequence &* 31),
                    receivedAt: fixture.time.now(),
                    blocks: blocks.map(F.block)
                )
            )
            model.watermarks[identity.agent, default: [:]][.logs] = sequence
            for (index, block) in blocks.enumerated() {
                for (row, event) in block.enumerated() {
                    var event = event
                    let origin = RowOrigin(agent: identity.agent, lane: .logs, sequence: sequence, block: UInt32(index), row: UInt32(row))
                    event.id = .derived(at: event.timestamp, from: origin)
                    tags[event.message ?? ""] = identity.tags
                    expected.append(event)
                }
            }
        }
        note("append \(batches.count) batches, \(expected.count) events")
        let outcomes = try await log.append(batches)
        try Difference.expect(outcomes.allSatisfy { $0 == .stored(ids: []) }, "the outcomes are \(outcomes)")
        try await absorb(expected, tags: tags)
    }

    /// One to three requests in one call: small ones are put together.
    func appendOfClients() async throws {
        var (batches, events) = ([AdmittedBatch](), [[Event]]())
        var keys = [String?]()
        for _ in 0..<number(1...3) {
            let count = chance(15) ? number(65...90) : number(1...4)
            // Ids are remembered for a week: each comes again within a few days only.
            let days = fixture.time.now().duration(since: F.noon) / .seconds(3 * 86_400)
            let ids = (0..<count).map { _ in chance(30) ? UUID(high: 3, low: UInt64(days) * 1000 + UInt64(number(0...60))) : nil }
            let list = ids.map { event(id: $0, host: pick(Self.hosts)) }
            let key = chance(30) ? "k\(number(0...10_000_000))" : nil
            batches.append(
                AdmittedBatch(origin: .client(name: "curl", key: key), receivedAt: fixture.time.now(), blocks: [F.block(list)])
            )
            events.append(list)
            keys.append(key)
        }
        note("request of \(events.map(\.count)) events, keys \(keys.map { $0 ?? "-" })")
        let outcomes = try await log.append(batches)
        var expected = [Event]()
        // Large requests are committed before the small ones of the same call.
        let order = events.indices.filter { events[$0].count > 64 } + events.indices.filter { events[$0].count <= 64 }
        for index in order {
            let ids: [UUID]
            var fresh = [Event]()
            switch outcomes[index] {
            case .stored(let given), .repeated(let given): ids = given
            default: throw Difference(description: "a client's request is answered with \(outcomes[index])")
            }
            try Difference.expect(ids.count == events[index].count, "\(ids.count) ids for \(events[index].count) events")
            for (event, id) in zip(events[index], ids) {
                var event = event
                if let own = event.id {
                    try Difference.expect(id == own, "an own id \(own) became \(id)")
                    guard model.ownIDs.insert(own).inserted else { continue }
                } else {
                    try Difference.expect(model.ids.insert(id).inserted, "the id \(id) came twice")
                    event.id = id
                }
                fresh.append(event)
            }
            let isRepeat = if case .repeated = outcomes[index] { true } else { false }
            try Difference.expect(isRepeat == fresh.isEmpty, "the outcome is \(outcomes[index]) where \(fresh.count) events are new")
            expected += fresh
            if let key = keys[index] { model.keys.append((key, ids, fixture.time.now())) }
        }
        try await absorb(expected, tags: [:])
    }

    func appendSamples() async throws {
        let identity = identity(0)
        let sequence = (model.watermarks[identity.agent]?[.metrics] ?? 0) + 1
        var samples = [Sample]()
        for second in 0..<number(1...4) {
            for series in 0..<number(1...3) {
                let at = fixture.time.now().advanced(by: .seconds(second))
                samples.append(Sample("m\(series)", [Label("host", identity.host)], at: at, Double(number(0...1000)) / 10))
            }
        }
        fixture.time.advance(by: .seconds(10))
        note("append \(samples.count) samples")
        let times = samples.map(\.timestamp)
        let outcome = try await log.append(
            AdmittedBatch(
                origin: .agent(identity, lane: .metrics, sequence: sequence, checksum: sequence &* 31),
                receivedAt: fixture.time.now(),
                blocks: [
                    AdmittedBlock(
                        kind: .samples,
                        bytes: SampleBlock.encode(samples),
                        count: samples.count,
                        from: times.min() ?? F.noon,
                        to: times.max() ?? F.noon
                    )
                ]
            )
        )
        try Difference.expect(outcome == .stored(ids: []), "samples are answered with \(outcome)")
        model.watermarks[identity.agent, default: [:]][.metrics] = sequence
        model.samples += samples
    }

    func appendAlerts() async throws {
        let identity = identity(1)
        let sequence = (model.watermarks[identity.agent]?[.alerts] ?? 0) + 1
        serial += 1
        let (name, now) = ("A\(serial)", fixture.time.now())
        note("append the alert \(name)")
        let outcome = try await log.append(F.alert(name, sequence: sequence, of: identity, at: now))
        try Difference.expect(outcome == .stored(ids: []), "an alert is answered with \(outcome)")
        model.watermarks[identity.agent, default: [:]][.alerts] = sequence
        model.alerts.append((name, now))
    }

    /// A repeat, a clone or a hole.
    func repeatSomething() async throws {
        let identity = identity(number(0...2))
        guard let watermark = model.watermarks[identity.agent]?[.logs] else { return }
        let sequence = UInt64(number(max(1, Int(watermark) - 6)...Int(watermark) + 3))
        let isClone = chance(30)
        let expected: AppendOutcome
        switch sequence {
        case ...watermark: expected = isClone ? .conflict : .repeated(ids: [])
        case watermark + 1: return
        default: expected = .outOfOrder(expected: watermark + 1)
        }
        note("append sequence \(sequence) of \(identity.host) again, clone: \(isClone)")
        let batch = F.batch(sequence, [F.event("not to be stored")], agent: identity.agent, checksum: isClone ? 1 : sequence &* 31)
        let outcome = try await log.append(batch)
        try Difference.expect(outcome == expected, "sequence \(sequence) is answered with \(outcome), not with \(expected)")
        let known = try await log.watermarks(of: identity.agent).lanes
        try Difference.expect(known == model.watermarks[identity.agent], "the watermarks are \(known)")
        try await absorb([], tags: [:])
    }

    func repeatKey() async throws {
        guard !model.keys.isEmpty else { return }
        let (key, ids, at) = pick(model.keys)
        guard fixture.time.now().duration(since: at) < fixture.config.idRetention else { return }
        note("repeat the key \(key)")
        let outcome = try await log.append(F.request([F.event("not to be stored")], key: key))
        try Difference.expect(outcome == .repeated(ids: ids), "the key \(key) is answered with \(outcome)")
        try await absorb([], tags: [:])
    }

    /// What came behind the rows that are known: these events and no others, each once.
    func absorb(_ expected: [Event], tags: [String: [String]]) async throws {
        var waiting = Dictionary(uniqueKeysWithValues: expected.map { ($0.message ?? "", $0) })
        var position = model.rows.last?.position ?? 0
        while true {
            let page = try await log.page(after: position, kinds: [.events], limit: number(1...9))
            for block in page.blocks {
                let events = try EventBlock(decoding: block.bytes)
                for row in 0..<events.count where !block.repeatedRows.contains(UInt32(row)) {
                    let message = events.event(at: row).message ?? ""
                    guard let event = waiting.removeValue(forKey: message) else {
                        // Retention may have taken the last row that was known.
                        if model.rows.contains(where: { $0.event.message == message }) { continue }
                        throw Difference(description: "\"\(message)\" was not stored now")
                    }
                    model.rows.append(
                        LogModel.Row(
                            event: event,
                            tags: tags[message] ?? [],
                            position: block.position,
                            row: UInt32(row),
                            receivedAt: block.receivedAt
                        )
                    )
                }
            }
            if page.next == position || page.blocks.isEmpty && page.next >= log.book.end { break }
            position = page.next
        }
        try Difference.expect(waiting.isEmpty, "missing: \(waiting.keys.sorted())")
    }
}
