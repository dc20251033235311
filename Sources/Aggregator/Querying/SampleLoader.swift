import Blocks
import Expressions
import Operating
import Telemetry

/// Loads what an expression will read: the recent part from the head, the older part from blocks of the log.
struct SampleLoader {
    /// Blocks that are read at once.
    private static let blocksPerRead = 32

    /// A selector, and what was found for it.
    private struct Request {
        let read: SelectorRead
        /// Nil: the selector does not say which names.
        let names: Set<String>?
        /// Samples of these times came from the head, the others come from the log.
        var covered: Range<Int64> = 0..<0
        var series: [Labels: SeriesPoints] = [:]

        init(_ read: SelectorRead) {
            self.read = read
            names = read.metricName.map { [$0] }
        }

        func wants(_ time: Int64) -> Bool { time >= read.from.nanoseconds && time <= read.to.nanoseconds && !covered.contains(time) }

        /// Whether a block with rows of these times may hold what the head does not have.
        func needs(_ from: Timestamp, _ to: Timestamp) -> Bool {
            let (from, to) = (max(from, read.from).nanoseconds, min(to, read.to).nanoseconds)
            return from <= to && !(covered.contains(from) && covered.contains(to))
        }
    }

    let log: any LogCatalog
    let head: MetricHead
    let limits: QueryLimits
    let time: any TimeSource
    /// On the monotonic clock.
    let deadline: Duration

    func load(_ reads: [SelectorRead]) async throws(QueryError) -> LoadedSamples {
        var requests = reads.map { Request($0) }
        do throws(LogError) { try await head.catchUp() } catch { throw .failed(error.description) }
        var samples = 0
        for index in requests.indices {
            let read = requests[index].read
            let found = head.select(names: requests[index].names, from: read.from.nanoseconds, to: read.to.nanoseconds) {
                read.matchers.allMatch($0)
            }
            requests[index].covered = found.covered
            for series in found.series {
                requests[index].series[series.labels] = series
                samples += series.count
            }
            try check(samples)
        }
        try await loadOlder(&requests, samples: &samples)
        var answers = [SelectorRead: [SeriesSamples]](minimumCapacity: requests.count)
        for request in requests {
            answers[request.read] = request.series.values.map { series in
                SeriesSamples(series: series.labels, points: zip(series.times, series.values).map { Point(Timestamp(nanoseconds: $0), $1) })
            }
        }
        return LoadedSamples(answers)
    }

    private func loadOlder(_ requests: inout [Request], samples: inout Int) async throws(QueryError) {
        let older = requests.filter { $0.needs($0.read.from, $0.read.to) }
        // From the first to the last moment that some selector wants and the head does not have.
        let starts = older.map { $0.covered.contains($0.read.from.nanoseconds) ? $0.covered.upperBound : $0.read.from.nanoseconds }
        let ends = older.map { $0.covered.contains($0.read.to.nanoseconds) ? $0.covered.lowerBound - 1 : $0.read.to.nanoseconds }
        guard let start = starts.min(), let end = ends.max(), start <= end else { return }
        // Labels come again in each block: which selectors want them is found once.
        var wanted = [Labels: [Int]]()
        var last: BlockEntry?
        while let page = try await entries(from: Timestamp(nanoseconds: start), to: end, behind: last) {
            let needed = page.filter { entry in requests.contains { $0.needs(entry.from, entry.to) } }
            for chunk in needed.chunks(of: Self.blocksPerRead) {
                for block in try await blocks(at: chunk.map(\.position)) { samples += take(block, into: &requests, &wanted) }
                try check(samples)
                await Task.yield()
            }
            last = page.last
        }
    }

    /// The next page, earliest first; nil at the end.
    private func entries(from start: Timestamp, to end: Int64, behind last: BlockEntry?) async throws(QueryError) -> [BlockEntry]? {
        do throws(LogError) {
            let page = try await log.entries(
                overlapping: start,
                Timestamp(nanoseconds: end == .max ? .max : end + 1),
                kinds: [.samples],
                newestFirst: false,
                behind: last,
                limit: 512
            )
            return page.isEmpty ? nil : page
        } catch {
            throw .failed(error.description)
        }
    }

    private func blocks(at positions: [LogPosition]) async throws(QueryError) -> [SampleBlock] {
        do throws(LogError) {
            return try await log.blocks(at: positions).compactMap { try? SampleBlock(decoding: $0.bytes) }
        } catch {
            throw .failed(error.description)
        }
    }

    /// Puts the wanted rows of a block where they belong; tells how many.
    private func take(_ block: SampleBlock, into requests: inout [Request], _ wanted: inout [Labels: [Int]]) -> Int {
        let wantedBySeries = block.series.map { labels in
            if let known = wanted[labels] { return known }
            let indices = requests.indices.filter { requests[$0].read.matchers.allMatch(labels) }
            wanted[labels] = indices
            return indices
        }
        var taken = 0
        for row in 0..<block.count {
            let code = Int(block.seriesOfRow[row])
            for index in wantedBySeries[code] where requests[index].wants(block.timestamps[row]) {
                let labels = block.series[code]
                requests[index].series[labels, default: SeriesPoints(labels)].insert(block.timestamps[row], block.values[row])
                taken += 1
            }
        }
        return taken
    }

    private func check(_ samples: Int) throws(QueryError) {
        if samples > limits.samplesMax {
            throw .limit("the query reads more than \(limits.samplesMax) samples: name more labels, or ask for a shorter time")
        }
        if time.monotonic() > deadline {
            throw .limit("the query took longer than \(limits.metricTime): name more labels, or ask for a shorter time")
        }
    }
}
