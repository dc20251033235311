import Blocks
import JSON
import Sealing
import Telemetry
import Testing

@testable import Storing

/// All that is in a log, however it lies.
struct LogContents {
    /// How often each event and alert is there.
    var names: [String: Int] = [:]
    /// Which samples are there; their values are powers of two.
    var samples: Set<String> = []
    var twice: [String] = []
    /// Rows that are gone because of damage, by what the log recorded.
    var told: [String: Int] = [:]

    init(_ log: Log) async throws {
        var position = LogPosition(0)
        while true {
            let page = try await log.page(after: position, kinds: Set(BlockKind.allCases), limit: 5)
            for block in page.blocks {
                switch block.kind {
                case .samples: break
                case .alerts: for alert in try AlertBlock(decoding: block.bytes).alerts { names[alert.name, default: 0] += 1 }
                case .events: try add(block)
                }
            }
            if page.next == position || page.blocks.isEmpty && page.next >= log.book.end { break }
            #expect(page.next > position, "a page that leads nowhere")
            position = page.next
        }
        twice = names.filter { $0.value > 1 }.keys.sorted()
        try countSamples(log.catalog())
    }

    private mutating func add(_ block: StoredBlock) throws {
        let events = try EventBlock(decoding: block.bytes)
        for row in 0..<events.count where !block.repeatedRows.contains(UInt32(row)) {
            let event = events.event(at: row)
            guard event.source == Event.ownSource else {
                names[event.message ?? "", default: 0] += 1
                continue
            }
            guard event.type == Gap.eventType, let gap = try? JSON.parse(event.data) else { continue }
            let detail = gap["detail"]?.string ?? event.message ?? ""
            if told[detail] != nil { twice.append(detail) }
            told[detail] = Int(gap["count"]?.integer ?? 0)
        }
    }

    /// Of arrivals, of sealed blocks, and of what was rolled up: the sum of all tells which they are, and their number whether one is there twice.
    private mutating func countSamples(_ catalog: Catalog) throws {
        var (count, sum) = (0.0, 0.0)
        for arrival in catalog.arrivals where arrival.block.kind == .samples {
            for sample in try SampleBlock(decoding: arrival.block.bytes).samples() { (count, sum) = (count + 1, sum + sample.value) }
        }
        for block in catalog.sealed where block.kind == .samples {
            var index = SeriesIndex()
            let all = SealedSamples.Selection(names: nil, from: .min, to: .max, wantsGroup: { _ in true }, wantsRest: { _ in true })
            try SealedSamples(block).read(all, index: &index) { _, rows in
                let isRaw = rows.columns.count == 1
                count += isRaw ? Double(rows.times.count) : rows.columns[RolledColumn.count.rawValue].reduce(0, +)
                sum += rows.columns[isRaw ? 0 : RolledColumn.sum.rawValue].reduce(0, +)
                return true
            }
        }
        let bits = UInt64(sum)
        for number in 0..<53 where bits & 1 << UInt64(number) != 0 { samples.insert("s\(number)") }
        if samples.count != Int(count) { twice.append("\(Int(count)) samples, of which \(samples.count) differ") }
    }
}
