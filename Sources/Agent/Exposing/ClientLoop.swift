import Glibc
import Operating
import Telemetry

/// The thread that serves all connections: waits with poll(2) for sockets, for the page, and for the next moment at which somebody's time is up.
final class ClientLoop: Sendable {
    private let socket: Int32
    private let wake: Int32
    private let freshFor: Duration
    private let compress: @Sendable ([UInt8]) -> [UInt8]
    /// Somebody wants the page: once until it comes.
    private let ask: @Sendable () -> Void
    /// Whether to stop, and the page if there is a new one.
    private let look: @Sendable () -> (isStopping: Bool, page: [UInt8]?)
    private let counters: [Int: Counter]
    private let clock = ContinuousClock()

    init(
        socket: Int32,
        wake: Int32,
        metrics: MetricsRegistry,
        freshFor: Duration,
        compress: @escaping @Sendable ([UInt8]) -> [UInt8],
        ask: @escaping @Sendable () -> Void,
        look: @escaping @Sendable () -> (isStopping: Bool, page: [UInt8]?)
    ) {
        (self.socket, self.wake, self.freshFor, self.compress, self.ask, self.look) = (socket, wake, freshFor, compress, ask, look)
        counters = Dictionary(
            uniqueKeysWithValues: [200, 400, 404, 405, 413, 431, 503, 505].map { code in
                let help = "Answers of the metrics listener by status."
                return (code, metrics.counter("tocsin_metrics_answers_total", help: help, labels: [Label("code", "\(code)")]))
            }
        )
    }

    /// What the thread knows from one round to the next.
    private struct Round {
        var clients: [Client] = []
        var page: MetricsPage?
        var isAsked = false
        var buffer = [UInt8](repeating: 0, count: 4096)
        /// Until when nobody new is let in, for want of descriptors.
        var pausedUntil: ContinuousClock.Instant?
    }

    /// Returns when it is told to stop; all connections are closed then.
    func run() {
        var round = Round()
        while true {
            var entries = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
            entries.append(pollfd(fd: round.pausedUntil == nil ? socket : -1, events: Int16(POLLIN), revents: 0))
            for client in round.clients { entries.append(pollfd(fd: client.descriptor, events: client.interest, revents: 0)) }
            let ready = unsafe poll(&entries, nfds_t(entries.count), patience(round))
            let now = clock.now
            if ready < 0, errno != EINTR { return }
            if ready > 0 {
                if entries[0].revents != 0 {
                    while unsafe read(wake, &round.buffer, round.buffer.count) > 0 {}
                    let (isStopping, page) = look()
                    if isStopping { return }
                    if let page { take(page, &round, at: now) }
                }
                for (client, entry) in zip(round.clients, entries.dropFirst(2)) where entry.revents != 0 { serve(client, entry, &round, at: now) }
                if entries[1].revents != 0 { letIn(&round, at: now) }
            }
            expire(&round, at: now)
        }
    }

    /// Milliseconds until the next moment at which something has to be done without being woken; -1: none.
    private func patience(_ round: Round) -> Int32 {
        var moments = round.clients.map(\.deadline)
        if let page = round.page { moments.append(page.madeAt.advanced(by: freshFor)) }
        if let moment = round.pausedUntil { moments.append(moment) }
        guard let next = moments.min() else { return -1 }
        let (seconds, attoseconds) = (next - clock.now).components
        return seconds < 0 || attoseconds < 0 ? 0 : Int32(min(3_600_000, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
    }

    // MARK: The page

    private func take(_ page: [UInt8], _ round: inout Round, at now: ContinuousClock.Instant) {
        round.page = MetricsPage(page, at: now, compress: compress)
        round.isAsked = false
        for client in round.clients where client.state == .waiting { answer(client, &round, at: now) }
    }

    private func want(_ client: Client, _ round: inout Round, at now: ContinuousClock.Instant) {
        if let page = round.page, now - page.madeAt < freshFor { return answer(client, &round, at: now) }
        if !round.isAsked { ask() }
        round.isAsked = true
    }

    private func answer(_ client: Client, _ round: inout Round, at now: ContinuousClock.Instant) {
        guard var page = round.page else { return }
        client.answer(&page, at: now)
        round.page = page
        write(client, &round, at: now)
    }

    // MARK: Connections

    private func serve(_ client: Client, _ entry: pollfd, _ round: inout Round, at now: ContinuousClock.Instant) {
        switch client.state {
        case .reading, .draining:
            if client.read(into: &round.buffer, at: now) == .metrics { want(client, &round, at: now) }
            if client.state == .writing { write(client, &round, at: now) }
        case .writing: write(client, &round, at: now)
        case .waiting: if entry.revents & Int16(POLLHUP | POLLERR) != 0 { client.shut() }
        case .closed: break
        }
    }

    /// As far as the socket takes it; a request that was sent behind it is looked at next.
    private func write(_ client: Client, _ round: inout Round, at now: ContinuousClock.Instant) {
        if let status = client.takeStatus() { counters[status]?.increment() }
        guard client.state == .writing else { return }
        if client.write(at: now) == .metrics { want(client, &round, at: now) }
        // An answer that needs no collection to a request behind it; poll(2) says when the socket takes it.
        if let status = client.takeStatus() { counters[status]?.increment() }
    }

    private func letIn(_ round: inout Round, at now: ContinuousClock.Instant) {
        for _ in 0..<ExposingLimits.connectionsMax {
            let descriptor = accept(socket, nil, nil)
            guard descriptor >= 0 else {
                if errno == EMFILE || errno == ENFILE { round.pausedUntil = now.advanced(by: ExposingLimits.acceptPause) }
                return
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let client = Client(descriptor, at: now)
            let open = round.clients.filter { $0.state != .closed }
            if open.count >= ExposingLimits.connectionsMax {
                if let idle = open.filter({ $0.idleSince != nil }).min(by: { ($0.idleSince ?? now) < ($1.idleSince ?? now) }) {
                    idle.shut()
                } else {
                    client.refuse(503, "all \(ExposingLimits.connectionsMax) connections are busy: try again", at: now)
                    write(client, &round, at: now)
                    // It drains for a moment; no more of those than of the others.
                    if round.clients.count >= 2 * ExposingLimits.connectionsMax { continue }
                }
            }
            round.clients.append(client)
        }
    }

    private func expire(_ round: inout Round, at now: ContinuousClock.Instant) {
        if let page = round.page, now - page.madeAt >= freshFor { round.page = nil }
        if let moment = round.pausedUntil, moment <= now { round.pausedUntil = nil }
        for client in round.clients where client.deadline <= now {
            if client.state == .waiting {
                client.refuse(503, "no collection was made in time", at: now)
                write(client, &round, at: now)
            } else {
                client.shut()
            }
        }
        round.clients.removeAll { $0.state == .closed }
    }
}
