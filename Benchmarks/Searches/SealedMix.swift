import Blocks
import Sealing
import Telemetry

/// Sealed blocks of made-up events: 200 hosts, 40 sources, correlation ids shared by five, messages of six templates; one needle a block.
final class SealedMix: LogBrowsing {
    private let made: Catalog
    let rows: Int
    let bytes: Int
    /// One id a block.
    let ids: [UUID]

    init(blocks: Int) throws {
        var (catalog, rows, bytes, ids) = (Catalog(), 0, 0, [UUID]())
        var state: UInt64 = 7
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var filters = [WordFilter]()
        var grouped = [UInt64]()
        for number in 0..<blocks {
            var sealer = EventSealer()
            for part in 0..<64 {
                let position = LogPosition(number * 64 + part + 1)
                var encoder = EventBlockEncoder()
                var times = [Int64]()
                for row in 0..<1024 {
                    let index = (number * 64 + part) * 1024 + row
                    let time = 1_793_491_200_000_000_000 + Int64(index) * 1_000_000 - Int64(next(50)) * 1_000_000
                    times.append(time)
                    let message =
                        part == 5 && row == 77
                        ? "found needle-\(number)"
                        : [
                            "GET /api/v1/items/\(next(1_000_000)) 200 in \(next(3000)) ms",
                            "connection from 10.\(next(255)).\(next(255)).17 closed by peer",
                            "worker \(next(1_000_000)) finished batch \(next(3000))",
                            "disk usage above threshold on volume /data\(next(9)) rc=\(next(99))",
                            "user \(next(1_000_000)) login failed, attempt \(next(9))",
                            "request latency \(next(1_000_000)) ms exceeded objective \(next(3000))",
                        ][next(6)]
                    encoder.append(
                        Event(
                            timestamp: Timestamp(nanoseconds: time),
                            source: "svc-\(next(40))",
                            type: next(3) > 0 ? "log.line" : "job-\(next(10)).failed",
                            severity: [.debug, .debug, .info, .info, .info, .info, .warning, .error, .critical][next(9)],
                            host: "web-\(next(200))",
                            correlationID: SealedMix.correlation(index / 5),
                            tags: [["production", "web"], ["production"], ["staging"]][next(3)],
                            message: message,
                            data: #"{"status":\#([200, 404, 500][next(3)]),"bytes":\#(next(65536))}"#
                        )
                    )
                }
                let origin = RowOrigin(agent: UUID(high: 1, low: 2), lane: .logs, sequence: position, block: 0, row: 77)
                if part == 9 { ids.append(.derived(at: Timestamp(nanoseconds: times[77]), from: origin)) }
                var first = origin
                first.row = 0
                try sealer.append(
                    Arrival(
                        StoredBlock(
                            position: position,
                            kind: .events,
                            bytes: encoder.finish(),
                            count: 1024,
                            from: Timestamp(nanoseconds: times.min()!),
                            to: Timestamp(nanoseconds: times.max()!),
                            receivedAt: Timestamp(nanoseconds: times[0]),
                            origin: first,
                            host: ""
                        )
                    )
                )
            }
            guard let output = sealer.finish() else { continue }
            rows += output.count
            bytes += output.bytes.count + (output.words?.bytes.count ?? 0)
            let name = UInt64(number + 1)
            catalog.sealed.append(SealedBlock(output, number: name))
            if let words = output.words {
                // As the log does: groups of one size.
                if let last = filters.last, last.bitCount != words.bitCount || filters.count == WordGroup.blocksMax {
                    SealedMix.close(&catalog, &filters, &grouped)
                }
                filters.append(words)
                grouped.append(name)
            }
        }
        SealedMix.close(&catalog, &filters, &grouped)
        catalog.end = LogPosition(blocks * 64)
        (made, self.rows, self.bytes, self.ids) = (catalog, rows, bytes, ids)
    }

    private static func close(_ catalog: inout Catalog, _ filters: inout [WordFilter], _ grouped: inout [UInt64]) {
        guard let bitCount = filters.first?.bitCount else { return }
        catalog.words.append(WordGroup(blocks: grouped, bitCount: bitCount, rows: MemoryBytes(WordGroup.encode(filters))))
        (filters, grouped) = ([], [])
    }

    static func correlation(_ number: Int) -> String {
        let digits = String(UInt64(number) &* 0x9E37_79B9_7F4A_7C15, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    func correlation(_ number: Int) -> String { SealedMix.correlation(number) }

    func catalog() -> Catalog { made }
    func setAside(_ block: SealedBlock, detail: String) async { print("block \(block.number) is damaged: \(detail)") }
    func place(ofClientID id: UUID) async throws(LogError) -> (position: LogPosition, row: UInt32)? { nil }
    func idsForgotten() async throws(LogError) -> LogPosition { 0 }
    func waitForBlocks(after position: LogPosition) async {}
}
