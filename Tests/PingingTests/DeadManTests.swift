import Logging
import Operating
import ServiceLifecycle
import Synchronization
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Pinging

/// Somebody outside who answers as a test says.
private final class Outside: HTTPTransferring {
    let asked = Mutex<[HTTPRequest]>([])
    let answer = Mutex<Result<Int, TransferError>>(.success(200))
    let calls = AsyncStream.makeStream(of: Void.self)

    func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        asked.withLock { $0.append(request) }
        calls.continuation.yield()
        switch answer.withLock({ $0 }) {
        case .success(let status): return HTTPResponse(status: status)
        case .failure(let error): throw error
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct DeadManTests {
    private let outside = Outside()
    private let time = ManualTime()
    private let metrics = MetricsRegistry()
    private let problem = Shared()

    private final class Shared: Sendable {
        let text = Mutex<String?>(nil)
    }

    private func deadMan(_ config: DeadManConfig? = DeadManConfig(url: "https://hc.example.org/secret", interval: .seconds(60))) -> DeadMan {
        DeadMan(
            config,
            http: outside,
            problem: { [problem] in problem.text.withLock { $0 } },
            time: time,
            metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func pings(_ outcome: String) -> Double? {
        metrics.samples(at: time.now()).first { $0.series["outcome"] == outcome }?.value
    }

    @Test func `an aggregator that is well pings, one that is not does not`() async {
        let deadMan = deadMan()
        await deadMan.beat()
        problem.text.withLock { $0 = "the disk is full" }
        await deadMan.beat()
        await deadMan.beat()
        problem.text.withLock { $0 = nil }
        await deadMan.beat()
        #expect(outside.asked.withLock { $0.map(\.url) } == ["https://hc.example.org/secret", "https://hc.example.org/secret"])
        #expect(pings("delivered") == 2)
        #expect(pings("withheld") == 2)
    }

    @Test func `a ping that is refused or does not arrive is counted as failed`() async {
        let deadMan = deadMan()
        outside.answer.withLock { $0 = .success(503) }
        await deadMan.beat()
        #expect(pings("failed") == 1)
        #expect(pings("delivered") == 0)
    }

    @Test func `it pings at its interval until the program stops`() async throws {
        let deadMan = deadMan()
        let group = ServiceGroup(services: [deadMan], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let calls = outside.calls.stream
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var count = 0
            for await _ in calls {
                count += 1
                if count == 3 { break }
                await time.waitForSleepers(1)
                time.advance(by: .seconds(60))
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(outside.asked.withLock { $0.count } == 3)
    }

    @Test func `a reload begins to ping, pings more often counted from the last, and ends`() async throws {
        let deadMan = deadMan(nil)
        let group = ServiceGroup(services: [deadMan], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var calls = outside.calls.stream.makeAsyncIterator()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            deadMan.reload(DeadManConfig(url: "https://hc.example.org/1", interval: .seconds(60)))
            await calls.next()
            await time.waitForSleepers(1)
            time.advance(by: .seconds(30))
            // 30 seconds ago: with 20 it is due.
            deadMan.reload(DeadManConfig(url: "https://hc.example.org/2", interval: .seconds(20)))
            await calls.next()
            await time.waitForSleepers(2)
            deadMan.reload(nil)
            time.advance(by: .seconds(600))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(outside.asked.withLock { $0.map(\.url) } == ["https://hc.example.org/1", "https://hc.example.org/2"])
    }

    @Test func `without an address nobody is asked`() async {
        await deadMan(nil).beat()
        #expect(outside.asked.withLock { $0.isEmpty })
    }
}
