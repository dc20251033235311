import Blocks
import Sealing
import Synchronization
import Telemetry

@testable import Querying

/// A log in memory that seals what a test wants sealed.
final class SomeBlocks: LogBrowsing {
    private struct State {
        var catalog = Catalog()
        var bytes: [UInt64: [UInt8]] = [:]
        var setAside: [UInt64] = []
    }

    private let state = Mutex(State())

    func idsForgotten() async throws(LogError) -> LogPosition { 0 }
    func catalog() -> Catalog { state.withLock { $0.catalog } }
    var setAside: [UInt64] { state.withLock { $0.setAside } }

    /// One block as it arrives; gives its events as a search shows them.
    func add(_ events: [Event], tags: [String]) throws -> [Event] {
        let arrival = state.withLock { state in
            state.catalog.end += 1
            let arrival = Arrival(
                StoredBlock(
                    position: state.catalog.end,
                    kind: .events,
                    bytes: EventBlock.encode(events),
                    count: events.count,
                    from: events.map(\.timestamp).min() ?? .distantPast,
                    to: events.map(\.timestamp).max() ?? .distantPast,
                    receivedAt: QueryFixture.noon,
                    origin: RowOrigin(agent: QueryFixture.agent, lane: .logs, sequence: state.catalog.end, block: 0, row: 0),
                    host: "web-1",
                    tags: tags
                )
            )
            state.catalog.arrivals.append(arrival)
            return arrival
        }
        let block = try CachedBlock(arrival)
        return events.indices.map { block.event(at: $0) }
    }

    /// The oldest arrivals become sealed blocks of some arrivals each: half of them with their filters in a group, the others alone.
    func seal(first count: Int, together: Int) throws {
        try state.withLock { state in
            var (outputs, arrivals) = ([SealedOutput](), state.catalog.arrivals.prefix(count)[...])
            state.catalog.arrivals.removeFirst(arrivals.count)
            while !arrivals.isEmpty {
                var sealer = EventSealer()
                for arrival in arrivals.prefix(together) { try sealer.append(arrival) }
                arrivals = arrivals.dropFirst(together)
                if let output = sealer.finish() { outputs.append(output) }
            }
            for output in outputs {
                let number = UInt64(state.catalog.sealed.count + state.setAside.count + 1)
                state.bytes[number] = output.bytes
                state.catalog.sealed.append(SealedBlock(output, number: number))
                if let words = output.words {
                    if number % 2 == 0 {
                        let rows = MemoryBytes(WordGroup.encode([words]))
                        state.catalog.words.append(WordGroup(blocks: [number], bitCount: words.bitCount, rows: rows))
                    } else {
                        state.catalog.filters[number] = words
                    }
                }
            }
        }
    }

    /// Bytes in the middle of a sealed block change.
    func damage(_ index: Int) {
        state.withLock { state in
            let block = state.catalog.sealed[index]
            guard var bytes = state.bytes[block.number] else { return }
            for place in 100..<bytes.count { bytes[place] ^= 0x5A }
            state.catalog.sealed[index] = SealedBlock(
                number: block.number,
                kind: block.kind,
                count: block.count,
                from: block.from,
                to: block.to,
                first: block.first,
                last: block.last,
                bytes: MemoryBytes(bytes)
            )
        }
    }

    func setAside(_ block: SealedBlock, detail: String) async { state.withLock { $0.setAside.append(block.number) } }

    func place(ofClientID id: UUID) async throws(LogError) -> (position: LogPosition, row: UInt32)? { nil }
    func waitForBlocks(after position: LogPosition) async {}
}
