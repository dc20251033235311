import Sealing
package import Telemetry

/// The first reading side, over what is not sealed: goes with its last user.
extension Log: LogCatalog {
    package func blocks(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> [StoredBlock] {
        var page = try await page(after: position, kinds: kinds, limit: limit)
        while page.blocks.isEmpty, page.next < book.end { page = try await self.page(after: page.next, kinds: kinds, limit: limit) }
        return page.blocks
    }

    package func blocks(
        overlapping start: Timestamp,
        _ end: Timestamp,
        kinds: Set<BlockKind>,
        newestFirst: Bool,
        offset: Int,
        limit: Int
    ) async throws(LogError) -> [StoredBlock] {
        let entries = try await entries(overlapping: start, end, kinds: kinds, newestFirst: newestFirst, behind: nil, limit: offset + limit)
        return try await blocks(at: entries.dropFirst(offset).map(\.position))
    }

    package func block(at position: LogPosition) async throws(LogError) -> StoredBlock? { try await blocks(at: [position]).first }

    package func entries(
        overlapping start: Timestamp,
        _ end: Timestamp,
        kinds: Set<BlockKind>,
        newestFirst: Bool,
        behind last: BlockEntry?,
        limit: Int
    ) async throws(LogError) -> [BlockEntry] {
        guard start < end, limit > 0 else { return [] }
        var entries = book.snapshot.arrivals.map(\.block).filter { kinds.contains($0.kind) && $0.to >= start && $0.from < end }.map { block in
            BlockEntry(
                position: block.position,
                kind: block.kind,
                count: block.count,
                from: block.from,
                to: block.to,
                hasRepeats: !block.repeatedRows.isEmpty
            )
        }
        entries.sort { newestFirst ? ($0.to, $0.position) > ($1.to, $1.position) : ($0.from, $0.position) < ($1.from, $1.position) }
        if let last {
            entries.removeAll {
                newestFirst ? ($0.to, $0.position) >= (last.to, last.position) : ($0.from, $0.position) <= (last.from, last.position)
            }
        }
        return Array(entries.prefix(limit))
    }

    package func blocks(at positions: [LogPosition]) async throws(LogError) -> [StoredBlock] {
        let wanted = Dictionary(book.snapshot.arrivals.map { ($0.position, $0.block) }) { $1 }
        return positions.compactMap { wanted[$0] }
    }
}
