import Blocks
import Telemetry
import Wire

/// A loss of the log's own, as the event that every gap is.
enum GapEvents {
    static func batch(for damage: Damage, at now: Timestamp) -> AdmittedBatch {
        let gap = Gap(
            source: "log",
            reason: .corrupt,
            from: damage.from,
            to: damage.to,
            count: UInt64(damage.count),
            bytes: UInt64(damage.bytes),
            detail: damage.detail
        )
        let key = damage.position.map { "damaged-block-\($0)" } ?? "damaged-sealed-block-\(damage.number ?? 0)"
        return batch(for: gap, host: damage.host, key: key, at: now)
    }

    /// The journal was lost: how much is missing cannot be known. After a crash between this event and its note in the journal it comes again, and is a repeat.
    static func batch(forRebuilt report: JournalRebuild.Report, at now: Timestamp) -> AdmittedBatch {
        let gap = Gap(source: "log", reason: .corrupt, from: report.from, to: report.to, detail: report.detail)
        return batch(for: gap, host: "", key: "rebuilt-\(report.to.nanoseconds)", at: now)
    }

    private static func batch(for gap: Gap, host: String, key: String?, at now: Timestamp) -> AdmittedBatch {
        let event = gap.event(at: now, host: host)
        let block = AdmittedBlock(kind: .events, bytes: EventBlock.encode([event]), count: 1, from: now, to: now)
        return AdmittedBatch(origin: .client(name: Event.ownSource, key: key), receivedAt: now, blocks: [block])
    }
}
