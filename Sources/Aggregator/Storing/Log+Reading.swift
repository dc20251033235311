import Blocks
import Logging
import Sealing
package import Telemetry

/// The log as a sequence of blocks, for readers with a cursor.
extension Log {
    package func page(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> LogPage {
        precondition(limit > 0, "a page of no blocks leads nowhere")
        var damaged = PurgedSpans()
        while true {
            // What is there and what is gone are of one moment: a segment that retention takes between two looks would be in neither.
            let (catalog, purged) = book.view
            guard !kinds.isEmpty, position < catalog.end else { return LogPage(blocks: [], next: max(position, catalog.end)) }
            switch try await page(of: catalog, after: position, kinds: kinds, limit: limit) {
            case .page(var page):
                page.gap = Gap(purged, kinds: kinds, damaged: damaged, after: position, through: page.next)
                return page
            case .damaged(let block, let detail):
                // One bad block does not stop a reader: it is taken out of the catalog, and the reader passes over it and is told.
                damaged.add(PurgedSpans.Span(block))
                await setAside(block, detail: detail)
            }
        }
    }

    private enum Attempt {
        case page(LogPage)
        case damaged(SealedBlock, String)
    }

    private func page(of catalog: Catalog, after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> Attempt {
        let behind = catalog.sealed.filter { $0.last > position && kinds.contains($0.kind) && $0.resolution == .raw }.min { $0.first < $1.first }
        guard let behind else {
            let blocks = catalog.arrivals(after: position, kinds: kinds, limit: limit)
            return .page(LogPage(blocks: blocks, next: blocks.count < limit ? catalog.end : blocks[limit - 1].position))
        }
        // What lies before the first sealed block comes first; then that block, together with what else has positions in its range.
        let before = catalog.arrivals(after: position, kinds: kinds, limit: limit).prefix { $0.position < behind.first }
        if !before.isEmpty { return .page(LogPage(blocks: Array(before), next: before[before.endIndex - 1].position)) }
        let overlapping = catalog.sealed.filter {
            $0.first <= behind.last && $0.last > position && kinds.contains($0.kind) && $0.resolution == .raw
        }
        var blocks: [StoredBlock]
        switch try await sealer.arrivals(of: overlapping.filter { $0.kind != .samples }) {
        case .damaged(let block, let detail): return .damaged(block, detail)
        case .arrivals(let all): blocks = all.filter { $0.position > position && $0.position <= behind.last }
        }
        blocks += catalog.arrivals(after: position, kinds: kinds, limit: .max).prefix { $0.position <= behind.last }
        blocks.sort { $0.position < $1.position }
        // Rows of one arrival can lie in several sealed blocks (each class of retention has its own): a page never ends between them.
        let bound = blocks.count > limit ? blocks[limit - 1].position : behind.last
        let samples = overlapping.filter { $0.kind == .samples }
        guard !samples.isEmpty else { return .page(await finish(blocks, through: bound, of: behind)) }
        switch try await sealer.samples(of: samples, after: position, through: bound) {
        case .damaged(let block, let detail): return .damaged(block, detail)
        case .arrivals(let parts):
            // A large block of samples is read in parts, and the page ends where its part does.
            let reached = parts.first?.position ?? bound
            return .page(await finish((blocks + parts).sorted { $0.position < $1.position }, through: reached, of: behind))
        }
    }

    private func finish(_ blocks: [StoredBlock], through bound: LogPosition, of behind: SealedBlock) async -> LogPage {
        if bound == behind.last { await sealer.forgetReadBack() }
        return LogPage(blocks: blocks.filter { $0.position <= bound }, next: bound)
    }

    package func report(_ cursor: LogCursor) async {
        do throws(LogError) { try await committer.report(cursor) } catch {
            logger.warning("a reader's position was not copied; its own is safe", metadata: ["cursor": "\(cursor.name)", "error": "\(error)"])
        }
    }

    package func cursors() async throws(LogError) -> [LogCursor] { try await committer.cursors() }
}

extension Catalog {
    /// Arrivals behind a position, in their order.
    func arrivals(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) -> [StoredBlock] {
        var (low, high) = (0, arrivals.count)
        while low < high {
            let middle = (low + high) / 2
            if arrivals[middle].position <= position { low = middle + 1 } else { high = middle }
        }
        var found = [StoredBlock]()
        for arrival in arrivals[low...] where kinds.contains(arrival.block.kind) {
            guard found.count < limit else { break }
            found.append(arrival.block)
        }
        return found
    }
}

extension Sealer {
    /// What reading sealed blocks back came to.
    enum ReadBack: Sendable {
        case arrivals([StoredBlock])
        case damaged(SealedBlock, String)
    }

    /// Sealed blocks as the arrivals they were made of. For a reader far behind: decodes and encodes everything again.
    /// Kept from one page to the next: small arrivals make many pages of one sealed block.
    func arrivals(of blocks: [SealedBlock]) throws(LogError) -> ReadBack {
        let numbers = blocks.map(\.number)
        if let known = readBack, known.numbers == numbers { return .arrivals(known.arrivals) }
        var arrivals = [StoredBlock]()
        for block in blocks {
            do throws(SealedError) { arrivals += try Self.arrivals(of: block) } catch {
                switch error {
                case .damaged(let detail): return .damaged(block, detail)
                case .read(let error): throw .failed("sealed block \(block.number) cannot be read: \(error)")
                }
            }
        }
        do throws(SealedError) { arrivals = try SealedEvents.joined(arrivals) } catch {
            throw .failed("rows of one arrival that were sealed apart cannot be put together: \(error)")
        }
        readBack = (numbers, arrivals)
        return .arrivals(arrivals)
    }

    private static func arrivals(of block: SealedBlock) throws(SealedError) -> [StoredBlock] {
        switch block.kind {
        case .events: try SealedEvents(block).arrivals()
        case .alerts: try PlainSealer.arrivals(block)
        case .samples: preconditionFailure("samples are read in parts")
        }
    }

    /// Samples that one page holds, about: some 20 MB as a wire block. A merged block holds many more.
    private static let pageSamplesMax = 2 << 20

    /// Samples behind a position, each block's as one wire block. All of them end at the same position, which is theirs: up to there nothing is missing.
    func samples(of blocks: [SealedBlock], after position: LogPosition, through end: LogPosition) throws(LogError) -> ReadBack {
        var (bound, parts) = (end, [(block: SealedBlock, part: SealedSamples.WirePart)]())
        var index = 0
        while index < blocks.count {
            let block = blocks[index]
            index += 1
            do throws(SealedError) {
                guard let part = try SealedSamples(block).wireBlock(after: position, through: bound, rowsMax: Self.pageSamplesMax) else { continue }
                parts.append((block, part))
                if part.position < min(bound, block.last) {
                    // It ends before the others do: once more with its end.
                    let isFirst = parts.count == 1
                    bound = part.position
                    if !isFirst { (parts, index) = ([], 0) }
                }
            } catch {
                switch error {
                case .damaged(let detail): return .damaged(block, detail)
                case .read(let error): throw .failed("sealed block \(block.number) cannot be read: \(error)")
                }
            }
        }
        return .arrivals(
            parts.map { block, part in
                StoredBlock(
                    position: bound,
                    kind: .samples,
                    bytes: part.bytes,
                    count: part.count,
                    from: part.from,
                    to: part.to,
                    receivedAt: block.to,
                    origin: RowOrigin(agent: UUID(high: 0, low: 0), lane: .metrics, sequence: 0, block: 0, row: 0),
                    host: ""
                )
            }
        )
    }
}

extension PurgedSpans.Span {
    init(_ block: SealedBlock) {
        self.init(first: block.first, last: block.last, from: block.from, to: block.to, rows: block.count)
    }
}

extension Gap {
    /// What a page passes over; nil: nothing. A reader that goes on from page to page is told of each row once.
    fileprivate init?(
        _ purged: [BlockKind: PurgedSpans],
        kinds: Set<BlockKind>,
        damaged: PurgedSpans,
        after position: LogPosition,
        through next: LogPosition
    ) {
        var (sentences, losses) = ([String](), [PurgedSpans.Span]())
        for kind in BlockKind.allCases where kinds.contains(kind) {
            guard let loss = purged[kind]?.loss(after: position, through: next) else { continue }
            sentences.append("retention has deleted about \(loss.rows) \(kind) at positions \(loss.first) to \(loss.last) before they were read here")
            losses.append(loss)
        }
        let isRetention = !losses.isEmpty
        if let loss = damaged.loss(after: position, through: next) {
            sentences.append("about \(loss.rows) rows at positions \(loss.first) to \(loss.last) are damaged and were set aside")
            losses.append(loss)
        }
        guard let from = losses.map(\.from).min(), let to = losses.map(\.to).max() else { return nil }
        self.init(
            source: "log",
            reason: isRetention ? .retention : .corrupt,
            from: from,
            to: to,
            count: UInt64(losses.reduce(0) { $0 + $1.rows }),
            detail: sentences.joined(separator: "; ")
        )
    }
}
