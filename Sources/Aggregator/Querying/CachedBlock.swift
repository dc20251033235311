import Blocks
import Sealing
import Telemetry

/// A decoded block of events, as it arrived, with what the log knows of it.
struct CachedBlock: Sendable {
    let position: LogPosition
    let events: EventBlock
    let origin: RowOrigin
    let tags: [String]
    let repeatedRows: Set<UInt32>
    private let rowNumbers: [UInt32]

    init(_ block: StoredBlock) throws(BlockError) { self.init(block, events: try EventBlock(decoding: block.bytes)) }

    /// An arrival keeps what was decoded.
    init(_ arrival: Arrival) throws(BlockError) { self.init(arrival.block, events: try arrival.events()) }

    private init(_ block: StoredBlock, events: EventBlock) {
        self.events = events
        (position, origin, tags) = (block.position, block.origin, block.tags)
        (repeatedRows, rowNumbers) = (Set(block.repeatedRows), block.rowNumbers)
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

    /// The row's number when it arrived; sealing may have taken others away.
    func number(of row: Int) -> UInt32 { rowNumbers.isEmpty ? UInt32(row) : rowNumbers[row] }

    /// The derived id of a row that brought none.
    func id(of row: Int) -> UUID {
        var place = origin
        place.row = UInt32(row)
        return .derived(at: Timestamp(nanoseconds: events.timestamps[row]), from: place)
    }
}
