import Blocks
import Sealing
import Synchronization
import Telemetry

/// The samples that are not sealed yet, as columns of numbers: who asks brings it up to date with a snapshot of the log first, so that a query sees
/// what was acknowledged before it. It holds nothing that the log does not, and there is nothing to build again after a restart but what arrives in the
/// first snapshot.
///
/// Memory: 8 bytes a sample and about 25 a series. Agents send the same list of series with each collection, so an arrival is its values and a reference to
/// its list. Over `samplesMax` later arrivals are not kept but decoded for each query; over `seriesMax` all is forgotten and begun again.
final class MetricHead: Sendable {
    private struct LayoutKey: Hashable {
        var agent: UUID
        var sum: UInt64
        var bytes: Int
    }

    /// An agent's list of series.
    private final class Layout: Sendable {
        /// By code in the block: the number of the series.
        let series: [UInt32]

        init(_ series: [UInt32]) { self.series = series }
    }

    /// One arrival.
    private struct Column: Sendable {
        let layout: Layout
        /// By row: the code of its series. Nil: row n is of code n.
        let codes: [UInt32]?
        /// One for all rows, or one a row.
        let times: [Int64]
        let values: [Double]

        func time(_ row: Int) -> Int64 { times.count == 1 ? times[0] : times[row] }
    }

    private struct State {
        var index = SeriesIndex()
        var layouts: [LayoutKey: Layout] = [:]
        /// By position of the arrival.
        var columns: [LogPosition: Column] = [:]
        var samples = 0
    }

    private let state = Mutex(State())
    private let samplesMax: Int
    private let seriesMax: Int

    init(samplesMax: Int, seriesMax: Int) { (self.samplesMax, self.seriesMax) = (samplesMax, seriesMax) }

    var sampleCount: Int { state.withLock(\.samples) }
    var seriesCount: Int { state.withLock(\.index.count) }

    /// Decodes what is new in a snapshot, and forgets what is no longer in it.
    /// - Parameter arrivals: of samples, in the order of positions.
    func update(_ arrivals: [Arrival]) {
        state.withLock { state in
            forget(before: arrivals.first?.position ?? .max, &state)
            for arrival in arrivals where state.columns[arrival.position] == nil {
                guard state.samples + arrival.block.count <= samplesMax else { break }
                guard let column = column(of: arrival, &state) else { continue }
                state.columns[arrival.position] = column
                state.samples += column.values.count
            }
        }
    }

    /// Puts the samples that the requests want where they belong; tells how many. Stops when `isEnough` says so.
    /// - Parameters:
    ///   - arrivals: of samples, in the order of positions.
    ///   - index: gives the numbers of the series in the requests.
    func collect(_ arrivals: [Arrival], for requests: inout [SampleRequest], index: inout SeriesIndex, isEnough: (Int) -> Bool) -> Int {
        update(arrivals)
        return state.withLock { state in
            var taken = 0
            for number in requests.indices {
                var wanted = WantedSeries(requests[number])
                for arrival in arrivals where requests[number].overlaps(arrival.block.from, arrival.block.to) {
                    guard let column = state.columns[arrival.position] ?? column(of: arrival, &state) else { continue }
                    let targets = wanted.targets(ObjectIdentifier(column.layout), column.layout.series, state.index, &index)
                    guard targets.isAny else { continue }
                    taken += MetricHead.take(column, targets.byCode, into: &requests[number])
                    if isEnough(taken) { return taken }
                }
            }
            return taken
        }
    }

    // MARK: Inside

    private static func take(_ column: Column, _ targets: [Int64], into request: inout SampleRequest) -> Int {
        let (from, to) = (request.from, request.to)
        var taken = 0
        for row in column.values.indices {
            let target = targets[column.codes.map { Int($0[row]) } ?? row]
            guard target >= 0 else { continue }
            let time = column.time(row)
            guard time >= from, time <= to else { continue }
            request.insert(time, column.values[row], of: UInt32(target))
            taken += 1
        }
        return taken
    }

    private func forget(before position: LogPosition, _ state: inout State) {
        if state.columns.keys.contains(where: { $0 < position }) {
            for (known, column) in state.columns where known < position {
                state.samples -= column.values.count
                state.columns[known] = nil
            }
        }
        if state.columns.isEmpty || state.index.count > seriesMax { state = State() }
    }

    /// Nil for what cannot be read, which admission does not let in.
    private func column(of arrival: Arrival, _ state: inout State) -> Column? {
        guard let block = try? SampleColumns(decoding: arrival.block.bytes) else { return nil }
        let key = LayoutKey(
            agent: arrival.block.origin.agent,
            sum: Checksum.xxh64(block.bytes.span.extracting(block.layout)),
            bytes: block.layout.count
        )
        let layout: Layout
        if let known = state.layouts[key], known.series.count == block.seriesCount {
            layout = known
        } else {
            guard let series = try? state.index.numbers(of: block) else { return nil }
            layout = Layout(series)
            state.layouts[key] = layout
        }
        let isPlain = block.count <= block.seriesCount && block.seriesOfRow.indices.allSatisfy { block.seriesOfRow[$0] == UInt32($0) }
        let isOneTime = block.header.from == block.header.to && block.count > 0
        return Column(
            layout: layout,
            codes: isPlain ? nil : block.seriesOfRow,
            times: isOneTime ? [block.timestamps[0]] : block.timestamps,
            values: block.values
        )
    }
}

/// Which series of the head one request wants, worked out once for each list of series.
private struct WantedSeries {
    struct Targets {
        /// By code: the series' number among the requests', -1 when it is not wanted.
        var byCode: [Int64]
        var isAny: Bool
    }

    private let request: SampleRequest
    private var rests: [UInt32: Bool] = [:]
    private var groups: [UInt32: Bool] = [:]
    private var known: [ObjectIdentifier: Targets] = [:]
    private let nameKeys: [[UInt8]]?

    init(_ request: SampleRequest) {
        self.request = request
        nameKeys = request.names.map { $0.map { SeriesIndex.nameKey($0) } }
    }

    mutating func targets(_ layout: ObjectIdentifier, _ series: [UInt32], _ head: SeriesIndex, _ index: inout SeriesIndex) -> Targets {
        if let found = known[layout] { return found }
        var targets = Targets(byCode: [], isAny: false)
        targets.byCode.reserveCapacity(series.count)
        for number in series {
            let (group, rest) = head.parts(of: number)
            guard wantsRest(rest, head), wantsGroup(group, head) else {
                targets.byCode.append(-1)
                continue
            }
            targets.byCode.append(Int64(index.number(of: number, in: head)))
            targets.isAny = true
        }
        known[layout] = targets
        return targets
    }

    private mutating func wantsRest(_ rest: UInt32, _ head: SeriesIndex) -> Bool {
        if let known = rests[rest] { return known }
        let isNamed = nameKeys.map { $0.contains { head.rest(rest, beginsWith: $0) } } ?? true
        let isWanted = isNamed && request.wantsRest(head.restLabels(rest))
        rests[rest] = isWanted
        return isWanted
    }

    private mutating func wantsGroup(_ group: UInt32, _ head: SeriesIndex) -> Bool {
        if let known = groups[group] { return known }
        let isWanted = request.wantsGroup(head.groupLabels(group))
        groups[group] = isWanted
        return isWanted
    }
}
