package import Blocks
import Synchronization
package import Telemetry

/// What the log holds at one moment, for whoever searches it: arrivals that are not sealed yet, and sealed blocks. Each row is in exactly one of
/// them. A snapshot stays whole while the log goes on: retention may unlink a segment, its bytes can be read until the last snapshot of it is gone.
package struct Catalog: Sendable {
    /// In the order of their positions; of all kinds.
    package var arrivals: [Arrival]
    /// In no order; of all kinds and resolutions.
    package var sealed: [SealedBlock]
    /// Which sealed blocks of events may hold a word.
    package var words: [WordGroup]
    /// The same for blocks that wait for a group, by number. A block that is in neither is looked into.
    package var filters: [UInt64: WordFilter]
    /// The last position that is on disk.
    package var end: LogPosition

    package init(
        arrivals: [Arrival] = [],
        sealed: [SealedBlock] = [],
        words: [WordGroup] = [],
        filters: [UInt64: WordFilter] = [:],
        end: LogPosition = 0
    ) {
        (self.arrivals, self.sealed, self.words, self.filters, self.end) = (arrivals, sealed, words, filters, end)
    }

    /// Numbers of the sealed blocks that certainly do not hold all of these words (``Words``). Reads: from a thread that may block.
    package func blocks(withoutAll hashes: [UInt64]) -> Set<UInt64> {
        var without = Set<UInt64>()
        for group in words {
            // A group that cannot be read says nothing: each of its blocks is looked into, which is slower, and nothing is missed.
            if let candidates = try? group.candidates(hashes) { without.formUnion(Set(group.blocks).subtracting(candidates)) }
        }
        for (number, filter) in filters where !hashes.allSatisfy(filter.mayHold) { without.insert(number) }
        return without
    }
}

/// The log as a search sees it.
package protocol LogBrowsing: Sendable {
    /// A snapshot; costs no more than two references. What an `append` returned for is in it.
    func catalog() -> Catalog
    /// The block that held a client's own id when it arrived, and the row in it; sealed blocks find the row by the same two numbers.
    func place(ofClientID id: UUID) async throws(LogError) -> (position: LogPosition, row: UInt32)?
    /// Clients' own ids of events up to here may be forgotten: their events can still be found, by looking into the blocks. 0: of none.
    func idsForgotten() async throws(LogError) -> LogPosition
    /// Suspends until something lies behind `position`, until the log is closed, or until the task is cancelled.
    func waitForBlocks(after position: LogPosition) async
    /// A sealed block failed its checksum: it is taken out of the catalog and recorded as a gap; its bytes stay on disk.
    func setAside(_ block: SealedBlock, detail: String) async
}

/// A block as it arrived, in memory until it is sealed.
package final class Arrival: Sendable {
    package let block: StoredBlock
    private let decoded = Mutex<EventBlock?>(nil)

    package init(_ block: StoredBlock) { self.block = block }

    package var position: LogPosition { block.position }

    /// Decoded once. Throws for a block of another kind.
    package func events() throws(BlockError) -> EventBlock {
        if let known = decoded.withLock({ $0 }) { return known }
        let fresh = try EventBlock(decoding: block.bytes)
        decoded.withLock { $0 = fresh }
        return fresh
    }
}

/// Bytes of a sealed block where they lie. Reading may wait for the disk: only from a thread that may block.
package protocol SealedBytes: Sendable {
    var count: Int { get }
    /// - Precondition: the range lies in `0..<count`.
    func read(_ range: Range<Int>) throws(LogError) -> [UInt8]
}

/// How far samples were rolled up.
package enum Resolution: UInt8, Sendable, Hashable, CaseIterable {
    /// As they came. Events and alerts are always raw.
    case raw = 0
    /// One row a series and minute, or hour: min, max, sum, count.
    case minute = 1
    case hour = 2
}

/// A sealed block: what the directory says of it, and where its bytes are.
package final class SealedBlock: Sendable {
    /// Unique in this log and never given twice: caches are keyed by it.
    package let number: UInt64
    package let kind: BlockKind
    package let resolution: Resolution
    package let count: Int
    package let from: Timestamp
    package let to: Timestamp
    /// The first and the last position of the arrivals whose rows are in it; other rows of them may be in other blocks.
    package let first: LogPosition
    package let last: LogPosition
    package let bytes: any SealedBytes

    package init(
        number: UInt64,
        kind: BlockKind,
        resolution: Resolution = .raw,
        count: Int,
        from: Timestamp,
        to: Timestamp,
        first: LogPosition,
        last: LogPosition,
        bytes: any SealedBytes
    ) {
        (self.number, self.kind, self.resolution, self.count) = (number, kind, resolution, count)
        (self.from, self.to, self.first, self.last, self.bytes) = (from, to, first, last, bytes)
    }
}

/// Bytes in memory; what a memory log and tests use.
package struct MemoryBytes: SealedBytes {
    private let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var count: Int { bytes.count }

    package func read(_ range: Range<Int>) throws(LogError) -> [UInt8] { Array(bytes[range]) }
}
