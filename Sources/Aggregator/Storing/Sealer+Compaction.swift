import Logging
import Operating
import Sealing
import Telemetry

/// Compaction of events and alerts: segments with many small blocks are written again as one with few large ones.
///
/// The new segment is on disk, with a note of whose place it takes, before one transaction of the journal puts it in the others' place; then their files go.
/// A crash leaves the old ones or the new one. Whoever reads an old snapshot holds the old files open.
extension Sealer {
    /// One step. Returns whether there may be more to do.
    /// - Parameter isForced: takes every day for over, and few blocks for enough.
    func compact(isForced: Bool = false) async throws(LogError) -> Bool {
        let damaged = try await committer.segmentsWithDamage()
        let segments = try await exclusively { () async throws(LogError) in
            let blocks = store.blocksBySegment(book.snapshot.sealed)
            let candidates = store.segments.values.filter { !damaged.contains($0.id) && !incompressible.contains($0.id) }
                .map { CompactionPlan.Candidate($0, blocks[$0.id] ?? []) }
            let plan = CompactionPlan.next(candidates, at: time.now(), blocksMin: config.compactBlocksMin, isForced: isForced)
            // From here on no more blocks come into them.
            store.retire(plan.map(\.id))
            return plan
        }
        guard let first = segments.first else { return false }
        let ids = Set(segments.map(\.id))
        let inputs = blocks(of: ids)
        let merged = try await compacting.merge(inputs, kind: first.kind)
        for (block, detail) in merged.damaged { await report(Damage(sealed: block, detail: detail)) }
        guard merged.damaged.isEmpty else { return true }
        guard merged.outputs.count < inputs.count else {
            // Long texts fill blocks of few rows: it is not tried again.
            incompressible.formUnion(ids)
            return true
        }
        return try await exclusively { () async throws(LogError) in
            // Retention by size may have been quicker, or a reader has found damage.
            guard ids.isSubset(of: store.segments.keys), blocks(of: ids).map(\.number) == inputs.map(\.number) else { return true }
            var directory = DirectoryChange()
            var catalog = CatalogChange(sealedGone: Set(inputs.map(\.number)))
            directory.segmentsGone = ids.sorted()
            try store.write(
                merged.outputs,
                inPlaceOf: inputs,
                key: first.key,
                day: first.day,
                level: (segments.map(\.level).max() ?? 0) + 1,
                receivedAt: segments.map(\.receivedAt).max() ?? first.receivedAt,
                into: &directory,
                &catalog
            )
            do throws(LogError) { try await committer.apply(directory, catalog) } catch {
                store.undo(directory)
                throw error
            }
            try store.remove(ids.sorted())
            counters.compacted.increment(by: inputs.count)
            logger.debug(
                "small sealed blocks were brought together",
                metadata: ["blocks": "\(inputs.count)", "into": "\(merged.outputs.count)", "class": "\(first.retentionClass)"]
            )
            return true
        }
    }

    /// Blocks of some segments, in the order of the log.
    func blocks(of segments: Set<UInt64>) -> [SealedBlock] {
        let all = store.blocksBySegment(book.snapshot.sealed)
        return segments.flatMap { all[$0] ?? [] }.sorted { $0.first != $1.first ? $0.first < $1.first : $0.number < $1.number }
    }
}
