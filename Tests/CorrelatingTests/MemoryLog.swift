import Blocks
import Synchronization
import Telemetry

@testable import Correlating

/// A log in memory: both its doors, with failures on demand.
final class MemoryLog: LogReader, LogWriter, EvidenceSource {
    private struct State {
        var blocks: [StoredBlock] = []
        var keys: Set<String> = []
        var appends = 0
        var failure: LogError?
        var searchFailure: LogError?
        var purged: (position: LogPosition, gap: Gap)?
        var cursor: LogCursor?
        var waiters: [Int: (position: LogPosition, continuation: CheckedContinuation<Void, Never>)] = [:]
        var cancelled: Set<Int> = []
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    var ownEvents: [Event] {
        state.withLock { state in
            state.blocks.filter { $0.kind == .events && $0.host.isEmpty }.flatMap { (try? EventBlock(decoding: $0.bytes).events()) ?? [] }
        }
    }

    var appends: Int { state.withLock { $0.appends } }

    func fail(_ error: LogError?) { state.withLock { $0.failure = error } }
    /// Of the searches for evidence alone.
    func failSearches(_ error: LogError?) { state.withLock { $0.searchFailure = error } }

    /// Retention passes over everything up to a position: a reader before it is told.
    func purge(through position: LogPosition, saying gap: Gap) {
        state.withLock { state in
            state.blocks.removeAll { $0.position <= position }
            state.purged = (position, gap)
        }
    }

    var cursor: LogCursor? { state.withLock(\.cursor) }

    func forgetEverything() { state.withLock { $0.blocks = [] } }

    func store(_ kind: BlockKind, _ bytes: [UInt8], count: Int, host: String, from: Timestamp, to: Timestamp, at now: Timestamp, _ origin: RowOrigin)
    {
        let woken = state.withLock { state in
            let position = (state.blocks.last?.position ?? 0) + 1
            state.blocks.append(
                StoredBlock(
                    position: position,
                    kind: kind,
                    bytes: bytes,
                    count: count,
                    from: from,
                    to: to,
                    receivedAt: now,
                    origin: origin,
                    host: host,
                    tags: ["test"]
                )
            )
            let woken = state.waiters.filter { $0.value.position < position }
            for key in woken.keys { state.waiters[key] = nil }
            return woken.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    func store(_ alerts: [Alert], host: String = "web-1", sequence: UInt64, at now: Timestamp) {
        let times = alerts.map(\.updatedAt)
        store(
            .alerts,
            AlertBlock.encode(alerts),
            count: alerts.count,
            host: host,
            from: times.min() ?? now,
            to: times.max() ?? now,
            at: now,
            Scene.place(sequence)
        )
    }

    func store(_ events: [Event], host: String = "web-1", sequence: UInt64, at now: Timestamp) {
        let times = events.map(\.timestamp)
        store(
            .events,
            EventBlock.encode(events),
            count: events.count,
            host: host,
            from: times.min() ?? now,
            to: times.max() ?? now,
            at: now,
            RowOrigin(agent: Scene.agent, lane: .logs, sequence: sequence, block: 0, row: 0)
        )
    }

    func contact(_ host: String = "web-1", at now: Timestamp) {
        let sample = Sample("up", [Label("host", host)], at: now, 1)
        let origin = RowOrigin(agent: Scene.agent, lane: .metrics, sequence: 1, block: 0, row: 0)
        store(.samples, SampleBlock.encode([sample]), count: 1, host: host, from: now, to: now, at: now, origin)
    }

    // MARK: LogWriter

    func append(_ batches: [AdmittedBatch]) async throws(LogError) -> [AppendOutcome] {
        var outcomes = [AppendOutcome]()
        for batch in batches { outcomes.append(try appendOne(batch)) }
        return outcomes
    }

    private func appendOne(_ batch: AdmittedBatch) throws(LogError) -> AppendOutcome {
        let (failure, isNew) = state.withLock { state -> (LogError?, Bool) in
            if let failure = state.failure { return (failure, false) }
            state.appends += 1
            guard case .client(_, let key?, _) = batch.origin else { return (nil, true) }
            return (nil, state.keys.insert(key).inserted)
        }
        if let failure { throw failure }
        guard isNew else { return .repeated(ids: []) }
        for block in batch.blocks {
            store(
                block.kind,
                block.bytes,
                count: block.count,
                host: "",
                from: block.from,
                to: block.to,
                at: batch.receivedAt,
                RowOrigin(agent: Scene.otherAgent, lane: .logs, sequence: 1, block: 0, row: 0)
            )
        }
        return .stored(ids: [])
    }

    func watermarks(of agent: UUID) async throws(LogError) -> Acknowledgement { Acknowledgement(lanes: [:]) }

    func warnings(of host: String, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event] {
        let blocks = state.withLock { $0.blocks }
        return Array(blocks.flatMap { Evidence.events(in: $0, of: host, window: window) }.sorted { $0.timestamp > $1.timestamp }.prefix(limit))
    }

    private var everything: [Event] {
        let blocks = state.withLock { $0.blocks }
        return blocks.flatMap { block -> [Event] in
            guard block.kind == .events, let events = try? EventBlock(decoding: block.bytes) else { return [] }
            return (0..<events.count).map { row in
                var event = events.event(at: row)
                event.id = event.id ?? Evidence.id(of: event, row: row, in: block)
                return event
            }
        }
    }

    func changes(of types: [String], in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event] {
        if let failure = state.withLock({ $0.searchFailure }) { throw failure }
        let wanted = types.map { EventMatch(type: $0) }
        return Array(everything.filter { event in window.contains(event.timestamp) && wanted.contains { $0.wantsType(event.type) } }.prefix(limit))
    }

    func events(correlationID: String, limit: Int) async throws -> [Event] {
        Array(everything.filter { $0.correlationID == correlationID }.prefix(limit))
    }

    func hasOccurred(_ words: String, on host: String, in window: ClosedRange<Timestamp>) async throws -> Bool {
        everything.contains { $0.host == host && window.contains($0.timestamp) && Evidence.words(of: $0) == words }
    }

    func metrics(of alert: Alert, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [MetricPoints] {
        let points = [MetricPoints.Point(window.lowerBound, 1), MetricPoints.Point(window.upperBound, 2)]
        return [MetricPoints(labels: Labels(name: alert.expression, []), points: points)]
    }

    // MARK: LogReader

    func page(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> LogPage {
        let (failure, blocks, gap) = state.withLock { state in
            let blocks = state.blocks.lazy.filter { $0.position > position && kinds.contains($0.kind) }.prefix(limit)
            return (state.failure, Array(blocks), state.purged.flatMap { $0.position > position ? $0.gap : nil })
        }
        if let failure { throw failure }
        return LogPage(blocks: blocks, next: blocks.last?.position ?? position, gap: gap)
    }

    func report(_ cursor: LogCursor) async { state.withLock { $0.cursor = cursor } }

    func cursors() async throws(LogError) -> [LogCursor] { state.withLock { $0.cursor.map { [$0] } ?? [] } }

    func end() async throws(LogError) -> LogPosition { state.withLock { $0.blocks.last?.position ?? 0 } }

    func waitForBlocks(after position: LogPosition) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.cancelled.remove(id) != nil || (state.blocks.last?.position ?? 0) > position { return true }
                    state.waiters[id] = (position, continuation)
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: id)
                if waiter == nil { state.cancelled.insert(id) }
                return waiter
            }
            waiter?.continuation.resume()
        }
    }
}

/// The next room, as it should be: passes over sequences that it knows, and may refuse.
final class TransitionRecorder: Sink {
    private struct State {
        var taken: [AlertTransition] = []
        var offered = 0
        var failure: SinkError?
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var taken: [AlertTransition] { state.withLock { $0.taken } }
    var offered: Int { state.withLock { $0.offered } }
    func fail(_ failure: SinkError?) { state.withLock { $0.failure = failure } }

    func accept(_ element: AlertTransition) async throws(SinkError) {
        let (failure, woken) = state.withLock { state -> (SinkError?, [CheckedContinuation<Void, Never>]) in
            state.offered += 1
            if state.failure == nil, element.sequence > state.taken.last?.sequence ?? 0 { state.taken.append(element) }
            let woken = state.watchers.filter { $0.count <= state.taken.count }
            state.watchers.removeAll { $0.count <= state.taken.count }
            return (state.failure, woken.map(\.continuation))
        }
        for continuation in woken { continuation.resume() }
        if let failure { throw failure }
    }

    /// Suspends until so many were taken.
    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.taken.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
