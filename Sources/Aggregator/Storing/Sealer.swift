import Blocks
import Logging
import Operating
import Sealing
import Telemetry

/// Moves arrivals into sealed blocks, on a thread of its own: encode, append to a segment, sync, then one transaction of the committer's that names the
/// block and forgets the arrivals.
actor Sealer {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    let config: StorageConfig
    let committer: Committer
    let book: CatalogBook
    let time: any TimeSource
    let counters: LogCounters
    let logger: Logger
    let merging = SampleMerging()
    let compacting = BlockMerging()
    /// Segments whose blocks cannot be fewer, though they are small.
    var incompressible: Set<UInt64> = []
    var store: SegmentStore
    /// Marks damage and records it; set once, before anything is sealed.
    private var onDamage: @Sendable (Damage) async -> Void = { _ in }
    private var isBusy = false
    /// Sealed blocks as arrivals, while a reader goes through them page by page.
    var readBack: (numbers: [UInt64], arrivals: [StoredBlock])?
    private var others: [CheckedContinuation<Void, Never>] = []

    init(
        _ config: StorageConfig,
        files: any SegmentFiles,
        committer: Committer,
        book: CatalogBook,
        time: any TimeSource,
        counters: LogCounters,
        logger: Logger
    ) {
        (self.config, self.committer, self.book, self.time) = (config, committer, book, time)
        (self.counters, self.logger) = (counters, logger)
        store = SegmentStore(files, bytesMax: config.segmentBytesMax, groupBlocks: config.wordGroupBlocks)
    }

    /// Opens the segments that the journal names, then the arrivals. More of these than memory may hold (an older version kept everything in the
    /// journal) are sealed first. Gives what is damaged or missing.
    func open(_ opened: Committer.Opened) async throws(LogError) -> [Damage] {
        let (sealed, lost) = try store.load(opened)
        book.begin(Catalog(end: opened.end), watermarks: opened.watermarks, purged: opened.purged)
        book.replace(sealed)
        var damages = lost.map { Damage(sealed: $0.0, detail: $0.detail) }
        var position: LogPosition = 0
        while true {
            let rows = try await committer.loadArrivals(after: position, bytesMax: config.arrivalBytesMax / 2)
            var arrivals = [Arrival]()
            for row in rows {
                switch row {
                case .block(let block):
                    arrivals.append(Arrival(block))
                    position = block.position
                case .damaged(let damage):
                    damages.append(Damage(arrival: damage))
                    position = damage.position
                }
            }
            book.add(arrivals, end: opened.end)
            guard !rows.isEmpty else { return damages }
            if book.arrivalBytes > config.arrivalBytesMax / 2 { while try await sealOnce(isForced: true) {} }
        }
    }

    func setDamageHandler(_ handler: @escaping @Sendable (Damage) async -> Void) { onDamage = handler }

    /// One step at a time: while one waits for the committer no other may begin with the same arrivals.
    func exclusively<Result: Sendable>(_ body: () async throws(LogError) -> Result) async throws(LogError) -> Result {
        while isBusy { await withCheckedContinuation { others.append($0) } }
        isBusy = true
        defer {
            isBusy = false
            if !others.isEmpty { others.removeFirst().resume() }
        }
        return try await body()
    }

    /// Seals what is due. Returns whether there is more to do at once.
    /// - Parameter isForced: seals all there is, however little.
    func sealOnce(isForced: Bool = false) async throws(LogError) -> Bool {
        try await exclusively { () async throws(LogError) in try await sealNext(isForced: isForced) }
    }

    private func sealNext(isForced: Bool) async throws(LogError) -> Bool {
        let (arrivals, now) = (book.snapshot.arrivals, time.now())
        for kind in BlockKind.allCases where isForced || isDue(kind, now) {
            let waiting = arrivals.filter { $0.block.kind == kind }
            guard !waiting.isEmpty else { continue }
            switch kind {
            case .events: try await sealEvents(waiting)
            case .alerts: try await seal(waiting, as: PlainSealer.seal(waiting.map(\.block), kind: .alerts))
            case .samples: try await sealSamples(waiting)
            }
            return true
        }
        return false
    }

    func forgetReadBack() { readBack = nil }

    func isAnyDue() -> Bool { BlockKind.allCases.contains { isDue($0, time.now()) } }

    private func isDue(_ kind: BlockKind, _ now: Timestamp) -> Bool {
        let waiting = book.waiting(kind)
        guard let oldest = waiting.oldest else { return false }
        let (rows, age) =
            switch kind {
            case .events: (EventSealer.rowsMax, config.sealEventsAfter)
            case .alerts: (EventSealer.rowsMax, config.sealEventsAfter)
            case .samples: (config.sealSamplesMax, config.sealSamplesAfter)
            }
        // Memory is everybody's: whoever holds most of it is sealed early.
        let (waited, isFull) = (now.duration(since: oldest), waiting.bytes >= config.arrivalBytesMax / 3)
        return isFull || waited >= age || (waiting.rows >= rows && waited >= config.sealNotBefore)
    }

    // MARK: Kinds

    /// One block for each class of retention, of about 64 k rows in all.
    private func sealEvents(_ waiting: [Arrival]) async throws(LogError) {
        var sealers: [String: EventSealer] = [:]
        var (taken, damaged) = ([Arrival](), [LogPosition]())
        var (rows, bytes) = (0, 0)
        for arrival in waiting {
            if rows > 0, rows + arrival.block.count > EventSealer.rowsMax || bytes + arrival.block.bytes.count > config.sealBytesMax { break }
            do {
                for retentionClass in try classes(of: arrival) {
                    var sealer = sealers.removeValue(forKey: retentionClass.name) ?? EventSealer()
                    defer { sealers[retentionClass.name] = sealer }
                    try sealer.append(arrival, rows: retentionClass.isWanted)
                }
            } catch {
                await setAside(arrival, "\(error)")
                damaged.append(arrival.position)
            }
            taken.append(arrival)
            (rows, bytes) = (rows + arrival.block.count, bytes + arrival.block.bytes.count)
        }
        var outputs: [(key: SegmentStore.Key, output: SealedOutput)] = []
        for name in sealers.keys.sorted() {
            guard let sealer = sealers.removeValue(forKey: name), let output = sealer.finish() else { continue }
            outputs.append((SegmentStore.Key(kind: .events, resolution: .raw, retentionClass: name), output))
        }
        try await write(outputs, of: taken, damaged: damaged)
    }

    /// Which rows of an arrival belong to which class of retention.
    private func classes(of arrival: Arrival) throws -> [(name: String, isWanted: (Int) -> Bool)] {
        if config.sourceRetention.isEmpty { return [("", { _ in true })] }
        let events = try arrival.events()
        let names = events.sources.values.map { config.sourceRetention[$0] == nil ? "" : $0 }
        return Set(names).sorted().map { name in
            let flags = names.map { $0 == name }
            return (name, { flags[Int(events.sources.code(at: $0))] })
        }
    }

    private func sealSamples(_ waiting: [Arrival]) async throws(LogError) {
        var sealer = SampleSealer()
        var (taken, damaged) = ([Arrival](), [LogPosition]())
        for arrival in waiting where !sealer.isFull {
            do { try sealer.append(arrival) } catch {
                await setAside(arrival, "\(error)")
                damaged.append(arrival.position)
            }
            taken.append(arrival)
        }
        try await seal(taken, as: sealer.finish(), damaged: damaged)
    }

    private func seal(_ taken: [Arrival], as output: SealedOutput?, damaged: [LogPosition] = []) async throws(LogError) {
        try await write(
            output.map { [(SegmentStore.Key(kind: $0.kind, resolution: $0.resolution, retentionClass: ""), $0)] } ?? [],
            of: taken,
            damaged: damaged
        )
    }

    func report(_ damage: Damage) async { await onDamage(damage) }

    /// It leaves memory with those that are sealed; its row stays in the journal.
    private func setAside(_ arrival: Arrival, _ detail: String) async {
        let block = arrival.block
        let damage = BlockRow.Damage(
            position: block.position,
            count: block.count,
            from: block.from,
            to: block.to,
            bytes: block.bytes.count,
            host: block.host,
            detail: detail
        )
        await onDamage(Damage(arrival: damage))
    }

    private func write(_ outputs: [(key: SegmentStore.Key, output: SealedOutput)], of taken: [Arrival], damaged: [LogPosition]) async throws(LogError)
    {
        guard let first = taken.first, let last = taken.last else { return }
        var directory = DirectoryChange()
        var catalog = CatalogChange()
        directory.arrivals = (first.block.kind, first.position...last.position, taken.count)
        directory.arrivalsSetAside = damaged
        catalog.arrivals = Set(taken.map(\.position))
        let receivedAt = taken.map(\.block.receivedAt).max() ?? time.now()
        try store.write(outputs, receivedAt: receivedAt, into: &directory, &catalog)
        do throws(LogError) { try await committer.apply(directory, catalog) } catch {
            store.undo(directory)
            throw error
        }
        counters.sealed.increment(by: outputs.reduce(0) { $0 + $1.output.count })
        counters.sealedBytes.increment(by: outputs.reduce(0) { $0 + $1.output.bytes.count })
    }
}

/// Bytes of the log that do not say any more what was stored.
struct Damage: Sendable {
    /// Of an arrival.
    var position: LogPosition?
    /// Of a sealed block.
    var number: UInt64?
    var count: Int
    var from: Timestamp
    var to: Timestamp
    var bytes: Int
    var host: String
    var detail: String

    init(arrival: BlockRow.Damage) {
        (position, count, from, to) = (arrival.position, arrival.count, arrival.from, arrival.to)
        (bytes, host, detail) = (arrival.bytes, arrival.host, "block \(arrival.position) of the log is damaged: \(arrival.detail)")
    }

    init(sealed row: SealedRow, detail: String) {
        (number, count, from, to) = (row.number, row.count, row.from, row.to)
        (bytes, host, self.detail) = (row.range.count, "", "sealed block \(row.number) (segment \(row.segment)) is damaged: \(detail)")
    }

    init(sealed block: SealedBlock, detail: String) {
        (number, count, from, to) = (block.number, block.count, block.from, block.to)
        (bytes, host, self.detail) = (block.bytes.count, "", "sealed block \(block.number) is damaged: \(detail)")
    }
}
