import Blocks
import Querying
import Telemetry
import TestSupport

@testable import Storing

extension ModelRun {
    // MARK: Reading

    /// From the beginning to the end. What retention may have taken and has taken leaves the model.
    func readPages() async throws {
        let (limit, now) = (number(1...12), fixture.time.now())
        note("read all by pages of \(limit)")
        var found: [LogPosition: Set<String>] = [:]
        var (alerts, samples, positions) = ([String](), [Sample](), [LogPosition]())
        var (position, missed) = (LogPosition(0), UInt64(0))
        while true {
            let page = try await log.page(after: position, kinds: Set(BlockKind.allCases), limit: limit)
            missed += page.gap?.count ?? 0
            for block in page.blocks {
                positions.append(block.position)
                switch block.kind {
                case .alerts: alerts += try AlertBlock(decoding: block.bytes).alerts.map(\.name)
                case .samples: samples += try SampleBlock(decoding: block.bytes).samples()
                case .events:
                    let events = try EventBlock(decoding: block.bytes)
                    for row in 0..<events.count where !block.repeatedRows.contains(UInt32(row)) {
                        let message = events.event(at: row).message ?? ""
                        try Difference.expect(found[block.position, default: []].insert(message).inserted, "\"\(message)\" is there twice")
                    }
                }
            }
            if page.next == position || page.blocks.isEmpty && page.next >= log.book.end { break }
            position = page.next
        }
        try Difference.expect(positions == positions.sorted(), "the positions are not in order: \(positions)")
        func mayBeGone(_ receivedAt: Timestamp, _ source: String?) -> Bool {
            let retention = source == "audit" ? fixture.config.sourceRetention["audit"]! : fixture.config.eventRetention
            return now.duration(since: receivedAt) > retention
        }
        var left = [LogModel.Row]()
        for row in model.rows {
            if found[row.position]?.remove(row.event.message ?? "") != nil {
                left.append(row)
                continue
            }
            try Difference.expect(mayBeGone(row.receivedAt, row.event.source), "\"\(row.event.message ?? "")\" is not there at \(row.position)")
            model.deleted += 1
            // An id whose event is gone may come again.
            if let id = row.event.id { model.ownIDs.remove(id) }
        }
        model.rows = left
        try Difference.expect(found.values.allSatisfy(\.isEmpty), "not of the model: \(found.values.joined().sorted())")
        let gone = model.alerts.filter { !alerts.contains($0.name) }
        try Difference.expect(gone.allSatisfy { mayBeGone($0.receivedAt, nil) }, "alerts are gone: \(gone.map(\.name))")
        model.alerts.removeAll { alert in gone.contains { $0.name == alert.name } }
        model.deleted += gone.count
        try Difference.expect(alerts == model.alerts.map(\.name), "the alerts are \(alerts)")
        try Difference.expect(Set(samples) == Set(model.samples) && samples.count == model.samples.count, "\(samples.count) samples by pages")
        try Difference.expect(missed == model.deleted, "the reader was told of \(missed) rows that are gone, and \(model.deleted) are")
    }

    func query() async throws {
        var query = EventQuery(limit: number(1...30), newestFirst: chance(50))
        if chance(30) { query.source = pick(Self.sources) }
        if chance(15) { query.type = "deploy.finished" }
        if chance(15) { query.severities = Set((0..<2).map { _ in pick(Severity.allCases) }) }
        if chance(15) { query.minSeverity = pick(Severity.allCases) }
        if chance(20) { query.host = pick(Self.hosts) }
        if chance(15) { query.correlationID = "c\(number(1...9))" }
        if chance(10) { query.tags = ["production"] }
        if chance(30) { query.words = (0..<number(1...2)).map { _ in pick(Self.words) }.joined(separator: " ") }
        if chance(10) { query.words = "u\(number(1...max(1, serial)))" }
        if chance(30), let some = model.rows.randomElement(using: &generator) {
            query.start = some.event.timestamp.advanced(by: .milliseconds(-number(0...100_000)))
            if chance(50) { query.end = some.event.timestamp.advanced(by: .milliseconds(number(0...10_000_000))) }
        }
        note("query \(query)")
        let expected = model.rows(query)
        var found = [Event]()
        var next = query
        while true {
            let page = try await search.events(next)
            try Difference.expect(page.events.count <= query.limit, "a page of \(page.events.count) where \(query.limit) were asked for")
            found += page.events
            guard let cursor = page.next else { break }
            next.cursor = cursor
            // Sealing between two pages may not be noticed.
            if chance(10) { try await log.sealAll() }
        }
        try Difference.expect(
            found.map(\.message) == expected.map(\.event.message),
            "found \(found.map { $0.message ?? "" }), expected \(expected.map { $0.event.message ?? "" })"
        )
        try Difference.expect(found.map(\.id) == expected.map(\.event.id), "the ids differ")
        let total = try await search.statistics(query, interval: nil).total
        try Difference.expect(total == expected.count, "statistics count \(total) of \(expected.count)")
    }

    func findByID() async throws {
        guard let row = model.rows.randomElement(using: &generator), let id = row.event.id else { return }
        note("find \(id)")
        let found = try await search.event(id: id)
        try Difference.expect(found?.message == row.event.message, "\(id) gives \(found?.message ?? "nothing"), not \(row.event.message ?? "")")
    }

    func readMetrics() async throws {
        guard let some = model.samples.randomElement(using: &generator), let name = some.series["__name__"] else { return }
        let at = some.timestamp.advanced(by: .seconds(number(0...3000)))
        note("\(name)[1h] at \(at)")
        let answer = try await metrics.query("\(name)[1h]", at: at)
        guard case .matrix(let series) = answer else { throw Difference(description: "the answer is \(answer)") }
        let found = series.flatMap(\.points).map { ($0.timestamp, $0.value) }
        let expected = model.samples.filter {
            $0.series == some.series && $0.timestamp >= at.advanced(by: .seconds(-3600)) && $0.timestamp <= at
        }.sorted { $0.timestamp < $1.timestamp }
        try Difference.expect(
            found.map(\.0) == expected.map(\.timestamp) && found.map(\.1) == expected.map(\.value),
            "\(name): found \(found), expected \(expected.map { ($0.timestamp, $0.value) })"
        )
    }
}
