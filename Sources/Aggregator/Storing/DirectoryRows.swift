import SQLite
import Sealing
import Telemetry

/// A segment as the journal knows it.
struct SegmentRow: Sendable, Hashable {
    var id: UInt64
    var kind: BlockKind
    var resolution: Resolution
    /// Empty, or the source whose events have a retention of their own.
    var retentionClass: String
    /// Days since the epoch, of arrival.
    var day: Int64
    /// How far it is written.
    var bytes: Int
    /// When the last of it arrived.
    var receivedAt: Timestamp
    /// How often its rows were brought together; from 1 on it was written at once, and no more blocks come into it.
    var level = 0

    var name: String { SegmentRow.name(id) }

    static func name(_ id: UInt64) -> String {
        let digits = String(id)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".blocks"
    }
}

/// A sealed block as the journal knows it.
struct SealedRow: Sendable {
    var number: UInt64
    var segment: UInt64
    var range: Range<Int>
    var kind: BlockKind
    var resolution: Resolution
    var count: Int
    var from: Timestamp
    var to: Timestamp
    var first: LogPosition
    var last: LogPosition

    init(number: UInt64, segment: UInt64, range: Range<Int>, of output: SealedOutput) {
        (self.number, self.segment, self.range) = (number, segment, range)
        (kind, resolution, count, from, to) = (output.kind, output.resolution, output.count, output.from, output.to)
        (first, last) = (output.first, output.last)
    }

    /// Nil for a row that makes no sense.
    init?(_ row: Row) {
        guard let kind = BlockKind(rawValue: UInt8(clamping: row.integer(4))), let resolution = Resolution(rawValue: UInt8(clamping: row.integer(5))),
            row.integer(2) >= 0, row.integer(3) >= 0
        else { return nil }
        (number, segment) = (row.unsigned(0), row.unsigned(1))
        range = Int(row.integer(2))..<Int(row.integer(2) + row.integer(3))
        (self.kind, self.resolution, count) = (kind, resolution, Int(clamping: row.integer(6)))
        (from, to) = (Timestamp(nanoseconds: row.integer(7)), Timestamp(nanoseconds: row.integer(8)))
        (first, last) = (row.unsigned(9), row.unsigned(10))
    }

    func block(in file: any SegmentFile) -> SealedBlock {
        SealedBlock(
            number: number,
            kind: kind,
            resolution: resolution,
            count: count,
            from: from,
            to: to,
            first: first,
            last: last,
            bytes: SegmentSlice(file: file, range: range)
        )
    }
}

/// A group of words as the journal knows it.
struct WordGroupRow: Sendable {
    var segment: UInt64
    var range: Range<Int>
    var bitCount: Int
    var blocks: [UInt64]
}

/// What one step of sealing, compaction or retention writes into the journal, in one transaction. The bytes that it names are on disk before.
struct DirectoryChange: Sendable {
    /// Arrivals that are sealed now: those of one kind in a range of positions.
    var arrivals: (kind: BlockKind, positions: ClosedRange<LogPosition>, count: Int)?
    /// Those of them that cannot be sealed: their rows stay.
    var arrivalsSetAside: [LogPosition] = []
    var segments: [SegmentRow] = []
    var sealed: [SealedRow] = []
    var sealedGone: [UInt64] = []
    var segmentsGone: [UInt64] = []
    var filters: [(number: UInt64, segment: UInt64, filter: WordFilter)] = []
    var groups: [WordGroupRow] = []
    var groupsGone: [WordGroupRow] = []
    /// Clients' own ids that are forgotten with their events.
    var idsGone: [UUID] = []
    /// All that is known of these kinds, with what is new.
    var purged: [BlockKind: PurgedSpans] = [:]
}
