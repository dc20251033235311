import Blocks
import SQLite
import Telemetry
import Wire

/// Keeps metrics in coarser steps when the spool is full: of each series the last sample of a step stays, the others are recorded as a gap. Only
/// batches that nobody can have seen: a sequence keeps its content once it was sent. All of this is part of a transaction.
extension SpoolStore {
    /// One pass at the finest step that still frees something; false when there is none.
    func thinSome(_ occasion: Occasion) throws(SQLiteError) -> Bool {
        for level in SpoolLimits.thinningSteps.indices {
            while let batches = try candidates(at: level, occasion.onLoan) {
                if try thin(batches, to: SpoolLimits.thinningSteps[level], occasion) { return true }
            }
        }
        return false
    }

    private struct Candidate {
        var key: BatchKey
        var from: Int64
        var to: Int64
        var bytes: UInt64
    }

    /// The next batches to look at; nil when all were. Moves on, so that a full spool is not searched again with each batch that comes.
    private func candidates(at level: Int, _ onLoan: Set<BatchKey>) throws(SQLiteError) -> [Candidate]? {
        let start = max(thinned[level], BatchKey(.metrics, max(reach(of: .metrics), state[.metrics].acknowledged)))
        let batches = try connection.query(
            "SELECT key, from_at, to_at, size FROM batch INDEXED BY batch_ledger WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
            [.integer(start.rawValue), .integer(BatchKey.end(of: .metrics).rawValue), .integer(Int64(SpoolLimits.thinningBatchesMax))]
        ) { (row) throws(SQLiteError) in
            Candidate(key: BatchKey(rawValue: row.integer(0)), from: row.integer(1), to: row.integer(2), bytes: row.unsigned(3))
        }
        // Whoever is at the end waits for more: the last step is not over.
        guard batches.count >= 3, let first = batches.first, let last = batches.last else { return nil }
        let step = Self.nanoseconds(SpoolLimits.thinningSteps[level])
        let isWhole = batches.count == SpoolLimits.thinningBatchesMax
        let whole = batches.prefix { $0.to / step != last.to / step || (isWhole && first.to / step == last.to / step) }
        guard let end = whole.last else { return nil }
        thinned[level] = end.key
        return whole.filter { !onLoan.contains($0.key) && $0.to - $0.from < step }
    }

    /// Thins runs of batches of the same step. False when there was nothing to gain.
    private func thin(_ batches: [Candidate], to step: Duration, _ occasion: Occasion) throws(SQLiteError) -> Bool {
        let length = Self.nanoseconds(step)
        var gap = Gap(source: Lane.metrics.label, reason: .thinned, from: Timestamp(nanoseconds: .max), to: Timestamp(nanoseconds: .min), detail: "")
        var emptied: [BatchKey] = []
        var index = 0
        while index < batches.count {
            var end = index + 1
            while end < batches.count, batches[end].to / length == batches[index].to / length { end += 1 }
            if end - index > 1 { try merge(batches[index..<end], into: &gap, &emptied) }
            index = end
        }
        guard gap.count > 0 || !emptied.isEmpty else { return false }
        gap.detail =
            "the spool was full (\(house.config.maxBytes >> 20) MiB): of these metrics one value every \(step.components.seconds) s was kept; "
            + "check that the aggregator is reachable, or raise spool.max_size"
        try leave(gap, under: emptied, at: occasion.now)
        return true
    }

    /// Puts the last sample of each series into the last of these batches, and removes the others.
    private func merge(_ batches: ArraySlice<Candidate>, into gap: inout Gap, _ emptied: inout [BatchKey]) throws(SQLiteError) {
        var opened: [(candidate: Candidate, batch: Batch, samples: [Sample])] = []
        for candidate in batches {
            // What cannot be read is left for whoever leases it; what is no metric is nobody's to thin.
            guard let batch = try open(candidate.key), let samples = Self.samples(of: batch) else { continue }
            opened.append((candidate, batch, samples))
        }
        guard opened.count > 1, let last = opened.last else { return }
        var newest: [Labels: Sample] = [:]
        var order: [Labels] = []
        for sample in opened.lazy.flatMap(\.samples) {
            if newest.updateValue(sample, forKey: sample.series) == nil { order.append(sample.series) }
        }
        let kept = order.compactMap { newest[$0] }
        let all = opened.reduce(0) { $0 + $1.samples.count }
        guard kept.count < all else { return }
        var batch = last.batch
        batch.blocks = stride(from: 0, to: kept.count, by: SpoolLimits.blockRowsMax).map { start in
            SampleBlock.encode(Array(kept[start..<min(start + SpoolLimits.blockRowsMax, kept.count)]))
        }
        let before = opened.reduce(0) { $0 + $1.candidate.bytes }
        let sealed = Wire.seal(batch)
        try replace(last.candidate.key, with: sealed, from: kept.map(\.timestamp.nanoseconds).min() ?? 0, to: last.candidate.to)
        for other in opened.dropLast() {
            try remove(other.candidate.key, bytes: other.candidate.bytes)
            emptied.append(other.candidate.key)
        }
        gap.from = min(gap.from, Timestamp(nanoseconds: opened[0].candidate.from))
        gap.to = max(gap.to, Timestamp(nanoseconds: last.candidate.to))
        gap.count += UInt64(all - kept.count)
        gap.bytes += before - min(before, UInt64(sealed.bytes.count))
    }

    /// Empty batches under these sequences, and one gap for all of them under the last.
    private func leave(_ gap: Gap, under keys: [BatchKey], at now: Timestamp) throws(SQLiteError) {
        let id = try record(gap)
        var (start, index) = (0, 0)
        while index < keys.count {
            defer { index += 1 }
            guard index == keys.count - 1 || keys[index].next != keys[index + 1] else { continue }
            var told = gap
            if index < keys.count - 1 { told.detail = "" }
            try insert(Run(first: keys[start], last: keys[index], createdAt: now, gapID: id, gap: told), isFixed: false)
            start = index + 1
        }
    }

    private static func samples(of batch: Batch) -> [Sample]? {
        var samples: [Sample] = []
        for bytes in batch.blocks {
            guard let block = try? SampleBlock(decoding: bytes) else { return nil }
            samples += block.samples()
        }
        return samples
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 { duration.components.seconds * 1_000_000_000 }
}
