import Sealing
import Telemetry

/// Which segments of events and alerts are worth writing again: those with many small blocks. A class of retention with little traffic gets a block each ten
/// minutes, and each block costs every search the reading of a directory. Pure.
enum CompactionPlan {
    /// A segment as the planner sees it.
    struct Candidate: Sendable, Hashable {
        var segment: SegmentRow
        var blocks: Int
        /// Blocks that are worth bringing together.
        var small: Int
        var rows: Int
        /// Of its blocks, as they lie.
        var bytes: Int

        init(_ segment: SegmentRow, _ blocks: [SealedBlock]) {
            self.segment = segment
            self.blocks = blocks.count
            small = blocks.count { $0.count < CompactionPlan.smallRows && $0.bytes.count < CompactionPlan.smallBytes }
            rows = blocks.reduce(0) { $0 + $1.count }
            bytes = blocks.reduce(0) { $0 + $1.bytes.count }
        }
    }

    /// A block of fewer rows is small,
    static let smallRows = EventSealer.rowsMax / 2
    /// unless it is as long as a full one of long texts.
    static let smallBytes = 1 << 20
    /// Bytes that one step takes, as they lie: what it writes is in memory until it is written.
    static let stepBytesMax = 32 << 20
    /// A day is over this long after its end: what arrived in its last minutes is sealed by then.
    static let patience = Duration.seconds(3600)
    /// Segments that were written by a step on a day that goes on are brought together again when there are so many.
    private static let levelsMin = 16

    /// The segments of the next step, all of one kind, class and day; empty: nothing is due.
    /// - Parameters:
    ///   - blocksMin: small blocks that make a step worthwhile while their day goes on.
    ///   - isForced: takes every day for over.
    static func next(_ candidates: [Candidate], at now: Timestamp, blocksMin: Int, isForced: Bool) -> [SegmentRow] {
        let fit = candidates.filter { $0.segment.kind != .samples && $0.small * 2 >= $0.blocks && $0.small > 0 && $0.bytes <= stepBytesMax }
        let days = Dictionary(grouping: fit) { Day(key: $0.segment.key, day: $0.segment.day) }
        let ordered = days.keys.sorted {
            ($0.day, $0.key.retentionClass, $0.key.kind.rawValue) < ($1.day, $1.key.retentionClass, $1.key.kind.rawValue)
        }
        for day in ordered {
            let segments = days[day]!.sorted { $0.segment.id < $1.segment.id }
            if isForced || isOver(day.day, at: now) {
                let taken = prefix(segments)
                if isWorthwhile(taken) { return taken.map(\.segment) }
                continue
            }
            let fresh = prefix(segments.filter { $0.segment.level == 0 })
            if fresh.reduce(0, { $0 + $1.small }) >= blocksMin, isWorthwhile(fresh) { return fresh.map(\.segment) }
            let again = prefix(segments.filter { $0.segment.level > 0 })
            if again.count >= levelsMin, isWorthwhile(again) { return again.map(\.segment) }
        }
        return []
    }

    private struct Day: Hashable {
        var key: SegmentStore.Key
        var day: Int64
    }

    private static func isOver(_ day: Int64, at now: Timestamp) -> Bool {
        let end = Timestamp(nanoseconds: (day + 1) * 86_400_000_000_000)
        return now > end.advanced(by: patience)
    }

    /// As many as one step takes.
    private static func prefix(_ candidates: [Candidate]) -> [Candidate] {
        var (taken, bytes) = ([Candidate](), 0)
        for candidate in candidates {
            guard bytes + candidate.bytes <= stepBytesMax else { break }
            taken.append(candidate)
            bytes += candidate.bytes
        }
        return taken
    }

    /// Half of the blocks go at least.
    private static func isWorthwhile(_ candidates: [Candidate]) -> Bool {
        let (blocks, rows) = (candidates.reduce(0) { $0 + $1.blocks }, candidates.reduce(0) { $0 + $1.rows })
        return blocks >= 2 && (rows + EventSealer.rowsMax - 1) / EventSealer.rowsMax * 2 <= blocks
    }
}
