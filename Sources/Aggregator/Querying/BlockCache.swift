import Blocks
import Synchronization
import Telemetry

/// A decoded block of events with what the log knows of it.
struct CachedBlock: Sendable {
    let position: LogPosition
    let events: EventBlock
    let origin: RowOrigin
    let tags: [String]
    let repeatedRows: Set<UInt32>

    init(_ block: StoredBlock) throws(BlockError) {
        events = try EventBlock(decoding: block.bytes)
        (position, origin, tags) = (block.position, block.origin, block.tags)
        repeatedRows = Set(block.repeatedRows)
    }

    /// About how much memory it takes.
    var bytes: Int { events.bytes.count + events.count * 24 + 1024 }

    /// The row with its id and the tags of its agent.
    func event(at row: Int) -> Event {
        var event = events.event(at: row)
        if event.id == nil { event.id = id(of: row) }
        if !tags.isEmpty { event.tags += tags.filter { !event.tags.contains($0) } }
        return event
    }

    /// The derived id of a row that brought none.
    func id(of row: Int) -> UUID {
        var place = origin
        place.row = UInt32(row)
        return .derived(at: Timestamp(nanoseconds: events.timestamps[row]), from: place)
    }
}

/// The blocks decoded last, so that the pages of a dashboard do not decode them again. Blocks never change, so nothing here is ever wrong.
final class BlockCache: Sendable {
    private struct State {
        var blocks: [LogPosition: (block: CachedBlock, lastUse: UInt64)] = [:]
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    func block(at position: LogPosition) -> CachedBlock? {
        state.withLock { state in
            state.uses += 1
            state.blocks[position]?.lastUse = state.uses
            return state.blocks[position]?.block
        }
    }

    func insert(_ block: CachedBlock) {
        guard block.bytes < bytesMax / 2 else { return }
        state.withLock { state in
            state.uses += 1
            if state.blocks.updateValue((block, state.uses), forKey: block.position) == nil { state.bytes += block.bytes }
            guard state.bytes > bytesMax else { return }
            // A quarter at once: sorting for each block would cost more than it saves.
            for (position, entry) in state.blocks.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
                guard state.bytes > bytesMax / 4 * 3 else { break }
                state.blocks[position] = nil
                state.bytes -= entry.block.bytes
            }
        }
    }
}
