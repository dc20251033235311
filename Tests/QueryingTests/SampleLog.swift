import Blocks
import Operating
import Querying
import Sealing
import Synchronization
import Telemetry
import TestSupport

/// A log of samples in memory that can be sealed, merged and rolled up at will: what a reader sees of the real one.
final class SampleLog: LogBrowsing {
    static let noon = Timestamp(nanoseconds: 1_793_534_400_000_000_000)

    let time = ManualTime(now: noon)
    private let state = Mutex(Catalog())
    private let setAsideDetails = Mutex<[String]>([])

    /// What was set aside, and why.
    var damage: [String] { setAsideDetails.withLock { $0 } }

    func idsForgotten() async throws(LogError) -> LogPosition { 0 }
    func catalog() -> Catalog { state.withLock { $0 } }

    func store(_ samples: [Sample], agent: UInt64 = 1) {
        state.withLock { catalog in
            catalog.end += 1
            let times = samples.map(\.timestamp)
            let block = StoredBlock(
                position: catalog.end,
                kind: .samples,
                bytes: SampleBlock.encode(samples),
                count: samples.count,
                from: times.min()!,
                to: times.max()!,
                receivedAt: time.now(),
                origin: RowOrigin(agent: UUID(high: 1, low: agent), lane: .metrics, sequence: catalog.end, block: 0, row: 0),
                host: "web-1"
            )
            catalog.arrivals.append(Arrival(block))
        }
    }

    /// Seals the oldest arrivals, all but the last `count`.
    func seal(keeping count: Int = 0) throws {
        let arrivals = Array(catalog().arrivals.dropLast(count))
        var sealer = SampleSealer()
        for arrival in arrivals { try sealer.append(arrival) }
        guard let output = sealer.finish() else { return }
        state.withLock { catalog in
            catalog.arrivals.removeFirst(arrivals.count)
            catalog.sealed.append(SealedBlock(output, number: UInt64(catalog.sealed.count) + output.last << 8))
        }
    }

    /// Merges all sealed blocks that reach back behind `moment` into one.
    func merge(to resolution: Resolution, before moment: Timestamp = .distantFuture) throws {
        let old = catalog().sealed.filter { $0.from < moment && $0.resolution.rawValue <= resolution.rawValue }.sorted { $0.first < $1.first }
        let byResolution = Dictionary(grouping: old, by: \.resolution)
        for blocks in byResolution.values {
            guard let output = try SampleMerge.merge(try blocks.map { try SealedSamples($0) }, to: resolution) else { continue }
            let gone = Set(blocks.map(\.number))
            state.withLock { catalog in
                catalog.sealed.removeAll { gone.contains($0.number) }
                catalog.sealed.append(SealedBlock(output, number: gone.max()! + 1))
            }
        }
    }

    /// Changes a byte near the end of the oldest sealed block.
    func damage(at place: Int) throws {
        try state.withLock { catalog in
            let old = catalog.sealed[0]
            var bytes = try old.bytes.read(0..<old.bytes.count)
            bytes[place < 0 ? bytes.count + place : place] ^= 1
            catalog.sealed[0] = SealedBlock(
                number: old.number,
                kind: .samples,
                resolution: old.resolution,
                count: old.count,
                from: old.from,
                to: old.to,
                first: old.first,
                last: old.last,
                bytes: MemoryBytes(bytes)
            )
        }
    }

    func setAside(_ block: SealedBlock, detail: String) async {
        state.withLock { $0.sealed.removeAll { $0.number == block.number } }
        setAsideDetails.withLock { $0.append(detail) }
    }

    func place(ofClientID id: UUID) async throws(LogError) -> (position: LogPosition, row: UInt32)? { nil }
    func waitForBlocks(after position: LogPosition) async {}
}
