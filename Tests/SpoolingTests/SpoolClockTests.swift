import Spooling
import Telemetry
import TestSupport
import Testing

/// The wall clock set by a day, back and forth, in the middle of everything.
struct SpoolClockTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `clock jumps of a day lose no line, repeat none, and keep their order`(seed: UInt64) async throws {
        let fixture = try SpoolFixture()
        let aggregator = MemoryAggregator()
        var generator = SeededGenerator(seed: seed)
        var spool = try fixture.open()
        var (written, jumps) = (0, 0)
        for _ in 0..<150 {
            switch UInt8.random(in: 0..<8, using: &generator) {
            case 0:
                let day = Duration.seconds(Bool.random(using: &generator) ? 86_400 : -86_400)
                fixture.time.setWallClock(to: fixture.time.now().advanced(by: day))
                jumps += 1
            case 1:
                await spool.close()
                spool = try fixture.open()
            case 2, 3: _ = try await aggregator.receive(from: spool, loses: Bool.random(using: &generator))
            default:
                try await spool.accept(fixture.lines(["line \(written)"]))
                written += 1
            }
        }
        while try await aggregator.receive(from: spool) {}
        #expect(aggregator.messages.count == written)
        #expect(aggregator.duplicates == 0)
        #expect(aggregator.agents.count == 1)
        #expect(try SpoolInspector(folder: fixture.path).check().problems == [])
        print("| clock set by a day | \(jumps) | \(written) | \(aggregator.messages.count) | 0 | 0 | \(aggregator.duplicates) |")
    }
}
