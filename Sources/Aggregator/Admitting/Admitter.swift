import Logging
package import Operating
package import Telemetry

/// The aggregator's gate: what comes in may come from whom it comes from, within its limits, and is whole; then it is stored.
package struct Admitter: SubmissionAdmitting {
    private let limits: AdmittingLimits
    private let log: any LogWriter
    private let time: any TimeSource
    private let sources: RateLimiter
    private let agents: RateLimiter
    private let census: SeriesCensus
    private let counts: AdmittingCounts

    /// - Parameter log: the next room: what it takes is on disk.
    package init(limits: AdmittingLimits, into log: any LogWriter, time: any TimeSource, metrics: MetricsRegistry) {
        (self.limits, self.log, self.time) = (limits, log, time)
        sources = RateLimiter(rate: limits.eventsPerSecond, burst: limits.burst)
        agents = RateLimiter(rate: limits.agentRowsPerSecond, burst: limits.agentBurst)
        census = SeriesCensus(seriesMax: limits.seriesPerAgentMax)
        counts = AdmittingCounts(metrics)
    }

    package func admit(_ submission: Submission) async throws(Refusal) -> Receipt {
        do {
            switch submission.content {
            case .native(let batches): return .lanes(try await admit(batches, submission))
            case .events(let events): return try await admit(events, submission)
            case .alerts(let block): return try await admit(alerts: block, submission)
            }
        } catch {
            counts.refused(error)
            throw error
        }
    }

    // MARK: JSON clients

    private func admit(_ request: ClientEvents, _ submission: Submission) async throws(Refusal) -> Receipt {
        if submission.principal.role == .agent, let host = submission.principal.host {
            // Receiving has given the token's host to events that name none.
            if let other = request.hosts.first(where: { $0 != host }) {
                throw .forbidden("the token \"\(submission.principal.name)\" speaks for the host \(host), not for \(other)")
            }
        }
        if case .refused(let source, let wait) = sources.take(request.sources, at: time.monotonic()) {
            let detail =
                "the source \"\(source)\" sends more than \(Int(sources.rate)) events a second (limits.events_per_second, burst \(Int(sources.burst))): "
                + "nothing was stored; send it again after Retry-After"
            throw .rateLimited(retryAfter: wait, detail)
        }
        let batch = AdmittedBatch(
            origin: .client(name: submission.principal.name, key: request.idempotencyKey, checksum: request.checksum),
            receivedAt: submission.receivedAt,
            blocks: request.blocks
        )
        switch try await append(batch) {
        case .stored(let ids):
            counts.stored.increment()
            return .events(ids: ids, isRepeat: false)
        case .repeated(let ids):
            counts.repeated.increment()
            return .events(ids: ids, isRepeat: true)
        case .conflict:
            throw .keyReused("this Idempotency-Key was used for a request with another body: take a new key for each request; nothing was stored")
        case .outOfOrder:
            throw .unavailable(retryAfter: .seconds(1), "the log took the events for an agent's batch: send them again")
        }
    }

    /// Alerts of another system: counted as an agent's rows are, because they come in bursts when much is wrong.
    private func admit(alerts block: AdmittedBlock, _ submission: Submission) async throws(Refusal) -> Receipt {
        let name = submission.principal.name
        if case .refused(_, let wait) = agents.take(["alerts of \(name)": block.count], at: time.monotonic()) {
            throw .rateLimited(
                retryAfter: wait,
                "\(name) sends more than \(Int(agents.rate)) alerts a second (limits.agents.events_per_second): nothing was stored; send them again"
            )
        }
        let batch = AdmittedBatch(origin: .client(name: name, key: nil), receivedAt: submission.receivedAt, blocks: [block])
        guard case .stored(let ids) = try await append(batch) else {
            throw .unavailable(retryAfter: .seconds(1), "the log took the alerts for something it knows: send them again")
        }
        counts.stored.increment()
        return .events(ids: ids, isRepeat: false)
    }

    // MARK: Agents

    /// The batches in their order, in one commit. One whose sequence is not the expected one is not stored, and so are those behind it in its
    /// lane: the answer names what is durable, and the agent sends again from behind that.
    private func admit(_ batches: [ReceivedBatch], _ submission: Submission) async throws(Refusal) -> Acknowledgement {
        guard let agent = batches.first?.batch.identity.agent else { throw .unacceptable("there is no batch in the body") }
        guard batches.allSatisfy({ $0.batch.identity.agent == agent }) else {
            throw .unacceptable("one request holds batches of several agents: each agent sends its own")
        }
        let (checker, now) = (BatchChecker(principal: submission.principal, futureMax: limits.futureMax), time.monotonic())
        var admitted: [AdmittedBatch] = []
        var rows = 0
        for received in batches {
            let checked = try checker.check(received, receivedAt: submission.receivedAt) { census.knows($0, of: agent, at: now) }
            rows += checked.batch.blocks.reduce(0) { $0 + $1.count }
            guard census.admit(checked.series, checked.lists, of: agent, at: now) else {
                throw .unacceptable(
                    "the agent of \(received.batch.identity.host) sends more than \(limits.seriesPerAgentMax) series an hour (limits.agents.series): "
                        + "look for a label whose values never end, or raise the limit"
                )
            }
            admitted.append(checked.batch)
        }
        if case .refused(_, let wait) = agents.take([agent.description: rows], at: time.monotonic()) {
            throw .rateLimited(
                retryAfter: wait,
                "the agent sends more than \(Int(agents.rate)) rows a second (limits.agents.events_per_second): it keeps them and sends them later"
            )
        }
        let outcomes: [AppendOutcome]
        do { outcomes = try await log.append(admitted) } catch { throw Self.refusal(of: error) }
        var conflict: Batch?
        for (received, outcome) in zip(batches, outcomes) {
            switch outcome {
            case .stored: counts.stored.increment()
            case .repeated: counts.repeated.increment()
            case .outOfOrder: counts.outOfOrder.increment()
            case .conflict: conflict = conflict ?? received.batch
            }
        }
        if let conflict {
            throw .conflict(
                "sequence \(conflict.sequence) of lane \(conflict.lane) is known with other content: this spool was cloned or restored; "
                    + "the agent takes a new id"
            )
        }
        do { return try await log.watermarks(of: agent) } catch { throw Self.refusal(of: error) }
    }

    private func append(_ batch: AdmittedBatch) async throws(Refusal) -> AppendOutcome {
        do { return try await log.append(batch) } catch { throw Self.refusal(of: error) }
    }

    /// Whatever the log cannot do now stays with the sender.
    private static func refusal(of error: LogError) -> Refusal {
        switch error {
        case .busy(let detail): .unavailable(retryAfter: .seconds(1), detail)
        case .full(let detail): .unavailable(retryAfter: .seconds(30), detail)
        case .failed(let detail), .unreadable(let detail): .unavailable(retryAfter: .seconds(10), detail)
        case .closed: .unavailable(retryAfter: .seconds(5), error.description)
        }
    }
}

/// What the gate counts.
struct AdmittingCounts: Sendable {
    let stored: Counter
    let repeated: Counter
    let outOfOrder: Counter
    private let metrics: MetricsRegistry

    init(_ metrics: MetricsRegistry) {
        let help = "Batches and requests by what became of them."
        func counter(_ outcome: String) -> Counter {
            metrics.counter("tocsin_admitting_batches_total", help: help, labels: [Label("outcome", outcome)])
        }
        (stored, repeated, outOfOrder) = (counter("stored"), counter("repeated"), counter("out_of_order"))
        self.metrics = metrics
    }

    func refused(_ refusal: Refusal) {
        metrics.counter(
            "tocsin_admitting_refused_total",
            help: "Requests refused, by reason.",
            labels: [Label("reason", "\(refusal.label)")]
        ).increment()
    }
}
