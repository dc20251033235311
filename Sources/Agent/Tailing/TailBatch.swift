import Telemetry

/// Lines on their way to the next room, from one or more files.
struct TailBatch: Sendable {
    var events: [Event] = []
    var gaps: [Gap] = []
    var positions: [FileIdentity: ReadPosition] = [:]
    var reads: [ReadRange] = []
    var notes: [String: String] = [:]
    /// Bytes of the files that the events are.
    var bytes = 0

    var isFull: Bool { bytes >= TailingLimits.batchBytesMax || isCrowded }
    /// As many events as there may be.
    var isCrowded: Bool { events.count >= TailingLimits.batchEventsMax }
    var isEmpty: Bool { events.isEmpty && gaps.isEmpty && positions.isEmpty && notes.isEmpty }

    mutating func add(_ other: TailBatch) {
        events += other.events
        gaps += other.gaps
        positions.merge(other.positions) { _, later in later }
        reads += other.reads
        notes.merge(other.notes) { _, later in later }
        bytes += other.bytes
    }

    /// Sorted, so that the same reading makes the same intake.
    var intake: Intake {
        let sorted = positions.values.sorted { ($0.path, $0.device, $0.inode) < ($1.path, $1.device, $1.inode) }
        return Intake(events: events, gaps: gaps, positions: sorted, reads: reads, notes: notes)
    }
}
