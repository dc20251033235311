/// A class of data with its own sequence, its own reserve in the spool and its own turn on the wire, most urgent first.
package enum Lane: UInt8, Sendable, Hashable, CaseIterable, Comparable, CustomStringConvertible {
    case alerts = 0
    case metrics = 1
    case logs = 2

    package var label: String {
        switch self {
        case .alerts: "alerts"
        case .metrics: "metrics"
        case .logs: "logs"
        }
    }

    package var description: String { label }

    package init?(label: some StringProtocol) {
        guard let lane = Lane.allCases.first(where: { $0.label == label }) else { return nil }
        self = lane
    }

    package static func < (a: Lane, b: Lane) -> Bool { a.rawValue < b.rawValue }
}

/// What a block holds; the number is on disk and on the wire.
package enum BlockKind: UInt8, Sendable, Hashable, CaseIterable {
    case events = 1
    case samples = 2
    case alerts = 3
}

/// Blocks of one lane under one sequence, before they are sealed and after they are opened.
package struct Batch: Sendable, Hashable {
    package var identity: HostIdentity
    package var lane: Lane
    /// From 1, without holes, per agent and lane.
    package var sequence: UInt64
    package var createdAt: Timestamp
    /// Encoded blocks (Blocks), each with its own checksum.
    package var blocks: [[UInt8]]
    /// Which bytes of which files the lines of this batch are; empty for other lanes.
    package var reads: [ReadRange]

    package init(identity: HostIdentity, lane: Lane, sequence: UInt64, createdAt: Timestamp, blocks: [[UInt8]], reads: [ReadRange] = []) {
        (self.identity, self.lane, self.sequence) = (identity, lane, sequence)
        (self.createdAt, self.blocks, self.reads) = (createdAt, blocks, reads)
    }
}

/// A batch as it lies in the spool and travels: one zstd frame, made once.
package struct SealedBatch: Sendable, Hashable {
    package var lane: Lane
    package var sequence: UInt64
    package var createdAt: Timestamp
    /// One whole zstd frame (of an older version: a gzip member); several, one after the other, are a body to POST.
    package var bytes: [UInt8]
    /// Events, samples or alerts in it.
    package var rows: Int

    package init(lane: Lane, sequence: UInt64, createdAt: Timestamp, bytes: [UInt8], rows: Int) {
        (self.lane, self.sequence, self.createdAt, self.bytes, self.rows) = (lane, sequence, createdAt, bytes, rows)
    }
}

/// The highest sequence that is durable at the aggregator, per lane.
package struct Acknowledgement: Sendable, Hashable {
    package var lanes: [Lane: UInt64]

    package init(lanes: [Lane: UInt64]) { self.lanes = lanes }
}
