package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry

/// Follows the systemd journal. The cursor goes with the entries that it is about, in one intake, as a file's read position does: when the next room
/// has taken it both are durable, and when it has not the same entries are offered again.
package actor JournalReader: Service {
    private struct Batch {
        var events: [Event] = []
        var gaps: [Gap] = []
        var bytes = 0
        /// Entries that were read, also those that became no event.
        var entries = 0
        var cursor: String?

        var isFull: Bool { entries >= SyslogLimits.batchMessagesMax || bytes >= SyslogLimits.batchBytesMax }
    }

    private let config: JournalConfig
    private let events: JournalEvents
    private let handover: Handover
    private let time: any TimeSource
    private let logger: Logger
    private let counters: JournalCounters
    private let thread = InputThread()
    private let executor = BlockingExecutor()
    private let shown: Mutex<InputStatus>
    private var cursor: String?
    /// Set while it is not known how much was vacuumed, because there is no entry yet.
    private var lostCursor: String?

    /// A journal that cannot be opened is tried again so often.
    private static let openInterval = Duration.seconds(5)
    /// What inotify does not tell (files on a network) is found so soon.
    private static let lookInterval = Duration.seconds(2)

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Parameter checkpoint: holds the cursor of an earlier run.
    package init(
        _ config: JournalConfig,
        host: String,
        tags: [String] = [],
        checkpoint: Checkpoint,
        into sink: any Sink<Intake>,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        (self.config, self.time, self.logger, counters) = (config, time, logger, JournalCounters(metrics))
        events = JournalEvents(config, host: host, tags: tags)
        handover = Handover(sink: sink, time: time, logger: logger)
        cursor = checkpoint.notes[JournalConfig.note]
        shown = Mutex(InputStatus(name: JournalConfig.name))
    }

    package nonisolated func status() -> InputStatus { shown.withLock { $0 } }

    package func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await follow()
            } onGracefulShutdown: {
                self.thread.stop()
            }
        } onCancel: {
            self.thread.stop()
        }
        // The next room closed before us: a service that returned early would end the whole program.
        if !Task.isShuttingDownGracefully, !Task.isCancelled { try await gracefulShutdown() }
    }

    // MARK: The loop

    private func follow() async {
        while !thread.isStopping {
            do throws(JournalError) {
                let journal = try JournalFiles(path: config.path)
                guard try await begin(journal) else { return }
                note(problem: nil)
                while !thread.isStopping {
                    let batch = try read(journal)
                    guard batch.entries > 0 || !batch.gaps.isEmpty else {
                        _ = thread.wait(for: journal.descriptor >= 0 ? [journal.descriptor] : [], atMost: Self.lookInterval)
                        journal.process()
                        continue
                    }
                    guard await deliver(batch) else { return }
                    if !batch.isFull { _ = thread.wait(for: [], atMost: SyslogLimits.settle) }
                }
            } catch {
                note(problem: error.description)
                _ = thread.wait(for: [], atMost: Self.openInterval)
            }
        }
    }

    /// Goes to where reading was left. False: the next room has stopped.
    private func begin(_ journal: JournalFiles) async throws(JournalError) -> Bool {
        guard let cursor else {
            try journal.filter(config.filters)
            if config.start == .beginning {
                try journal.seekHead()
                return true
            }
            // Noted at once: what comes while the agent is away must not count as old.
            try journal.filter([])
            try journal.seekTail()
            let last = (try? journal.cursor()) ?? ""
            if !last.isEmpty {
                guard await deliver(Batch(cursor: last)) else { return false }
                try resume(journal, at: last)
            } else {
                try journal.filter(config.filters)
                try journal.seekHead()
            }
            return true
        }
        try resume(journal, at: cursor)
        return true
    }

    /// Behind the entry of the cursor. It is looked for without filters, which may be others than those it was found with.
    private func resume(_ journal: JournalFiles, at cursor: String) throws(JournalError) {
        try journal.filter([])
        try journal.seek(to: cursor)
        let isThere = try journal.next() && journal.isAt(cursor)
        lostCursor = isThere ? nil : cursor
        try journal.filter(config.filters)
        try journal.seek(to: cursor)
        self.cursor = cursor
    }

    private func read(_ journal: JournalFiles) throws(JournalError) -> Batch {
        var batch = Batch()
        while !batch.isFull, !thread.isStopping, try journal.next() {
            // The cursor's own entry was read before the restart.
            if batch.entries == 0, let cursor, journal.isAt(cursor) { continue }
            let now = time.now()
            if let lost = lostCursor {
                batch.gaps.append(Self.vacuumed(since: lost, until: journal.timestamp() ?? now))
                lostCursor = nil
            }
            batch.entries += 1
            guard let (event, cut) = events.event(of: journal, now: now) else {
                counters.dropped.increment()
                continue
            }
            batch.bytes += (event.message?.utf8.count ?? 0) + event.data.utf8.count
            batch.events.append(event)
            if cut > 0 {
                let detail = "an entry of the journal was longer than \(TailingLimits.lineBytesMax) bytes and was cut"
                batch.gaps.append(Gap(source: JournalConfig.name, reason: .lineCut, from: now, to: now, count: 1, bytes: UInt64(cut), detail: detail))
            }
        }
        if batch.entries > 0 { batch.cursor = try journal.cursor() }
        return batch
    }

    private func deliver(_ batch: Batch) async -> Bool {
        let thread = thread
        let notes = batch.cursor.map { [JournalConfig.note: $0] } ?? [:]
        let intake = Intake(events: batch.events, gaps: batch.gaps, notes: notes)
        guard case .taken = await handover.deliver(intake, from: JournalConfig.name, unless: { thread.isStopping }) else { return false }
        cursor = batch.cursor ?? cursor
        counters.entries.increment(by: batch.events.count)
        shown.withLock { status in
            status.messages += UInt64(batch.events.count)
            status.bytes += UInt64(batch.bytes)
        }
        return true
    }

    /// What journald deleted (SystemMaxUse=, a vacuum) before it was read.
    static func vacuumed(since cursor: String, until first: Timestamp) -> Gap {
        let parts = cursor.split(separator: ";").map { $0.split(separator: "=", maxSplits: 1) }
        let microseconds = parts.first { $0.first == "t" }?.last.flatMap { Int64($0, radix: 16) }
        let from = microseconds.map { Timestamp(nanoseconds: $0 * 1000) } ?? first
        return Gap(
            source: JournalConfig.name,
            reason: .retention,
            from: min(from, first),
            to: first,
            detail:
                "the entry that was read last is no longer in the journal: what journald deleted behind it is lost; raise SystemMaxUse= in journald.conf"
        )
    }

    private func note(problem: String?) {
        let before = shown.withLock { status in
            defer { status.problem = problem }
            return status.problem
        }
        if let problem, problem != before { logger.warning("the journal is not read; it is tried again", metadata: ["problem": "\(problem)"]) }
    }
}

/// What the journal's input counts about itself.
private struct JournalCounters: Sendable {
    let entries: Counter
    let dropped: Counter

    init(_ metrics: MetricsRegistry) {
        entries = metrics.counter("tocsin_journald_entries_total", help: "Entries of the journal that were stored.")
        dropped = metrics.counter("tocsin_journald_entries_dropped_total", help: "Entries without a message, or left out by drop.")
    }
}
