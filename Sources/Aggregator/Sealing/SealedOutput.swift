package import Telemetry

/// A sealed block before it has a place: what to write, and what the directory will say of it.
package struct SealedOutput: Sendable {
    package var kind: BlockKind
    package var resolution: Resolution
    /// Rows.
    package var count: Int
    package var from: Timestamp
    package var to: Timestamp
    /// Positions of the first and the last arrival whose rows are in it.
    package var first: LogPosition
    package var last: LogPosition
    package var bytes: [UInt8]
    /// Nil for what has no words.
    package var words: WordFilter?

    package init(
        kind: BlockKind,
        resolution: Resolution = .raw,
        count: Int,
        from: Timestamp,
        to: Timestamp,
        first: LogPosition,
        last: LogPosition,
        bytes: [UInt8],
        words: WordFilter? = nil
    ) {
        (self.kind, self.resolution, self.count, self.from, self.to) = (kind, resolution, count, from, to)
        (self.first, self.last, self.bytes, self.words) = (first, last, bytes, words)
    }
}

extension SealedBlock {
    /// A block that lies in no segment, as in tests and benchmarks.
    /// - Parameter bytes: nil: the output's, in memory.
    package convenience init(_ output: SealedOutput, number: UInt64 = 1, bytes: (any SealedBytes)? = nil) {
        self.init(
            number: number,
            kind: output.kind,
            resolution: output.resolution,
            count: output.count,
            from: output.from,
            to: output.to,
            first: output.first,
            last: output.last,
            bytes: bytes ?? MemoryBytes(output.bytes)
        )
    }
}

/// Why a sealed block, or an arrival on its way into one, cannot be read.
package enum SealedError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Its bytes changed on disk, or are no such block: set it aside. The sentence says where.
    case damaged(String)
    /// The disk did not answer; the block may be whole.
    case read(LogError)

    /// What reading its bytes came to.
    package init(reading error: LogError) { if case .unreadable(let detail) = error { self = .damaged(detail) } else { self = .read(error) } }

    package var description: String {
        switch self {
        case .damaged(let detail): "damaged: \(detail)"
        case .read(let error): error.description
        }
    }
}
