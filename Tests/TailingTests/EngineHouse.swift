import Glibc
import Logging
import Operating
import Telemetry
import TestSupport

@testable import Tailing

/// An engine over real files in a folder of its own, with a next room that keeps lines and positions together, and hands that a test turns.
final class EngineHouse {
    let folder: TemporaryFolder
    let configs: [TailConfig]
    let metrics = MetricsRegistry()
    private let openFilesMax: Int
    private(set) var events: [Event] = []
    private(set) var gaps: [Gap] = []
    private(set) var reads: [ReadRange] = []
    private(set) var positions: [FileIdentity: ReadPosition] = [:]
    private(set) var notes: [String: String] = [:]
    /// What the aggregator has noted of what went through ``store(_:)`` and was delivered.
    private(set) var delivered: [FileIdentity: ReadPosition] = [:]
    private(set) var engine: TailEngine
    private(set) var now = TailEngine.Moment(wall: Timestamp(milliseconds: 1_790_000_000_000), monotonic: .seconds(1000))

    init(
        _ names: [String] = ["app.log"],
        start: TailConfig.Start = .beginning,
        openFilesMax: Int = 512,
        configure: (inout TailConfig) -> Void = { _ in }
    ) throws {
        self.openFilesMax = openFilesMax
        folder = try TemporaryFolder()
        let path = folder.path
        var config = TailConfig(paths: names.map { path + "/" + $0 }, start: start, format: .plain)
        configure(&config)
        configs = [config]
        engine = EngineHouse.makeEngine(configs, [], metrics, openFilesMax)
    }

    private static func makeEngine(_ configs: [TailConfig], _ positions: [ReadPosition], _ metrics: MetricsRegistry, _ openFilesMax: Int)
        -> TailEngine
    {
        TailEngine(
            configs,
            host: "web-1",
            tags: [],
            checkpoint: positions,
            counters: TailCounters(MetricsRegistry()),
            lineCounters: configs.map { LineCounters($0, metrics) },
            openFilesMax: openFilesMax,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    var lines: [String] { events.compactMap(\.message) }

    func path(_ name: String = "app.log") -> String { folder.path + "/" + name }

    /// When the engine wants to be asked again.
    var due: Duration? { engine.nextDue(at: now) }

    /// A counter, summed over its labels.
    func counted(_ name: String) -> Double { metrics.samples(at: now.wall).filter { $0.series.name == name }.reduce(0) { $0 + $1.value } }

    // MARK: The writer

    func write(_ text: String, to name: String = "app.log") throws { try TestFiles.write(text, to: path(name), appending: true) }
    func rename(_ from: String, _ to: String) { check(unsafe Glibc.rename(path(from), path(to))) }
    func truncate(_ name: String = "app.log") { check(unsafe Glibc.truncate(path(name), 0)) }
    func remove(_ name: String = "app.log") { check(unsafe unlink(path(name))) }
    func copy(_ from: String, _ to: String) throws { try TestFiles.write(TestFiles.bytes(path(from)) ?? [], to: path(to)) }

    /// The kernel stamps files some milliseconds apart at best; a test that runs faster says itself what came first.
    func stamp(_ name: String, _ seconds: Int) {
        let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
        _ = unsafe utimensat(AT_FDCWD, path(name), times, 0)
    }

    private func check(_ result: Int32) { precondition(result == 0, "errno \(errno)") }

    // MARK: The agent

    func start() { engine.scan(at: now, isFirst: true) }
    func scan() { engine.scan(at: now) }
    func pass(_ duration: Duration) { now = .init(wall: now.wall.advanced(by: duration), monotonic: now.monotonic + duration) }

    /// Reads and stores until nothing is left.
    func drain() {
        engine.touchAll()
        while true {
            let batch = engine.fill(at: now)
            if batch.isEmpty { return }
            store(batch)
        }
    }

    /// Reads one batch without storing it.
    func read() -> TailBatch {
        engine.touchAll()
        return engine.fill(at: now)
    }

    func store(_ batch: TailBatch) {
        let intake = batch.intake
        events += intake.events
        gaps += intake.gaps
        reads += intake.reads
        notes.merge(intake.notes) { _, later in later }
        for position in intake.positions {
            positions[position.identity] = position.isFinished ? nil : position
        }
    }

    /// As after `kill -9`: what was not stored is forgotten.
    func restart() {
        engine = EngineHouse.makeEngine(configs, Array(positions.values), metrics, openFilesMax)
        // Nobody has answered yet.
        if case .begun(let starts) = notes[FileMemory.note].flatMap({ FileMemory($0) }) { engine.begun = starts }
        start()
    }

    /// Everything that was stored is at the aggregator, as it notes it: from the batches' reads.
    func deliver() {
        for read in reads {
            let identity = FileIdentity(device: read.device, inode: read.inode)
            if read.isFinished { delivered[identity] = nil } else if read.headLength > 0 { delivered[identity] = ReadPosition(read) }
        }
        reads = []
    }

    var known: KnownFiles {
        KnownFiles(hasEarlierAgent: true, notedAt: now.wall, positions: delivered.values.sorted { $0.path < $1.path })
    }

    /// The spool is gone, with all that it had not delivered; the next agent asks before it reads.
    /// - Parameter answer: nil: nobody answers in time.
    func loseSpool(answer: KnownFiles?) {
        (events, gaps, reads, positions, notes) = ([], [], [], [:], [:])
        engine = EngineHouse.makeEngine(configs, [], metrics, openFilesMax)
        if let answer { engine.resume(at: answer, after: .new, at: now) } else { engine.beginWithoutAnswer() }
        start()
    }

    /// The spool was damaged: it knows where files stood at an earlier moment.
    func salvageSpool(_ stale: [FileIdentity: ReadPosition], answer: KnownFiles) {
        (events, gaps, reads, positions, notes) = ([], [], [], stale, [:])
        engine = EngineHouse.makeEngine(configs, Array(stale.values), metrics, openFilesMax)
        engine.resume(at: answer, after: .salvaged, at: now)
        start()
    }

    func answerLate(_ known: KnownFiles) { engine.settle(known, at: now) }

    /// The agent is away: the next `restart` finds what happened since.
    func stop() { engine = EngineHouse.makeEngine([], [], metrics, openFilesMax) }
}
