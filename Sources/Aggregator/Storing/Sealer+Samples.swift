import Operating
import Sealing
import Telemetry

/// Compaction and roll-up of samples.
///
/// A fleet fills a sealed block each second or so, with a few samples of each series: short chunks, which take twice the bytes of long ones. Segments only
/// grow, so what merging saves is given back when a whole file goes: segments of samples have a level, and all blocks of one are merged into the next
/// level's at once.
extension Sealer {
    /// One step. Returns whether there may be more to do.
    func mergeSamples() async throws(LogError) -> Bool {
        let all = store.blocksBySegment(book.snapshot.sealed)
        for segment in store.segments.values.sorted(by: { $0.id < $1.id }) {
            guard let next = SampleLevel.after(segment.key) else { continue }
            let blocks = all[segment.id] ?? []
            guard
                SampleLevel.isDue(blocks, isFresh: segment.retentionClass.isEmpty, isOver: segment.day < time.now().nanoseconds / 86_400_000_000_000)
            else { continue }
            // Nothing would be won: its file has to stay until its retention is over.
            if try await committer.segmentsWithDamage().contains(segment.id) { continue }
            let wasReplaced = try await replace(blocks, of: segment, by: next)
            if wasReplaced { return true }
        }
        return false
    }

    /// Rolls up some blocks of a segment whose retention is over. Returns false when nothing is left of it but the file.
    func rollUp(_ segment: SegmentRow, to resolution: Resolution) async throws(LogError) -> Bool {
        let blocks = blocks(of: [segment.id])
        guard !blocks.isEmpty else { return false }
        let key = SegmentStore.Key(kind: .samples, resolution: resolution, retentionClass: "")
        return try await replace(blocks, of: segment, by: key)
    }

    // MARK: Inside

    /// Merges the first of the blocks into one of another segment, in whose favour they go; with the last of them their file goes.
    /// - Returns: whether anything changed.
    private func replace(_ blocks: [SealedBlock], of segment: SegmentRow, by key: SegmentStore.Key) async throws(LogError) -> Bool {
        let merged = try await merging.merge(blocks, to: key.resolution)
        for (block, detail) in merged.damaged { await report(Damage(sealed: block, detail: detail)) }
        guard !merged.inputs.isEmpty else { return !merged.damaged.isEmpty }
        return try await exclusively { () async throws(LogError) in
            // Retention by size may have been quicker.
            let there = Set(self.blocks(of: [segment.id]).map(\.number))
            let gone = Set(merged.inputs.map(\.number))
            guard store.segments[segment.id] != nil, gone.isSubset(of: there) else { return false }
            var directory = DirectoryChange()
            var catalog = CatalogChange(sealedGone: gone)
            directory.sealedGone = gone.sorted()
            if key.resolution != segment.resolution {
                directory.purged = purged(with: merged.inputs)
                catalog.purged = directory.purged
            }
            // Damage that was found just now keeps the file, unless its time is over.
            let isWhole = gone.count == there.count && (merged.damaged.isEmpty || key.resolution != segment.resolution)
            if isWhole { directory.segmentsGone = [segment.id] }
            try store.write(
                merged.output.map { [(key, $0)] } ?? [],
                receivedAt: segment.receivedAt,
                inPlaceOf: merged.inputs,
                into: &directory,
                &catalog
            )
            do throws(LogError) { try await committer.apply(directory, catalog) } catch {
                store.undo(directory)
                throw error
            }
            if isWhole { try store.remove([segment.id]) }
            counters.merged.increment(by: merged.output?.count ?? 0)
            return true
        }
    }
}

/// How far samples were merged; the class of a segment of samples.
enum SampleLevel {
    private static let levels = ["", "l1", "l2"]
    /// A segment is merged when it holds this many samples,
    static let samplesMax = SampleLimits.mergedSamplesMax / 2
    /// or this many blocks,
    static let blocksMax = SampleLimits.mergeBlocksMax
    /// or this many as they were sealed: an arrival names its series, so memory is full of names long before it is full of samples, and a fresh block of a fleet has
    /// some few samples of each series. They wait for no more than this.
    static let freshBlocksMax = 8
    /// or blocks whose directories, as they lie, are this long: they are in memory while they are merged, four times as large. Half of what one merge takes.
    static let directoryBytesMax = SampleLimits.mergeDirectoryBytesMax / 8

    /// Where blocks of a segment go when they are merged; nil: they stay.
    static func after(_ key: SegmentStore.Key) -> SegmentStore.Key? {
        guard key.kind == .samples, let level = levels.firstIndex(of: key.retentionClass), level + 1 < levels.count else { return nil }
        return SegmentStore.Key(kind: .samples, resolution: key.resolution, retentionClass: levels[level + 1])
    }

    /// Whether all blocks of a segment are to be merged.
    /// - Parameters:
    ///   - isFresh: they are as they were sealed.
    ///   - isOver: no more blocks come, because the day of the segment is over.
    static func isDue(_ blocks: [SealedBlock], isFresh: Bool, isOver: Bool) -> Bool {
        guard blocks.count > 1 else { return false }
        if isOver || blocks.count >= (isFresh ? freshBlocksMax : blocksMax) || blocks.reduce(0, { $0 + $1.count }) >= samplesMax { return true }
        var bytes = 0
        for block in blocks {
            // One that cannot be read is found by the merge.
            guard let head = try? block.bytes.read(0..<min(SampleHeader.bytes, block.bytes.count)), let header = try? SampleHeader(decoding: head)
            else { continue }
            bytes += header.directoryLength
        }
        return bytes >= directoryBytesMax
    }
}
