import Blocks
import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry

/// The live stream: one reader of the log for all clients. A block is read and decoded once, each client's filter is matched against its
/// columns, and the rows that match wait in the client's bounded queue. While nobody listens nothing is read.
///
/// A client first reads by itself: what is replayed by time from the search, up to the position at its subscription; then block by block from
/// there; and when it has come so near that the blocks in between are still at hand, it joins. So between the past and the present there is no
/// hole and no repeat, however long the replay takes.
package final class EventFeed: EventStreaming {
    private struct State {
        /// How far the one reader is; nil while nobody listens.
        var position: LogPosition?
        /// Every block of events behind `recentStart` and up to `position`.
        var recent: [FeedBlock] = []
        var recentStart: LogPosition = 0
        var recentBytes = 0
        var clients: [ObjectIdentifier: FeedClient] = [:]
        /// Those that still read by themselves, too.
        var subscriptions = 0
        var isFinished = false
    }

    /// Blocks that are read at once.
    private static let blocksPerRead = 32

    let log: any LogReader
    let searching: any EventSearching
    private let limits: FeedLimits
    private let time: any TimeSource
    private let state = Mutex(State())
    private let arrivals = Bell()
    let held = HeldBytes()
    private let clientsGauge: Gauge
    private let missedCounter: Counter

    package init(
        log: any LogReader,
        searching: any EventSearching,
        limits: FeedLimits = FeedLimits(),
        time: any TimeSource,
        metrics: MetricsRegistry
    ) {
        (self.log, self.searching, self.limits, self.time) = (log, searching, limits, time)
        clientsGauge = metrics.gauge("tocsin_stream_clients", help: "Clients that follow the live stream.")
        missedCounter = metrics.counter("tocsin_stream_missed_total", help: "Events that slow clients of the live stream missed.")
    }

    @concurrent
    package func subscribe(to query: EventQuery, from start: StreamStart) async throws(StreamError) -> any EventSubscription {
        let matcher: EventMatcher
        do throws(QueryError) { matcher = try EventMatcher(query) } catch { throw .invalid(error.description) }
        let end: LogPosition
        do throws(LogError) { end = try await log.end() } catch { throw .failed(error.description) }
        let count: Int? = try state.withLock { state throws(StreamError) in
            guard !state.isFinished else { throw .closed }
            guard state.subscriptions < limits.clientsMax else { throw .full(clientsMax: limits.clientsMax) }
            state.subscriptions += 1
            return state.subscriptions
        }
        clientsGauge.set(Double(count ?? 0))
        return FeedSubscription(of: self, client: FeedClient(matcher, limits: limits), query: query, start: start, end: end)
    }

    /// Ends every stream, and refuses new ones: the aggregator stops.
    package func finish() {
        let clients = state.withLock { state in
            state.isFinished = true
            return Array(state.clients.values)
        }
        for client in clients { client.finish() }
        arrivals.ring()
    }

    var isFinished: Bool { state.withLock { $0.isFinished } }

    // MARK: Clients

    /// From now on the client is given what comes behind `position`. False when it has to read more by itself first.
    func join(_ client: FeedClient, after position: LogPosition) -> Bool {
        let isIn = state.withLock { state -> Bool in
            if state.isFinished {
                client.finish()
                return true
            }
            // The first one decides where the reader begins.
            let reader = state.position ?? position
            if state.position == nil { (state.position, state.recentStart) = (position, position) }
            if position < reader {
                guard position >= state.recentStart else { return false }
                for block in state.recent where block.position > position { client.put(block) }
            }
            client.begin(after: max(position, reader))
            state.clients[ObjectIdentifier(client)] = client
            return true
        }
        if isIn { arrivals.ring() }
        return isIn
    }

    /// The client is gone.
    func leave(_ client: FeedClient) {
        let left = state.withLock { state in
            state.subscriptions -= 1
            state.clients[ObjectIdentifier(client)] = nil
            if state.clients.isEmpty { (state.position, state.recent, state.recentBytes) = (nil, [], 0) }
            return state.subscriptions
        }
        client.finish()
        clientsGauge.set(Double(left))
    }

    // MARK: The reader

    private func read() async {
        var told: Gap?
        while !Task.isCancelled {
            let seen = arrivals.rings
            guard let position = state.withLock({ $0.position }) else {
                await arrivals.wait(after: seen)
                continue
            }
            do throws(LogError) {
                let page = try await log.page(after: position, kinds: [.events], limit: Self.blocksPerRead)
                // A gap is told again by each page until the reader has passed it.
                if let gap = page.gap, gap != told { for client in state.withLock({ Array($0.clients.values) }) { client.offer(gap) } }
                told = page.gap
                if !pass(page.blocks, from: position, to: max(position, page.next)) { continue }
                if page.blocks.isEmpty, page.next <= position { await waitForMore(after: position, rings: seen) }
                if limits.pause > .zero { try? await time.sleep(for: limits.pause) }
            } catch {
                // The log cannot be read now; the queries say so themselves.
                try? await time.sleep(for: .seconds(1))
            }
        }
    }

    /// Until something is stored, or a client has come: when it is the first one the reader begins anew, where that one stands.
    private func waitForMore(after position: LogPosition, rings: UInt64) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.log.waitForBlocks(after: position) }
            group.addTask { await self.arrivals.wait(after: rings) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Hands blocks to the clients. False when the reader was begun anew meanwhile: then they are nobody's.
    private func pass(_ blocks: [StoredBlock], from position: LogPosition, to end: LogPosition) -> Bool {
        var reader = position
        for stored in blocks {
            // What cannot be decoded was damaged behind the log's own check; the log reports it.
            guard let block = (try? CachedBlock(stored)).map({ FeedBlock($0, counting: held) }) else { continue }
            guard let clients = advance(from: reader, to: block.position, with: block) else { return false }
            reader = block.position
            let isCrowded = held.bytes > limits.heldBytesMax
            var missed = 0
            for client in clients { missed += client.offer(block, isCrowded: isCrowded) }
            missedCounter.increment(by: missed)
        }
        return advance(from: reader, to: end, with: nil) != nil
    }

    private func advance(from position: LogPosition, to next: LogPosition, with block: FeedBlock?) -> [FeedClient]? {
        state.withLock { state in
            guard state.position == position else { return nil }
            state.position = next
            guard let block else { return [] }
            state.recent.append(block)
            state.recentBytes += block.block.bytes
            while state.recent.count > limits.recentBlocksMax || state.recentBytes > limits.recentBytesMax, let first = state.recent.first {
                state.recentStart = first.position
                state.recentBytes -= first.block.bytes
                state.recent.removeFirst()
            }
            return Array(state.clients.values)
        }
    }

    private func tick() async {
        while !Task.isCancelled {
            do { try await time.sleep(for: limits.quietInterval) } catch { return }
            for client in state.withLock({ Array($0.clients.values) }) { client.tick() }
        }
    }
}

extension EventFeed: Service {
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.read() }
                group.addTask { await self.tick() }
            }
        }
        finish()
    }
}
