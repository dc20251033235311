import Sealing
import Synchronization
import Telemetry

/// What the log holds, in memory: the arrivals that are not sealed, the directory of what is. The committer changes it after each commit, in one step,
/// so that each row is in exactly one place; readers take snapshots.
final class CatalogBook: Sendable {
    /// What waits to be sealed.
    struct Waiting: Sendable {
        var rows = 0
        var bytes = 0
        var oldest: Timestamp?
    }

    fileprivate struct State {
        var catalog = Catalog()
        var waiting: [BlockKind: Waiting] = [:]
        var purged: [BlockKind: PurgedSpans] = [:]
        var watermarks: [UUID: Acknowledgement] = [:]

        mutating func count(_ arrivals: [Arrival]) {
            for arrival in arrivals {
                let block = arrival.block
                var waiting = waiting[block.kind] ?? Waiting()
                waiting.rows += block.count
                waiting.bytes += block.bytes.count
                waiting.oldest = min(waiting.oldest ?? block.receivedAt, block.receivedAt)
                self.waiting[block.kind] = waiting
            }
        }
    }

    private let state: Mutex<State>

    init() { state = Mutex(State()) }

    var snapshot: Catalog { state.withLock { $0.catalog } }
    var end: LogPosition { state.withLock { $0.catalog.end } }
    /// Bytes of arrivals in memory.
    var arrivalBytes: Int { state.withLock { $0.waiting.values.reduce(0) { $0 + $1.bytes } } }
    func waiting(_ kind: BlockKind) -> Waiting { state.withLock { $0.waiting[kind] ?? Waiting() } }
    func purged(_ kind: BlockKind) -> PurgedSpans { state.withLock { $0.purged[kind] ?? PurgedSpans() } }
    /// What is there and what is gone, at one moment: a row that retention takes is in one of the two.
    var view: (catalog: Catalog, purged: [BlockKind: PurgedSpans]) { state.withLock { ($0.catalog, $0.purged) } }
    func watermarks(of agent: UUID) -> Acknowledgement { state.withLock { $0.watermarks[agent] ?? Acknowledgement(lanes: [:]) } }

    /// What the journal says at the start.
    func begin(_ catalog: Catalog, watermarks: [UUID: Acknowledgement], purged: [BlockKind: PurgedSpans]) {
        state.withLock { state in
            state = State(catalog: catalog, purged: purged, watermarks: watermarks)
            state.count(catalog.arrivals)
        }
    }

    func add(_ arrivals: [Arrival], end: LogPosition, watermarks: [(UUID, Lane, UInt64)] = []) {
        state.withLock { state in
            state.catalog.arrivals += arrivals
            state.catalog.end = max(end, state.catalog.end)
            state.count(arrivals)
            for (agent, lane, sequence) in watermarks { state.watermarks[agent, default: Acknowledgement(lanes: [:])].lanes[lane] = sequence }
        }
    }

    /// Arrivals became sealed blocks, or sealed blocks others.
    func replace(_ change: CatalogChange) {
        state.withLock { state in
            if !change.arrivals.isEmpty {
                state.catalog.arrivals.removeAll { change.arrivals.contains($0.position) }
                state.waiting = [:]
                state.count(state.catalog.arrivals)
            }
            if !change.sealedGone.isEmpty {
                state.catalog.sealed.removeAll { change.sealedGone.contains($0.number) }
                // Number 0 is no block's: its column of the group is empty.
                state.catalog.words.removeAll { $0.blocks.allSatisfy { $0 == 0 || change.sealedGone.contains($0) } }
                for number in change.sealedGone { state.catalog.filters[number] = nil }
            }
            if !change.wordsGone.isEmpty { state.catalog.words.removeAll { change.wordsGone.contains($0.blocks) } }
            state.catalog.sealed += change.sealed
            for (number, filter) in change.filters { state.catalog.filters[number] = filter }
            for group in change.words {
                for number in group.blocks { state.catalog.filters[number] = nil }
                state.catalog.words.append(group)
            }
            for (kind, purged) in change.purged { state.purged[kind] = purged }
        }
    }
}

/// One step of sealing, compaction or retention, as the catalog sees it.
struct CatalogChange: Sendable {
    /// Positions that are arrivals no more.
    var arrivals: Set<LogPosition> = []
    var sealed: [SealedBlock] = []
    /// Numbers of sealed blocks that are gone.
    var sealedGone: Set<UInt64> = []
    var filters: [UInt64: WordFilter] = [:]
    var words: [WordGroup] = []
    /// Groups that are damaged, by their blocks.
    var wordsGone: [[UInt64]] = []
    var purged: [BlockKind: PurgedSpans] = [:]
}
