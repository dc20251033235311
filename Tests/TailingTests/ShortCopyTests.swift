import Telemetry
import Testing

@testable import Tailing

/// copytruncate copies, and empties a moment later: what is written between the two is in no file, but the agent may have read it. Then its position lies
/// behind the end of the copy.
@Suite struct ShortCopyTests {
    private func text(_ range: Range<Int>) -> String { range.map { "line \($0) " + String(repeating: "x", count: 60) + "\n" }.joined() }
    private func numbers(_ house: EngineHouse) -> [Int] { house.lines.compactMap { Int($0.split(separator: " ")[1]) } }

    private func write(_ house: EngineHouse, _ range: Range<Int>, at second: Int) throws {
        try house.write(text(range))
        house.stamp("app.log", 1_790_000_000 + second)
    }

    /// These lines of the log are in the copy, and the log is emptied; older copies move on by one number.
    private func copyTruncate(_ house: EngineHouse, _ range: Range<Int>, older: Int, at second: Int) throws {
        for number in stride(from: older, to: 0, by: -1) { house.rename("app.log.\(number)", "app.log.\(number + 1)") }
        try house.write(text(range), to: "app.log.1")
        house.stamp("app.log.1", 1_790_000_000 + second)
        house.truncate()
    }

    /// 80 lines are read.
    /// - Returns: the first line that is in the log now, and how many copies lie beside it.
    private func read80(isOlderFollowed: Bool) throws -> (house: EngineHouse, begin: Int, older: Int) {
        let house = try EngineHouse()
        if isOlderFollowed {
            try write(house, 0..<30, at: 0)
            house.start()
            house.drain()
            try copyTruncate(house, 0..<30, older: 0, at: 1)
        }
        let begin = isOlderFollowed ? 30 : 0
        try write(house, begin..<80, at: 9)
        if isOlderFollowed { house.scan() } else { house.start() }
        house.drain()
        return (house, begin, isOlderFollowed ? 1 : 0)
    }

    /// Under load one restart in a few read such a copy again, when an older one was still followed; without an older one the later copies were not looked for.
    @Test(arguments: [false, true])
    func `while the agent is away: the copy is not read again, and those made later are read`(isOlderFollowed: Bool) throws {
        let (house, begin, older) = try read80(isOlderFollowed: isOlderFollowed)
        #expect(numbers(house) == Array(0..<80))
        house.stop()
        try copyTruncate(house, begin..<75, older: older, at: 10)
        try write(house, 80..<100, at: 19)
        try copyTruncate(house, 80..<100, older: older + 1, at: 20)
        try write(house, 100..<110, at: 29)
        try copyTruncate(house, 100..<110, older: older + 2, at: 30)
        try write(house, 110..<120, at: 40)
        house.restart()
        house.drain()
        #expect(numbers(house) == Array(0..<120))
        #expect(house.gaps.map(\.reason) == [.truncated])
    }

    /// The copy was passed over at once, but forgotten with the process: the next one read it, led to it by the older one.
    @Test(arguments: [false, true])
    func `while the agent is there: neither at once nor after a restart`(isOlderFollowed: Bool) throws {
        let (house, begin, older) = try read80(isOlderFollowed: isOlderFollowed)
        try copyTruncate(house, begin..<75, older: older, at: 10)
        try write(house, 80..<110, at: 19)
        house.drain()
        house.restart()
        house.drain()
        #expect(numbers(house) == Array(0..<110))
        try copyTruncate(house, 80..<110, older: older + 1, at: 20)
        try write(house, 110..<115, at: 29)
        house.drain()
        #expect(numbers(house) == Array(0..<115))
        house.restart()
        house.drain()
        #expect(numbers(house) == Array(0..<115))
        #expect(house.gaps.map(\.reason) == [.truncated])
    }

    @Test func `a log that was renamed and began anew with the same words is another file, however short`() throws {
        let house = try EngineHouse()
        let banner = String(repeating: "the same words at the beginning\n", count: 40)
        try house.write(banner + text(0..<50))
        house.stamp("app.log", 1_790_000_000)
        house.start()
        house.drain()
        house.stop()
        house.rename("app.log", "app.log.2")
        try house.write(banner + text(50..<60), to: "app.log.1")
        house.stamp("app.log.1", 1_790_000_010)
        try house.write(banner + text(60..<70))
        house.restart()
        house.drain()
        #expect(house.lines.filter { $0.hasPrefix("line") }.compactMap { Int($0.split(separator: " ")[1]) } == Array(0..<70))
    }
}
