import Blocks
import Sealing
import Telemetry

/// A decoded arrival of events with what the log knows of it.
struct CachedBlock: Sendable {
    let position: LogPosition
    let events: EventBlock
    let origin: RowOrigin
    let tags: [String]
    let repeatedRows: Set<UInt32>

    /// Decoded once for all who look at it.
    init(_ arrival: Arrival) throws(BlockError) { self.init(arrival.block, try arrival.events()) }

    init(_ block: StoredBlock) throws(BlockError) { self.init(block, try EventBlock(decoding: block.bytes)) }

    private init(_ block: StoredBlock, _ events: EventBlock) {
        self.events = events
        (position, origin, tags) = (block.position, block.origin, block.tags)
        repeatedRows = Set(block.repeatedRows)
    }

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
