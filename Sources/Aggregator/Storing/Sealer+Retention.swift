import Logging
import Operating
import Sealing
import Telemetry

/// Retention: whole segments go.
extension Sealer {
    /// One step. Returns whether there is more to do.
    func retain(at now: Timestamp) async throws(LogError) -> Bool {
        try await committer.forgetKeys(at: now)
        // What is old enough to go is sealed first, so that only segments go.
        if let oldest = BlockKind.allCases.compactMap({ book.waiting($0).oldest }).min(), oldest < now.advanced(by: .zero - shortest) {
            while try await sealOnce(isForced: true) {}
        }
        let expired = store.segments.values.filter { $0.receivedAt < now.advanced(by: .zero - retention(of: $0.key)) }.map(\.id)
        if let first = expired.min(), let segment = store.segments[first] {
            // Samples are not lost when they are old: they become a row a minute, and later one an hour.
            if segment.kind == .samples, let coarser = segment.resolution.coarser, try await rollUp(segment, to: coarser) { return true }
            try await drop(first, counting: counters.expired)
            return expired.count > 1
        }
        let used = try await usedBytes()
        counters.fileBytes.set(Double(used))
        guard used > config.maxSize else { return try await committer.giveBack() }
        if store.segments.isEmpty { while try await sealOnce(isForced: true) {} }
        guard let first = RetentionPlan.firstToGo(of: store.segments.values, at: now, retention: retention(of:)) else { return false }
        try await drop(first.id, counting: counters.overSize)
        logger.notice(
            "storage.retention.max_size is reached: the segment nearest to its end was deleted",
            metadata: ["segment": "\(first.id)", "class": "\(first.retentionClass)"]
        )
        return true
    }

    private var shortest: Duration {
        ([config.eventRetention, config.metricRetention] + config.sourceRetention.values).min() ?? config.eventRetention
    }

    private func retention(of key: SegmentStore.Key) -> Duration {
        switch key.kind {
        case .samples:
            switch key.resolution {
            case .raw: config.metricRetention
            case .minute: max(config.minuteRetention, config.metricRetention)
            case .hour: max(config.hourRetention, config.minuteRetention, config.metricRetention)
            }
        case .alerts: config.eventRetention
        case .events: config.sourceRetention[key.retentionClass] ?? config.eventRetention
        }
    }

    /// What readers that are behind have lost with these blocks. Rolled up rows are read by their time only.
    func purged(with blocks: [SealedBlock]) -> [BlockKind: PurgedSpans] {
        var all: [BlockKind: PurgedSpans] = [:]
        for block in blocks where block.resolution == .raw {
            all[block.kind, default: book.purged(block.kind)].add(PurgedSpans.Span(block))
        }
        return all
    }

    private func usedBytes() async throws(LogError) -> UInt64 {
        store.segments.values.reduce(try await committer.pageBytes().used) { $0 + UInt64($1.bytes) }
    }

    /// Takes a segment out of the journal and the catalog, then its file away. A crash between the two leaves a file that the next start removes.
    private func drop(_ id: UInt64, counting counter: Counter) async throws(LogError) {
        try await exclusively { () async throws(LogError) in
            guard store.segments[id] != nil else { return }
            let blocks = blocks(of: [id])
            var directory = DirectoryChange()
            directory.segmentsGone = [id]
            for block in blocks where block.kind == .events {
                if let ids = try? SealedEvents(block).ids() { directory.idsGone += ids.values }
            }
            directory.purged = purged(with: blocks)
            var catalog = CatalogChange(sealedGone: Set(blocks.map(\.number)))
            catalog.purged = directory.purged
            try await committer.apply(directory, catalog)
            try store.remove([id])
            counter.increment(by: blocks.count)
        }
    }
}
