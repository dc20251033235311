import Blocks
import Logging
import Sealing
package import Telemetry

/// The log as a sequence of blocks, for readers with a cursor.
extension Log {
    package func page(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> LogPage {
        let catalog = book.snapshot
        guard limit > 0, !kinds.isEmpty, position < catalog.end else { return LogPage(blocks: [], next: max(position, catalog.end)) }
        var gap: Gap?
        for kind in kinds {
            let purged = book.purged(kind)
            if purged.position > position { gap = Gap(purged, kind: kind, joining: gap) }
        }
        let behind = catalog.sealed.filter { $0.last > position && kinds.contains($0.kind) && $0.resolution == .raw }.min { $0.first < $1.first }
        guard let behind else {
            let blocks = catalog.arrivals(after: position, kinds: kinds, limit: limit)
            return LogPage(blocks: blocks, next: blocks.count < limit ? catalog.end : blocks[limit - 1].position, gap: gap)
        }
        // What lies before the first sealed block comes first; then that block, together with what else has positions in its range.
        let before = catalog.arrivals(after: position, kinds: kinds, limit: limit).prefix { $0.position < behind.first }
        if !before.isEmpty { return LogPage(blocks: Array(before), next: before[before.endIndex - 1].position, gap: gap) }
        let overlapping = catalog.sealed.filter {
            $0.first <= behind.last && $0.last > position && kinds.contains($0.kind) && $0.resolution == .raw
        }
        var blocks = try await sealer.arrivals(of: overlapping).filter { $0.position > position && $0.position <= behind.last }
        blocks += catalog.arrivals(after: position, kinds: kinds, limit: .max).prefix { $0.position <= behind.last }
        blocks.sort { $0.position < $1.position }
        if blocks.count > limit {
            // Rows of one arrival can lie in several sealed blocks (each class of retention has its own): a page never ends between them.
            let last = blocks[limit - 1].position
            let page = blocks.prefix { $0.position <= last }
            if page.count < blocks.count { return LogPage(blocks: Array(page), next: last, gap: gap) }
        }
        await sealer.forgetReadBack()
        return LogPage(blocks: blocks, next: behind.last, gap: gap)
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
    /// Sealed blocks as the arrivals they were made of. For a reader far behind: decodes and encodes everything again.
    /// Kept from one page to the next: small arrivals make many pages of one sealed block.
    func arrivals(of blocks: [SealedBlock]) throws(LogError) -> [StoredBlock] {
        let numbers = blocks.map(\.number)
        if let known = readBack, known.numbers == numbers { return known.arrivals }
        let arrivals = try decode(blocks)
        readBack = (numbers, arrivals)
        return arrivals
    }

    private func decode(_ blocks: [SealedBlock]) throws(LogError) -> [StoredBlock] {
        var arrivals = [StoredBlock]()
        for block in blocks {
            do throws(SealedError) {
                switch block.kind {
                case .events: arrivals += try SealedEvents(block).arrivals()
                case .alerts: arrivals += try PlainSealer.arrivals(block)
                case .samples:
                    let bytes = try SealedSamples(block).wireBlock()
                    arrivals.append(
                        StoredBlock(
                            position: block.last,
                            kind: .samples,
                            bytes: bytes,
                            count: block.count,
                            from: block.from,
                            to: block.to,
                            receivedAt: block.to,
                            origin: RowOrigin(agent: UUID(high: 0, low: 0), lane: .metrics, sequence: 0, block: 0, row: 0),
                            host: ""
                        )
                    )
                }
            } catch {
                throw .failed("sealed block \(block.number) cannot be read: \(error)")
            }
        }
        return arrivals
    }
}

extension Gap {
    fileprivate init(_ purged: CatalogBook.Purged, kind: BlockKind, joining other: Gap?) {
        self.init(
            source: "log",
            reason: .retention,
            from: min(purged.from, other?.from ?? purged.from),
            to: max(purged.to, other?.to ?? purged.to),
            count: UInt64(purged.rows) + (other?.count ?? 0),
            detail: "retention has deleted \(kind) up to position \(purged.position) before they were read here"
        )
    }
}
