import Expressions
import Operating
import Sealing
import Telemetry

/// Loads what an expression will read: samples that are not sealed from the head, the others from sealed blocks, raw where they are raw, rolled up
/// where only that is left. Each sample is in exactly one place of a snapshot. Reads files, so it runs on a thread of its own.
struct SampleLoader {
    let head: MetricHead
    let cache: SealedSampleCache
    let limits: QueryLimits
    let time: any TimeSource
    /// On the monotonic clock.
    let deadline: Duration

    /// What was loaded, and blocks that could not be read because their bytes changed.
    struct Loaded: Sendable {
        var samples: LoadedSamples
        var damaged: [(block: SealedBlock, detail: String)] = []
    }

    func load(_ reads: [SelectorRead], from catalog: Catalog) throws(QueryError) -> Loaded {
        var requests = reads.map { SampleRequest($0) }
        var (index, taken) = (SeriesIndex(), 0)
        var damaged: [(block: SealedBlock, detail: String)] = []
        let wanted = catalog.sealed.filter { block in block.kind == .samples && requests.contains { $0.overlaps(block.from, block.to) } }
        // What came later is taken later: of two samples at one time it stays.
        for block in wanted.sorted(by: { $0.first != $1.first ? $0.first < $1.first : $0.number < $1.number }) {
            do throws(SealedError) {
                let samples = try cache.samples(of: block)
                for number in requests.indices where requests[number].overlaps(block.from, block.to) {
                    try read(samples, into: &requests[number], &index, &taken)
                }
            } catch {
                switch error {
                case .damaged(let detail): damaged.append((block, detail))
                case .read(let error): throw .failed(error.description)
                }
            }
            try check(taken)
        }
        let arrivals = catalog.arrivals.filter { $0.block.kind == .samples }
        taken += head.collect(arrivals, for: &requests, index: &index) { isEnough(taken + $0) }
        try check(taken)
        var answers = [SelectorRead: [SeriesSamples]](minimumCapacity: requests.count)
        for number in requests.indices { answers[requests[number].read] = requests[number].takeAnswer(index) }
        return Loaded(samples: LoadedSamples(answers), damaged: damaged)
    }

    // MARK: Inside

    private func read(
        _ samples: SealedSamples,
        into request: inout SampleRequest,
        _ index: inout SeriesIndex,
        _ taken: inout Int
    ) throws(SealedError) {
        let wanted = request
        let selection = SealedSamples.Selection(
            names: wanted.names,
            from: wanted.from,
            to: wanted.to,
            wantsGroup: { wanted.wantsGroup($0) },
            wantsRest: { wanted.wantsRest($0) }
        )
        try samples.read(selection, index: &index) { series, rows in
            taken += request.insert(rows, of: series)
            return !isEnough(taken)
        }
    }

    private func isEnough(_ samples: Int) -> Bool { samples > limits.samplesMax || time.monotonic() > deadline || Task.isCancelled }

    private func check(_ samples: Int) throws(QueryError) {
        if samples > limits.samplesMax {
            throw .limit("the query reads more than \(limits.samplesMax) samples: name more labels, or ask for a shorter time")
        }
        if time.monotonic() > deadline {
            throw .limit("the query took longer than \(limits.metricTime): name more labels, or ask for a shorter time")
        }
    }
}

/// A thread on which loading may wait for the disk.
actor LoadingThread {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func load(_ reads: [SelectorRead], from catalog: Catalog, with loader: SampleLoader) throws(QueryError) -> SampleLoader.Loaded {
        try loader.load(reads, from: catalog)
    }

    func update(_ head: MetricHead, with catalog: Catalog) { head.update(catalog.arrivals.filter { $0.block.kind == .samples }) }
}
