import Blocks
import Telemetry

/// Arrivals of samples on their way into one sealed block.
package struct SampleSealer {
    /// An agent's list of series, as it repeats it in each of its blocks.
    private struct Layout: Hashable {
        var agent: UUID
        var sum: UInt64
        var bytes: Int
        var series: Int
    }

    private var index = SeriesIndex()
    private var layouts: [Layout: [UInt32]] = [:]
    private var layoutSeries = 0
    /// By row, in the order of arrival.
    private var series: [UInt32] = []
    private var times: [Int64] = []
    private var values: [Double] = []
    /// By row: which arrival, in the order of arrival.
    private var arrivals: [UInt32] = []
    private var positions: [LogPosition] = []
    private var first: LogPosition?
    private var last: LogPosition = 0

    package init() {}

    /// Samples taken so far; of two of one series at the same time only the later one will stay.
    package var count: Int { series.count }

    /// About what it takes until it is finished, in bytes.
    package var bytesInMemory: Int { series.count * 28 + index.bytesInMemory + layoutSeries * 4 }

    /// Whether to finish and begin another.
    package var isFull: Bool { count >= SampleLimits.sealedSamplesMax }

    /// Takes the samples of one arrival, in the order of positions. Throws `.damaged` for one that cannot be read: it is left out whole, and the
    /// sealer goes on.
    package mutating func append(_ arrival: Arrival) throws(SealedError) {
        let before = series.count
        do throws(BlockError) {
            try append(SampleColumns(decoding: arrival.block.bytes), agent: arrival.block.origin.agent)
        } catch {
            throw .damaged("the samples that arrived at position \(arrival.position): \(error)")
        }
        arrivals.append(contentsOf: repeatElement(UInt32(positions.count), count: series.count - before))
        positions.append(arrival.position)
        if first == nil { first = arrival.position }
        last = arrival.position
    }

    private mutating func append(_ block: SampleColumns, agent: UUID) throws(BlockError) {
        let layout = Layout(
            agent: agent,
            sum: Checksum.xxh64(block.bytes.span.extracting(block.layout)),
            bytes: block.layout.count,
            series: block.seriesCount
        )
        let numbers: [UInt32]
        if let known = layouts[layout] {
            numbers = known
        } else {
            numbers = try index.numbers(of: block)
            if layoutSeries + numbers.count > SampleLimits.layoutSeriesRemembered {
                layouts.removeAll()
                layoutSeries = 0
            }
            layouts[layout] = numbers
            layoutSeries += numbers.count
        }
        for code in block.seriesOfRow { series.append(numbers[Int(code)]) }
        times.append(contentsOf: block.timestamps)
        values.append(contentsOf: block.values)
    }

    /// The block; nil when there was no sample.
    package consuming func finish(level: Int32 = 3) -> SealedOutput? {
        guard let first, !series.isEmpty else { return nil }
        layouts = [:]
        let (groupOrder, restOrder) = (index.groups.sorted(), index.rests.sorted())
        let (groupRanks, restRanks) = (SampleSealer.ranks(groupOrder), SampleSealer.ranks(restOrder))
        var rows = SampleRowsBySeries(series: series, times: times, values: values, arrivals: arrivals, seriesCount: index.count)
        (series, times, values, arrivals) = ([], [], [], [])
        let positions = positions
        var places = [Int64]()
        // Chunks in the order of slice, rest, group.
        struct Chunk {
            var slice: Int64
            var rank: UInt64
            var rows: Range<Int>
        }
        let length = SampleLimits.slice(of: .raw)
        var chunks = [Chunk]()
        chunks.reserveCapacity(index.count)
        for number in 0..<index.count {
            let pair = index.pairs[number]
            let rank = UInt64(restRanks[Int(UInt32(truncatingIfNeeded: pair))]) << 32 | UInt64(groupRanks[Int(pair >> 32)])
            let range = rows.arrange(number)
            var start = range.lowerBound
            while start < range.upperBound {
                let slice = rows.times[start].flooredQuotient(length)
                var end = start + 1
                while end < range.upperBound, rows.times[end].flooredQuotient(length) == slice { end += 1 }
                chunks.append(Chunk(slice: slice, rank: rank, rows: start..<end))
                start = end
            }
        }
        chunks.sort { $0.slice != $1.slice ? $0.slice < $1.slice : $0.rank < $1.rank }
        var writer = SampleWriter(resolution: .raw, level: level)
        for chunk in chunks {
            places.removeAll(keepingCapacity: true)
            for row in chunk.rows { places.append(Int64(bitPattern: positions[Int(rows.arrivals[row])])) }
            writer.append(
                slice: chunk.slice,
                rest: Int(chunk.rank >> 32),
                group: Int(UInt32(truncatingIfNeeded: chunk.rank)),
                times: rows.times.span.extracting(chunk.rows),
                values: rows.values.span.extracting(chunk.rows),
                positions: places.span
            )
        }
        return writer.finish(
            groups: index.groups,
            groupOrder: groupOrder,
            rests: index.rests,
            restOrder: restOrder,
            first: first,
            last: last
        )
    }

    /// By number: its place in the order.
    static func ranks(_ order: [UInt32]) -> [UInt32] {
        var ranks = [UInt32](repeating: 0, count: order.count)
        for (rank, number) in order.enumerated() { ranks[Int(number)] = UInt32(rank) }
        return ranks
    }
}

/// Rows put together by series; those of one series in the order of time once they are arranged.
struct SampleRowsBySeries {
    private(set) var times: [Int64]
    private(set) var values: [Double]
    private(set) var arrivals: [UInt32]
    private var ends: [Int]

    init(series: [UInt32], times: [Int64], values: [Double], arrivals: [UInt32], seriesCount: Int) {
        var places = [Int](repeating: 0, count: seriesCount + 1)
        for number in series { places[Int(number) + 1] += 1 }
        for index in 1..<max(1, places.count) { places[index] += places[index - 1] }
        ends = Array(places.dropFirst())
        self.times = [Int64](repeating: 0, count: series.count)
        self.values = [Double](repeating: 0, count: series.count)
        self.arrivals = [UInt32](repeating: 0, count: series.count)
        for row in series.indices {
            let place = places[Int(series[row])]
            places[Int(series[row])] = place + 1
            self.times[place] = times[row]
            self.values[place] = values[row]
            self.arrivals[place] = arrivals[row]
        }
    }

    /// Puts the rows of a series in order; of two at the same time the later one stays. Tells where they are.
    mutating func arrange(_ number: Int) -> Range<Int> {
        let range = (number == 0 ? 0 : ends[number - 1])..<ends[number]
        var isGrowing = true
        for index in range.dropFirst() where times[index] <= times[index - 1] {
            isGrowing = false
            break
        }
        if isGrowing { return range }
        let order = SampleOrder.of(times, range)
        let (sortedTimes, sortedValues, sortedArrivals) = (order.map { times[$0] }, order.map { values[$0] }, order.map { arrivals[$0] })
        let kept = range.lowerBound..<range.lowerBound + order.count
        times.replaceSubrange(kept, with: sortedTimes)
        values.replaceSubrange(kept, with: sortedValues)
        arrivals.replaceSubrange(kept, with: sortedArrivals)
        return kept
    }
}

enum SampleOrder {
    /// Rows of a range in the order of time; of equal times the last one only.
    static func of(_ times: [Int64], _ range: Range<Int>) -> [Int] {
        let order = range.sorted { times[$0] != times[$1] ? times[$0] < times[$1] : $0 < $1 }
        return order.indices.filter { $0 + 1 == order.count || times[order[$0 + 1]] != times[order[$0]] }.map { order[$0] }
    }
}
