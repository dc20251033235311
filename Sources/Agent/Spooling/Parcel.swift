import Blocks
import Synchronization
import Telemetry
import Wire

/// One intake, encoded by its giver's task, on its way into a transaction. What becomes of it is written into `outcome`.
final class Parcel: Sendable {
    /// One encoded block and what its header says.
    struct Piece: Sendable {
        var lane: Lane
        var bytes: [UInt8]
        var rows: Int
        var from: Timestamp
        var to: Timestamp
        /// A part of `bytes` that is packed already.
        var packed: PackedPart?
    }

    let pieces: [Piece]
    let gaps: [Gap]
    let positions: [ReadPosition]
    let reads: [ReadRange]
    let judgement: JudgementState?
    /// Alerts of `judgement`, encoded.
    let judgementAlerts: [UInt8]
    let notes: [String: String]
    let byteCount: Int
    /// Lines of files: what is not taken stays in the file, and is read again.
    let canWait: Bool
    private let outcome = Mutex<Result<Void, SinkError>?>(nil)

    /// - Parameters:
    ///   - now: the time of the gap events.
    ///   - host: the host of the gap events.
    ///   - outlines: of the collections that were stored before.
    init(_ intake: Intake, at now: Timestamp, host: String, outlines: SampleOutlines? = nil) {
        var pieces: [Piece] = []
        if !intake.alerts.isEmpty {
            pieces.append(Piece(lane: .alerts, AlertBlock.encode(intake.alerts), times: intake.alerts.lazy.map(\.updatedAt)))
        }
        if !intake.gaps.isEmpty {
            let events = intake.gaps.map { $0.event(at: now, host: host) }
            pieces.append(Piece(lane: .alerts, EventBlock.encode(events), times: events.lazy.map(\.timestamp)))
        }
        if !intake.notices.isEmpty {
            pieces.append(Piece(lane: .alerts, EventBlock.encode(intake.notices), times: intake.notices.lazy.map(\.timestamp)))
        }
        for part in Self.split(intake.samples, bytesOf: { _ in 0 }) {
            guard let outlines else {
                pieces.append(Piece(lane: .metrics, SampleBlock.encode(part), times: part.lazy.map(\.timestamp)))
                continue
            }
            for encoded in outlines.encode(part) {
                pieces.append(Piece(lane: .metrics, encoded.block, times: part[encoded.rows].lazy.map(\.timestamp)))
                pieces[pieces.count - 1].packed = encoded.packed
            }
        }
        for part in Self.split(intake.events, bytesOf: { ($0.message?.utf8.count ?? 0) + $0.data.utf8.count }) {
            pieces.append(Piece(lane: .logs, EventBlock.encode(part, numbersData: true), times: part.lazy.map(\.timestamp)))
        }
        (self.pieces, gaps, positions, reads, judgement) = (pieces, intake.gaps, intake.positions, intake.reads, intake.judgement)
        notes = intake.notes
        canWait = !intake.events.isEmpty && (!intake.positions.isEmpty || intake.notes.keys.contains { $0.hasPrefix("journal") })
        judgementAlerts = intake.judgement.map { AlertBlock.encode($0.alerts) } ?? []
        byteCount = pieces.reduce(judgementAlerts.count) { $0 + $1.bytes.count }
    }

    /// Nil until it was tried.
    var result: Result<Void, SinkError>? { outcome.withLock { $0 } }

    func finish(_ result: Result<Void, SinkError>) { outcome.withLock { $0 = result } }

    /// Parts that each fit into a block.
    private static func split<Row>(_ rows: [Row], bytesOf: (Row) -> Int) -> [[Row]] {
        guard !rows.isEmpty else { return [] }
        var (parts, start, bytes): ([[Row]], Int, Int) = ([], 0, 0)
        for (index, row) in rows.enumerated() {
            let size = bytesOf(row)
            if index > start, index - start >= SpoolLimits.blockRowsMax || bytes + size > SpoolLimits.blockBytesMax {
                parts.append(Array(rows[start..<index]))
                (start, bytes) = (index, 0)
            }
            bytes += size
        }
        parts.append(start == 0 ? rows : Array(rows[start...]))
        return parts
    }
}

extension Parcel.Piece {
    fileprivate init(lane: Lane, _ bytes: [UInt8], times: some Collection<Timestamp>) {
        let first = times.first ?? Timestamp(nanoseconds: 0)
        var (from, to) = (first, first)
        for time in times { (from, to) = (min(from, time), max(to, time)) }
        self.init(lane: lane, bytes: bytes, rows: times.count, from: from, to: to)
    }
}
