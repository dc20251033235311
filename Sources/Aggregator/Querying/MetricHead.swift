import Blocks
import Operating
import Synchronization
import Telemetry

/// The recent samples of all series in memory. It is a reader of the log like any other: it holds nothing that the log does not, and is built
/// again at each start. Whoever asks brings it up to date first, so that a query sees what was acknowledged before it.
final class MetricHead: Sendable {
    fileprivate struct State {
        /// Nil until it is known where the window begins in the log.
        var position: LogPosition?
        /// Every sample from `floor` on and before `ceiling` that came is here.
        var floor = Int64.max
        var ceiling = Int64.max
        var series: [SeriesPoints] = []
        var numbers: [Labels: Int] = [:]
        var numbersByName: [String: [Int]] = [:]
        var samples = 0
    }

    /// Blocks that are read and applied at once.
    private static let blocksPerRead = 64
    /// How far in the future a sample may lie: a clock that is a day wrong is no reason to hold samples of the year 2100, nor to look for the
    /// window's beginning there.
    private static let futureMax = Duration.seconds(86_400)

    private let state = Mutex(State())
    private let log: any LogCatalog
    private let limits: QueryLimits
    private let time: any TimeSource

    init(log: any LogCatalog, limits: QueryLimits, time: any TimeSource) { (self.log, self.limits, self.time) = (log, limits, time) }

    var sampleCount: Int { state.withLock(\.samples) }
    var seriesCount: Int { state.withLock(\.numbers.count) }

    /// Reads what the log has and the head has not. Several callers may do so at once: each piece is applied by whoever is first.
    func catchUp() async throws(LogError) {
        let end = try await log.end()
        if state.withLock({ $0.position == nil }) { try await begin() }
        while true {
            guard let position = state.withLock({ $0.position }), position < end else { break }
            let blocks = try await log.blocks(after: position, kinds: [.samples], limit: Self.blocksPerRead)
            let next = blocks.last.map(\.position) ?? end
            apply(blocks.compactMap { try? SampleBlock(decoding: $0.bytes) }, from: position, to: next)
            await Task.yield()
            if state.withLock({ $0.position == nil }) { try await begin() }
        }
        forget(before: time.now().advanced(by: .zero - limits.headWindow).nanoseconds)
    }

    /// All series whose labels are wanted, with their points that are here, and from when to when that is all there are.
    func select(
        names: Set<String>?,
        from start: Int64,
        to end: Int64,
        where isWanted: (Labels) -> Bool
    ) -> (covered: Range<Int64>, series: [SeriesPoints]) {
        state.withLock { state in
            let numbers = names.map { $0.flatMap { state.numbersByName[$0] ?? [] } } ?? Array(state.numbers.values)
            let wanted = numbers.filter { isWanted(state.series[$0].labels) }
            let covered = state.floor..<max(state.floor, state.ceiling)
            let pieces = wanted.map { state.series[$0].points(from: max(start, covered.lowerBound), to: min(end, covered.upperBound &- 1)) }
            return (covered, pieces.filter { $0.count > 0 })
        }
    }

    // MARK: Inside

    /// Finds the first block that reaches into the window.
    private func begin() async throws(LogError) {
        let now = time.now()
        let floor = now.advanced(by: .zero - limits.headWindow)
        var first = try await log.end() + 1
        var last: BlockEntry?
        while true {
            let entries = try await log.entries(
                overlapping: floor,
                now.advanced(by: Self.futureMax),
                kinds: [.samples],
                newestFirst: true,
                behind: last,
                limit: 1000
            )
            guard let next = entries.last else { break }
            for entry in entries { first = min(first, entry.position) }
            last = next
        }
        state.withLock { state in
            if state.position == nil { (state.position, state.floor, state.ceiling) = (first - 1, floor.nanoseconds, .max) }
        }
    }

    private func apply(_ blocks: [SampleBlock], from position: LogPosition, to next: LogPosition) {
        let latest = time.now().advanced(by: Self.futureMax).nanoseconds
        state.withLock { state in
            // Somebody else was quicker.
            guard state.position == position else { return }
            state.position = next
            for block in blocks {
                var numbers = [Int?](repeating: nil, count: block.series.count)
                for row in 0..<block.count where block.timestamps[row] >= state.floor {
                    guard block.timestamps[row] <= latest else {
                        state.ceiling = min(state.ceiling, block.timestamps[row])
                        continue
                    }
                    let code = Int(block.seriesOfRow[row])
                    let number = numbers[code] ?? state.number(of: block.series[code])
                    numbers[code] = number
                    let before = state.series[number].count
                    state.series[number].insert(block.timestamps[row], block.values[row])
                    state.samples += state.series[number].count - before
                }
            }
            // Over its limit the head holds less of the past; the log has it all the same.
            while state.samples > limits.headSamplesMax, state.floor < Int64.max / 2 {
                let latest = state.series.compactMap(\.times.last).max() ?? state.floor
                guard latest > state.floor else { break }
                state.forget(before: state.floor + max(1, (latest - state.floor) / 4))
            }
        }
    }

    /// Moves the floor up by an eighth of the window at a time: each move touches every series.
    private func forget(before time: Int64) {
        state.withLock { state in
            guard state.floor < time, time - state.floor > limits.headWindow.wholeNanoseconds / 8 else { return }
            state.forget(before: time)
            // What was too far ahead has come near: the head is built again.
            if state.ceiling < state.floor { state = State() }
        }
    }
}

extension MetricHead.State {
    fileprivate mutating func number(of labels: Labels) -> Int {
        if let known = numbers[labels] { return known }
        let number = series.count
        series.append(SeriesPoints(labels))
        numbers[labels] = number
        numbersByName[labels.name ?? "", default: []].append(number)
        return number
    }

    /// Series that have nothing left are forgotten whole.
    fileprivate mutating func forget(before time: Int64) {
        floor = time
        var isAnyEmpty = false
        for index in series.indices {
            samples -= series[index].removeAll(before: time)
            if series[index].count == 0 { isAnyEmpty = true }
        }
        guard isAnyEmpty else { return }
        let left = series.filter { $0.count > 0 }
        (series, numbers, numbersByName) = ([], [:], [:])
        for points in left {
            let number = number(of: points.labels)
            series[number] = points
        }
    }
}
