import Sealing
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Rows are counted without being made, and where the directory knows nothing is read.
@Suite struct EventCountingTests {
    /// Bytes that tell how often they were read.
    final class CountedBytes: SealedBytes {
        private let bytes: MemoryBytes
        let reads = Atomic(0)

        init(_ bytes: [UInt8]) { self.bytes = MemoryBytes(bytes) }

        var count: Int { bytes.count }
        func read(_ range: Range<Int>) throws(LogError) -> [UInt8] {
            reads.wrappingAdd(1, ordering: .relaxed)
            return try bytes.read(range)
        }
    }

    private static let events: [Event] = {
        var mix = EventMix(seed: 8)
        return (0..<9000).map { _ in mix.next() }
    }()

    private func sealed(hosts: Int) throws -> (events: [Event], block: SealedEvents, bytes: CountedBytes) {
        var events = Self.events
        for index in events.indices { events[index].host = "web-\(index * 7 % hosts)" }
        var sealer = EventSealer()
        try sealer.append(arrival(of: events, position: 1))
        let output = try #require(sealer.finish())
        let bytes = CountedBytes(output.bytes)
        let block = SealedBlock(output, bytes: bytes)
        return (events, try SealedEvents(block), bytes)
    }

    /// More than 256 hosts have codes of two bytes.
    @Test(arguments: [3, 200, 700])
    func `what is counted is what a look at each row counts`(hosts: Int) throws {
        let (events, block, _) = try sealed(hosts: hosts)
        var generator = SeededGenerator(seed: UInt64(hosts))
        for _ in 0..<60 {
            var wanted: [SealedEvents.Dimension: [Bool]] = [:]
            let sizes: [SealedEvents.Dimension: Int] = [
                .sources: block.sources.texts.count, .types: block.types.texts.count, .hosts: block.hosts.texts.count, .severities: 5,
            ]
            for (dimension, size) in sizes where Bool.random(using: &generator) {
                let odds = Int.random(in: 0...3, using: &generator)
                wanted[dimension] = (0..<size).map { _ in Int.random(in: 0...3, using: &generator) <= odds }
            }
            func place(_ event: Event, _ dimension: SealedEvents.Dimension) -> Int {
                switch dimension {
                case .sources: block.sources.texts.firstIndex(of: event.source) ?? -1
                case .types: block.types.texts.firstIndex(of: event.type) ?? -1
                case .hosts: block.hosts.texts.firstIndex(of: event.host) ?? -1
                case .severities: Int(event.severity.rawValue)
                }
            }
            let matching = events.filter { event in wanted.allSatisfy { $0.value[place(event, $0.key)] } }
            let found = try block.counts(where: wanted, by: Set(SealedEvents.Dimension.allCases))
            #expect(found.total == matching.count)
            for (dimension, size) in sizes {
                var expected = [Int](repeating: 0, count: size)
                for event in matching { expected[place(event, dimension)] += 1 }
                #expect(found.by[dimension] == expected)
            }
        }
    }

    @Test func `a filter of the column that is counted is answered by the directory alone`() throws {
        let (events, block, bytes) = try sealed(hosts: 20)
        let before = bytes.reads.load(ordering: .relaxed)
        let flags = block.sources.texts.map { $0 == "svc-pay" }
        let found = try block.counts(where: [.sources: flags, .severities: [Bool](repeating: true, count: 5)], by: [.sources])
        #expect(found.total == events.count { $0.source == "svc-pay" })
        #expect(try block.counts(where: [:], by: Set(SealedEvents.Dimension.allCases)).total == 9000)
        #expect(bytes.reads.load(ordering: .relaxed) == before)
        // Another column needs both, and no more.
        _ = try block.counts(where: [.sources: flags], by: [.sources, .types])
        #expect(bytes.reads.load(ordering: .relaxed) == before + 2)
    }
}
