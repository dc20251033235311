import Telemetry
import TestSupport
import Testing

@testable import Tailing

@Suite(.serialized) struct CollapseTests {
    /// Lines of the file that events stand for.
    private func accounted(_ house: EngineHouse) -> Int {
        house.events.reduce(0) { sum, event in
            let repeated = event.data.split(separator: "\"repeated\":").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
            return sum + (repeated ?? 1)
        }
    }

    @Test func `the first is handed on, the others are told in one line`() throws {
        let house = try EngineHouse { $0.collapse = .seconds(60) }
        for index in 0..<4113 { try house.write("12:00:\(index % 60) connection \(index) refused\n") }
        try house.write("something else\n")
        house.start()
        house.drain()
        #expect(house.lines == ["12:00:0 connection 0 refused", "something else"])
        #expect(house.due == .seconds(1060))
        house.pass(.seconds(60))
        house.drain()
        #expect(house.lines.last == "… 4112 more like this in 60 s: 12:00:0 connection 0 refused")
        let lastOffset = (house.reads.last?.to ?? 0) - UInt64("12:00:32 connection 4112 refused\nsomething else\n".utf8.count)
        #expect(house.events.last?.data.hasSuffix(",\"offset\":29,\"last_offset\":\(lastOffset),\"repeated\":4112}") == true)
        #expect(accounted(house) == 4114)
        // The time is over: the next one is a first again.
        try house.write("12:00:1 connection 9 refused\n")
        house.drain()
        #expect(house.lines.last == "12:00:1 connection 9 refused")
        #expect(house.counted("tocsin_tail_lines_collapsed_total") == 4112)
    }

    @Test(arguments: 0..<40)
    func `every line is handed on or counted, through any crash`(seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let house = try EngineHouse { $0.collapse = .seconds(10) }
        var (written, generation) = (0, 0)
        try house.write("")
        house.start()
        // The file is known from now on, under whichever name.
        house.drain()
        for _ in 0..<200 {
            await Task.yield()
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                for _ in 0..<Int.random(in: 1...30, using: &random) {
                    let letter = Unicode.Scalar(UInt8(97 + Int.random(in: 0..<80, using: &random) % 70))
                    try house.write("\(letter) \(written)\n")
                    written += 1
                }
            case 5: house.store(house.read())
            case 6: house.pass(.milliseconds(Int.random(in: 0...6000, using: &random)))
            case 7:
                _ = house.read()
                house.restart()
            case 8: house.scan()
            default:
                if Int.random(in: 0..<4, using: &random) == 0 {
                    generation += 1
                    house.rename("app.log", "app.log.\(generation)")
                    try house.write("")
                    house.scan()
                }
            }
        }
        house.drain()
        house.pass(.seconds(60))
        house.drain()
        house.pass(.seconds(60))
        house.drain()
        #expect(accounted(house) == written)
        #expect(house.gaps.isEmpty)
    }

    @Test func `what goes with the position comes back from it`() {
        var collapse = Collapse(window: .seconds(60))
        let now = Timestamp(milliseconds: 1_790_000_000_000)
        func event(_ text: String) -> Event { Event(timestamp: now, source: "s", type: Event.logLine, severity: .error, message: text) }
        for index in 0..<5 { _ = collapse.offer(event("a \(index) ä"), at: UInt64(index), now: now) }
        var restored = Collapse(window: .seconds(60))
        restored.restore(collapse.encoded)
        #expect(restored == collapse)
        for cut in 0..<collapse.encoded.count {
            var damaged = Collapse(window: .seconds(60))
            damaged.restore(Array(collapse.encoded.prefix(cut)))
            #expect(damaged.runs.isEmpty)
        }
        #expect(collapse.takeDue(at: now.advanced(by: .seconds(-1))).count == 1)
    }
}
