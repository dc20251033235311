import Telemetry

/// Where a batch lies in the spool: lane and the spool's own sequence in one number, so that the table is ordered by both.
///
/// The spool's own sequences go on for ever. The ones on the wire begin at 1 again with each identity: they are counted from the lane's
/// base (``SpoolState/Lane/base``).
struct BatchKey: Sendable, Hashable, Comparable {
    let rawValue: Int64

    init(rawValue: Int64) { self.rawValue = rawValue }

    init(_ lane: Lane, _ sequence: UInt64) {
        precondition(sequence < 1 << 55, "a lane holds at most 2^55 batches")
        rawValue = Int64(lane.rawValue) << 56 | Int64(sequence)
    }

    /// Nil for a number that is no key of ours.
    var lane: Lane? { Lane(rawValue: UInt8(truncatingIfNeeded: rawValue >> 56)) }
    var sequence: UInt64 { UInt64(rawValue & 0xFF_FFFF_FFFF_FFFF) }
    var next: BatchKey { BatchKey(rawValue: rawValue + 1) }

    /// After every batch of the lane.
    static func end(of lane: Lane) -> BatchKey { BatchKey(rawValue: (Int64(lane.rawValue) + 1) << 56 - 1) }

    static func < (a: BatchKey, b: BatchKey) -> Bool { a.rawValue < b.rawValue }
}
