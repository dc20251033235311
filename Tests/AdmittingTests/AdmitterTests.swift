import Admitting
import Blocks
import Operating
import Synchronization
import Telemetry
import TestSupport
import Testing

/// A log in memory with the log's rules.
final class FakeLog: LogWriter {
    struct State {
        var batches: [AdmittedBatch] = []
        var watermarks: [Lane: UInt64] = [:]
        var checksums: [Lane: [UInt64: UInt64]] = [:]
        var error: LogError?
    }

    let state = Mutex(State())

    var batches: [AdmittedBatch] { state.withLock { $0.batches } }

    func append(_ batches: [AdmittedBatch]) async throws(LogError) -> [AppendOutcome] {
        var outcomes = [AppendOutcome]()
        for batch in batches { outcomes.append(try appendOne(batch)) }
        return outcomes
    }

    private func appendOne(_ batch: AdmittedBatch) throws(LogError) -> AppendOutcome {
        let result: Result<AppendOutcome, LogError> = state.withLock { state in
            if let error = state.error { return .failure(error) }
            if case .agent(_, let lane, let sequence, let checksum) = batch.origin {
                let last = state.watermarks[lane] ?? 0
                if let known = state.checksums[lane]?[sequence], known != checksum { return .success(.conflict) }
                if sequence <= last { return .success(.repeated(ids: [])) }
                if sequence > last + 1 { return .success(.outOfOrder(expected: last + 1)) }
                state.watermarks[lane] = sequence
                state.checksums[lane, default: [:]][sequence] = checksum
            }
            state.batches.append(batch)
            return .success(
                .stored(ids: batch.blocks.flatMap { block in (0..<block.count).map { block.ids[UInt32($0)] ?? UUID(high: 9, low: UInt64($0)) } })
            )
        }
        return try result.get()
    }

    func watermarks(of agent: UUID) async throws(LogError) -> Acknowledgement { Acknowledgement(lanes: state.withLock { $0.watermarks }) }
}

struct AdmitterTests {
    let log = FakeLog()
    let time = ManualTime()
    let agent = UUID(high: 5, low: 5)

    private func admitter(_ limits: AdmittingLimits = AdmittingLimits()) -> Admitter {
        Admitter(limits: limits, into: log, time: time, metrics: MetricsRegistry())
    }

    private func event(_ source: String = "shop", host: String = "") -> Event {
        Event(timestamp: time.now(), source: source, type: "t", severity: .info, host: host)
    }

    private func request(_ events: [Event], as principal: Principal = .loopback) -> Submission {
        var encoder = EventBlockEncoder()
        for event in events { encoder.append(event) }
        let (from, to) = encoder.bounds
        let block = AdmittedBlock(
            kind: .events,
            bytes: encoder.finish(),
            count: encoder.count,
            from: from,
            to: to,
            ids: encoder.ownIDs,
            timestamps: encoder.timestamps
        )
        let content = ClientEvents(blocks: [block], sources: encoder.sourceCounts, hosts: Set(encoder.hostNames))
        return Submission(principal: principal, receivedAt: time.now(), content: .events(content), bodyBytes: 1, inflatedBytes: 1)
    }

    private func batch(_ sequence: UInt64, lane: Lane = .logs, host: String = "web-1", blocks: [[UInt8]]? = nil, checksum: UInt64 = 1)
        -> ReceivedBatch
    {
        let batch = Batch(
            identity: HostIdentity(agent: agent, host: host),
            lane: lane,
            sequence: sequence,
            createdAt: time.now(),
            blocks: blocks ?? [EventBlock.encode([event(host: host), event(host: host)])]
        )
        return ReceivedBatch(batch: batch, checksum: checksum)
    }

    private func native(_ batches: [ReceivedBatch], as principal: Principal = .loopback) -> Submission {
        Submission(principal: principal, receivedAt: time.now(), content: .native(batches), bodyBytes: 1, inflatedBytes: 1)
    }

    // MARK: JSON clients

    @Test func `events are stored as the blocks that they came in, with their own ids`() async throws {
        var own = event()
        own.id = UUID(high: 3, low: 3)
        let receipt = try await admitter().admit(request([event(), own]))
        #expect(receipt == .events(ids: [UUID(high: 9, low: 0), UUID(high: 3, low: 3)], isRepeat: false))
        let block = try #require(log.batches.first?.blocks.first)
        #expect(block.ids == [1: UUID(high: 3, low: 3)])
        #expect(try EventBlock(decoding: block.bytes).events() == [event(), own])
        #expect(block.from == time.now() && block.to == time.now() && block.count == 2)
    }

    @Test func `a request over a source's limit is refused whole and passes later`() async throws {
        let admitter = admitter(AdmittingLimits(eventsPerSecond: 10, burst: 20))
        _ = try await admitter.admit(request((0..<20).map { _ in event() }))
        await #expect(throws: Refusal.self) { try await admitter.admit(request([event("other"), event("shop")])) }
        #expect(log.batches.count == 1)
        _ = try await admitter.admit(request([event("other")]))
        time.advance(by: .milliseconds(100))
        _ = try await admitter.admit(request([event("shop")]))
        #expect(log.batches.count == 3)
    }

    @Test func `a batch larger than the burst passes when the bucket is full and leaves a debt`() async throws {
        let admitter = admitter(AdmittingLimits(eventsPerSecond: 10, burst: 20))
        _ = try await admitter.admit(request((0..<100).map { _ in event() }))
        do {
            _ = try await admitter.admit(request([event()]))
            Issue.record("the debt was forgotten")
        } catch {
            guard case .rateLimited(let wait, _) = error else { throw error }
            #expect(wait > .seconds(8) && wait < .seconds(8.2))
        }
    }

    @Test func `an agent's token speaks for its host in JSON too`() async throws {
        let principal = Principal(name: "web-1", role: .agent, host: "web-1")
        _ = try await admitter().admit(request([event(host: "web-1")], as: principal))
        for stranger in [event(host: "db-1"), event()] {
            await #expect(throws: Refusal.self) { try await admitter().admit(request([event(host: "web-1"), stranger], as: principal)) }
        }
        #expect(log.batches.count == 1)
    }

    @Test(arguments: [LogError.full("full"), .busy("busy"), .failed("failed"), .closed])
    func `what the log cannot take now stays with the sender`(error: LogError) async throws {
        log.state.withLock { $0.error = error }
        for submission in [request([event()]), native([batch(1)])] {
            do {
                _ = try await admitter().admit(submission)
                Issue.record("it was taken")
            } catch {
                guard case .unavailable(let wait, _) = error else { throw error }
                #expect(wait >= .seconds(1))
            }
        }
    }

    // MARK: Agents

    @Test func `batches are stored in order and a repeat gets the same answer`() async throws {
        let submission = native([batch(1), batch(2), batch(1, lane: .metrics)])
        let receipt = try await admitter().admit(submission)
        #expect(receipt == .lanes(Acknowledgement(lanes: [.logs: 2, .metrics: 1])))
        #expect(try await admitter().admit(submission) == receipt)
        #expect(log.batches.count == 3)
    }

    @Test func `a sequence out of order is not stored, and the answer makes the agent send again from behind the last`() async throws {
        _ = try await admitter().admit(native([batch(1)]))
        let receipt = try await admitter().admit(native([batch(4), batch(5), batch(1, lane: .alerts)]))
        #expect(receipt == .lanes(Acknowledgement(lanes: [.logs: 1, .alerts: 1])))
    }

    @Test func `the same sequence with another checksum is a conflict`() async throws {
        _ = try await admitter().admit(native([batch(1)]))
        do {
            _ = try await admitter().admit(native([batch(1, checksum: 2)]))
            Issue.record("the clone was taken")
        } catch {
            guard case .conflict = error else { throw error }
        }
    }

    @Test func `a token speaks for its host only, in the header and inside the blocks`() async throws {
        let principal = Principal(name: "web-1", role: .agent, host: "web-1")
        let series = SampleBlock.encode([Sample("up", [Label("host", "db-1")], at: time.now(), 1)])
        let alert = Alert(labels: ["host": "db-1"], state: .firing, activeAt: time.now(), startsAt: time.now(), value: 1, updatedAt: time.now())
        let strangers = [
            batch(1, host: "db-1"), batch(1, blocks: [EventBlock.encode([event(host: "db-1")])]), batch(1, blocks: [series]),
            batch(1, blocks: [AlertBlock.encode([alert])]),
        ]
        for stranger in strangers {
            await #expect(throws: Refusal.self) { try await admitter().admit(native([stranger], as: principal)) }
        }
        #expect(log.batches.isEmpty)
        _ = try await admitter().admit(native([batch(1)], as: principal))
    }

    @Test func `rows of a time that cannot be are refused for good, of whatever kind, up to the limit they are taken`() async throws {
        let limits = AdmittingLimits(futureMax: .seconds(3600))
        func blocks(at moment: Timestamp) -> [[UInt8]] {
            var late = event(host: "web-1")
            late.timestamp = moment
            let alert = Alert(
                labels: ["host": "web-1"],
                state: .firing,
                activeAt: moment,
                startsAt: moment,
                value: 1,
                updatedAt: moment
            )
            return [
                EventBlock.encode([event(host: "web-1"), late]), SampleBlock.encode([Sample("up", [Label("host", "web-1")], at: moment, 1)]),
                AlertBlock.encode([alert]),
            ]
        }
        for moment in [time.now().advanced(by: .milliseconds(3_600_001)), Timestamp(nanoseconds: -1), .distantFuture] {
            for bytes in blocks(at: moment) {
                do {
                    _ = try await admitter(limits).admit(native([batch(1, blocks: [bytes])]))
                    Issue.record("\(moment) was taken")
                } catch {
                    guard case .unacceptable(let detail) = error else { throw error }
                    #expect(detail.contains("limits.future") && detail.contains("web-1"))
                }
            }
        }
        #expect(log.batches.isEmpty)
        _ = try await admitter(limits).admit(native([batch(1, blocks: blocks(at: time.now().advanced(by: .seconds(3600))))]))
        _ = try await admitter(limits).admit(native([batch(2, blocks: blocks(at: Timestamp(nanoseconds: 0)))]))
        #expect(log.batches.count == 2)
    }

    @Test func `a broken block is refused for good and nothing of the request is stored`() async throws {
        var broken = EventBlock.encode([event()])
        broken[broken.count - 1] ^= 1
        for bytes in [broken, [], Array("junk".utf8)] {
            do {
                _ = try await admitter().admit(native([batch(1), batch(2, blocks: [bytes])]))
                Issue.record("it was taken")
            } catch {
                guard case .unacceptable = error else { throw error }
            }
        }
        #expect(log.batches.isEmpty)
    }

    @Test func `an agent has a limit of series an hour`() async throws {
        let admitter = admitter(AdmittingLimits(seriesPerAgentMax: 10))
        func samples(_ range: Range<Int>) -> [[UInt8]] { [SampleBlock.encode(range.map { Sample("m", [Label("n", "\($0)")], at: time.now(), 1) })] }
        _ = try await admitter.admit(native([batch(1, lane: .metrics, blocks: samples(0..<10))]))
        _ = try await admitter.admit(native([batch(2, lane: .metrics, blocks: samples(0..<10))]))
        await #expect(throws: Refusal.self) { try await admitter.admit(native([batch(3, lane: .metrics, blocks: samples(5..<11))])) }
        time.advance(by: .seconds(3600))
        _ = try await admitter.admit(native([batch(3, lane: .metrics, blocks: samples(5..<11))]))
    }

    @Test func `an agent over its rate keeps its batches`() async throws {
        let admitter = admitter(AdmittingLimits(agentRowsPerSecond: 1, agentBurst: 3))
        _ = try await admitter.admit(native([batch(1)]))
        do {
            _ = try await admitter.admit(native([batch(2)]))
            Issue.record("it was taken")
        } catch {
            guard case .rateLimited(let wait, _) = error else { throw error }
            #expect(wait == .seconds(1))
        }
        #expect(log.batches.count == 1)
    }
}
