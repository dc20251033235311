import Blocks
import Telemetry

/// What the suite stores, and how it reads it back.
enum LogScript {
    static let noon = Timestamp(nanoseconds: 1_793_534_400_000_000_000)
    static let agent = HostIdentity(agent: UUID(high: 0x1111_2222_3333_7444, low: 1), host: "web-1", tags: ["production"])
    static let other = HostIdentity(agent: UUID(high: 0x1111_2222_3333_7444, low: 2), host: "web-2", tags: [])

    static func event(_ message: String, id: UUID? = nil) -> Event {
        Event(id: id, timestamp: noon, source: "nginx", type: Event.logLine, severity: .info, host: "web-1", message: message)
    }

    static func block(_ messages: [String], ids: [UInt32: UUID] = [:]) -> AdmittedBlock {
        let events = messages.enumerated().map { event($1, id: ids[UInt32($0)]) }
        return AdmittedBlock(kind: .events, bytes: EventBlock.encode(events), count: events.count, from: noon, to: noon, ids: ids)
    }

    static func events(
        _ sequence: UInt64,
        _ messages: [String],
        of identity: HostIdentity = agent,
        lane: Lane = .logs,
        checksum: UInt64? = nil
    ) -> AdmittedBatch {
        AdmittedBatch(
            origin: .agent(identity, lane: lane, sequence: sequence, checksum: checksum ?? sequence &* 31),
            receivedAt: noon,
            blocks: [block(messages)]
        )
    }

    static func request(_ messages: [String], ids: [UInt32: UUID] = [:], key: String? = nil, client: String = "curl") -> AdmittedBatch {
        AdmittedBatch(origin: .client(name: client, key: key), receivedAt: noon, blocks: [block(messages, ids: ids)])
    }

    /// One sample, whose value says which.
    static func sample(_ sequence: UInt64) -> AdmittedBatch {
        let at = noon.advanced(by: .seconds(Int64(sequence)))
        let bytes = SampleBlock.encode([Sample("up", [Label("host", "web-1")], at: at, Double(sequence))])
        return AdmittedBatch(
            origin: .agent(agent, lane: .metrics, sequence: sequence, checksum: sequence),
            receivedAt: noon,
            blocks: [AdmittedBlock(kind: .samples, bytes: bytes, count: 1, from: at, to: at)]
        )
    }

    static func alert(_ sequence: UInt64) -> AdmittedBatch {
        let alert = Alert(
            labels: ["alertname": "A\(sequence)", "host": "web-1"],
            annotations: [:],
            state: .firing,
            activeAt: noon,
            startsAt: noon,
            value: 1,
            updatedAt: noon,
            expression: "up == 0"
        )
        return AdmittedBatch(
            origin: .agent(agent, lane: .alerts, sequence: sequence, checksum: sequence),
            receivedAt: noon,
            blocks: [AdmittedBlock(kind: .alerts, bytes: AlertBlock.encode([alert]), count: 1, from: noon, to: noon)]
        )
    }

    /// What a reader that starts at `position` is given until it is at the end.
    struct Reading {
        /// `event`, `sample` or `alert` and what it says, in the order of the pages; repeats left out, and gaps that the log recorded itself.
        var rows: [String] = []
        var gaps: [Gap] = []
        var positions: [LogPosition] = []
        var pages = 0
        var end: LogPosition
    }

    static func read(_ log: some LogReader, after start: LogPosition = 0, kinds: Set<BlockKind> = Set(BlockKind.allCases), limit: Int = 5)
        async throws -> Reading
    {
        var reading = Reading(end: start)
        while true {
            let page = try await log.page(after: reading.end, kinds: kinds, limit: limit)
            reading.pages += 1
            if let gap = page.gap { reading.gaps.append(gap) }
            try expect(Set(page.blocks.map(\.position)).count <= limit, "a page holds \(page.blocks.count) blocks where \(limit) were asked for")
            for block in page.blocks {
                try expect(kinds.contains(block.kind), "a block of \(block.kind) is on a page of \(kinds)")
                try expect(
                    block.position > reading.end && block.position <= page.next,
                    "a block of position \(block.position) is on the page from \(reading.end) to \(page.next)"
                )
                reading.rows += try rows(of: block)
                reading.positions.append(block.position)
            }
            let end = try await log.end()
            if page.blocks.isEmpty, page.next == reading.end || page.next >= end { return reading }
            try expect(page.next > reading.end, "the page after \(reading.end) leads to \(page.next), and the log goes to \(end)")
            reading.end = page.next
        }
    }

    private static func rows(of block: StoredBlock) throws -> [String] {
        switch block.kind {
        case .events:
            let events = try EventBlock(decoding: block.bytes)
            return (0..<events.count).filter { !block.repeatedRows.contains(UInt32($0)) }.compactMap { row in
                let event = events.event(at: row)
                return event.source == Event.ownSource ? nil : "event \(event.message ?? "")"
            }
        case .samples:
            return try SampleBlock(decoding: block.bytes).samples().map { "sample \(Int($0.value))" }
        case .alerts:
            return try AlertBlock(decoding: block.bytes).alerts.map { "alert \($0.name)" }
        }
    }
}
