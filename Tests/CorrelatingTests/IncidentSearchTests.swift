import Blocks
import Logging
import Operating
import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// What surrounds an incident, through the whole room.
@Suite(.timeLimit(.minutes(1))) struct IncidentSearchTests {
    let folder: TemporaryFolder
    let time = ManualTime(now: Scene.noon)
    let log = MemoryLog()

    init() throws { folder = try TemporaryFolder() }

    func makeCorrelator() -> Correlator {
        Correlator(
            config: CorrelatingConfig(path: folder("correlation.db")),
            reader: log,
            evidence: log,
            writer: log,
            next: TransitionRecorder(),
            time: time,
            metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func event(_ type: String, _ message: String, _ severity: Severity, at seconds: Int, host: String = "web-1") -> Event {
        Event(timestamp: Scene.at(seconds), source: "app", type: type, severity: severity, host: host, message: message)
    }

    func samples(at seconds: Int) {
        let sample = Sample("node_load1", at: Scene.at(seconds), 1)
        log.store(
            .samples,
            SampleBlock.encode([sample]),
            count: 1,
            host: "web-1",
            from: sample.timestamp,
            to: sample.timestamp,
            at: Scene.at(seconds),
            RowOrigin(agent: Scene.agent, lane: .metrics, sequence: UInt64(seconds + 1000), block: 0, row: 0)
        )
    }

    @Test func `an incident holds what changed before, what is new, and its metric, and is complete when its host has passed it`() async throws {
        let known = event("log.line", "worker 1 lost connection", .error, at: -5000)
        let again = event("log.line", "worker 2 lost connection", .error, at: -4)
        let new = event("log.line", "cannot write core file", .error, at: -3)
        log.store([known, event("deploy.finished", "v7", .info, at: -600), again, new], sequence: 1, at: Scene.noon)
        log.store([event("deploy.finished", "elsewhere", .info, at: -500, host: "web-2")], host: "web-2", sequence: 1, at: Scene.noon)
        log.store([Scene.firing(since: -2)], sequence: 2, at: Scene.noon)
        let correlator = makeCorrelator()
        while try await !correlator.step() {}
        await correlator.searchEvidence()
        let open = try await correlator.incidents(IncidentQuery()).incidents.first
        #expect(open?.evidence.map(\.message) == ["worker 2 lost connection", "cannot write core file"])
        #expect(open?.changes.map(\.message) == ["v7", "cannot write core file"])
        #expect(open?.changes.last?.type == Evidence.firstSeenType)
        #expect(open?.metrics.count == 1)
        #expect(open?.collection == .collecting)
        time.advance(by: .seconds(125))
        samples(at: 125)
        while try await !correlator.step() {}
        await correlator.searchEvidence()
        let id = try #require(open?.id)
        let complete = try await correlator.incident(id: id)
        #expect(complete?.collection == .complete)
        let reopened = makeCorrelator()
        try await reopened.open()
        let read = try await reopened.incident(id: id)
        #expect(read == complete)
    }

    @Test func `a search that fails holds up nobody and comes again`() async throws {
        log.failSearches(.failed("the disk does not answer"))
        log.store([event("log.line", "no space left", .error, at: -3)], sequence: 1, at: Scene.noon)
        log.store([Scene.firing(since: -2)], sequence: 2, at: Scene.noon)
        let correlator = makeCorrelator()
        while try await !correlator.step() {}
        await correlator.searchEvidence()
        let before = try await correlator.incidents(IncidentQuery()).incidents.first
        #expect(before?.alerts.count == 1)
        log.failSearches(nil)
        time.advance(by: .seconds(125))
        samples(at: 125)
        while try await !correlator.step() {}
        await correlator.searchEvidence()
        let incident = try await correlator.incidents(IncidentQuery()).incidents.first
        #expect(incident?.collection == .complete)
        #expect(incident?.evidence.map(\.message) == ["no space left"])
    }

    @Test func `what does not arrive before the time is up is named`() async throws {
        log.store([Scene.firing(since: -2)], sequence: 2, at: Scene.noon)
        let correlator = makeCorrelator()
        while try await !correlator.step() {}
        await correlator.searchEvidence()
        time.advance(by: .seconds(901))
        _ = try await correlator.step()
        await correlator.searchEvidence()
        let incident = try await correlator.incidents(IncidentQuery()).incidents.first
        #expect(incident?.collection == .timeout)
        #expect(incident?.missing == ["web-1"])
        #expect(incident?.isOpen == true)
    }
}
