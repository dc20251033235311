import Logging
import Operating
import ServiceLifecycle
import Shipping
import Telemetry
import TestSupport
import Testing
import Transferring

struct ShipperTests {
    let source = FakeSource()
    let time = ManualTime()

    private func shipper(_ aggregator: FakeAggregator, tokenFile: String? = nil) -> Shipper {
        Shipper(
            from: source,
            config: ShippingConfig(url: "http://127.0.0.1:8640/", tokenFile: tokenFile),
            client: aggregator,
            time: time,
            jitter: { $0 }
        )
    }

    /// Runs the shipper while `body` runs, as the agent does; then stops it gracefully.
    private func running(_ shipper: Shipper, _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(services: [shipper], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            // A flush is answered only when the service runs.
            while !shipper.isRunning { await Task.yield() }
            try await body()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func `batches arrive, most urgent first, and are acknowledged`() async throws {
        let aggregator = FakeAggregator()
        await source.add(.logs, count: 3)
        await source.add(.alerts)
        await source.add(.metrics)
        let shipper = shipper(aggregator)
        try await running(shipper) { await shipper.flush() }
        #expect(aggregator.lanes == [.alerts, .metrics, .logs, .logs, .logs])
        #expect(await source.isEmpty)
        let request = try #require(aggregator.requests.first)
        #expect(request.url == "http://127.0.0.1:8640/api/v1/ingest")
        #expect(request.headers.contains(HTTPHeader("Content-Encoding", "zstd")))
        #expect(request.headers.contains(HTTPHeader("Content-Type", "application/vnd.tocsin.batches")))
        let status = shipper.status()
        #expect(status.isReachable && status.lastError == nil && status.lastAcknowledgedAt == time.now())
    }

    @Test func `failures are waited out, longer each time, and nothing is lost or left on loan`() async throws {
        let aggregator = FakeAggregator([
            .error(.unreachable("no route")), .status(500), .error(.timeout("30 s")), .plain(502),
        ])
        await source.add(.logs, count: 2)
        let shipper = shipper(aggregator)
        try await running(shipper) {
            for seconds in [1, 2, 4, 8] {
                await time.waitForSleepers()
                #expect(time.nextWakeUp == .seconds(seconds))
                #expect(await source.onLoan == 0)
                #expect(shipper.status().lastError != nil)
                time.advance(by: .seconds(seconds))
            }
            await aggregator.waitForRequests(5)
            await shipper.flush()
        }
        #expect(aggregator.received == [1, 2])
        #expect(shipper.status().failuresInARow == 0)
    }

    @Test func `Retry-After is kept`() async throws {
        let aggregator = FakeAggregator([.status(429, detail: "too fast", retryAfter: 10)])
        await source.add(.logs)
        let shipper = shipper(aggregator)
        try await running(shipper) {
            await time.waitForSleepers()
            // Ten seconds, and a tenth of it so that not all agents come at once.
            #expect(time.nextWakeUp == .seconds(11))
            #expect(shipper.status().isReachable)
            time.advance(by: .seconds(11))
            await aggregator.waitForRequests(2)
        }
        #expect(aggregator.received == [1])
    }

    @Test func `a flush does not wait for the pause`() async throws {
        let aggregator = FakeAggregator([.error(.unreachable("no route"))])
        await source.add(.logs)
        let shipper = shipper(aggregator)
        try await running(shipper) {
            await time.waitForSleepers()
            await shipper.flush()
            #expect(await source.isEmpty)
        }
        #expect(time.monotonic() == .zero)
    }

    @Test func `a flush that fails returns, and the status says why`() async throws {
        let aggregator = FakeAggregator(then: .error(.unreachable("no route")))
        await source.add(.logs)
        let shipper = shipper(aggregator)
        try await running(shipper) {
            await shipper.flush()
            #expect(shipper.status().lastError == "no route")
        }
        #expect(await !source.isEmpty)
    }

    @Test func `a bad batch is found and set aside, the others arrive`() async throws {
        let aggregator = FakeAggregator(then: .refuse(sequence: 3, status: 422))
        await source.add(.logs, count: 5)
        let shipper = shipper(aggregator)
        try await running(shipper) { await shipper.flush() }
        #expect(aggregator.received == [1, 2, 4, 5])
        #expect(await source.aside.map(\.sequence) == [3])
        #expect(await source.aside.first?.reason == "the aggregator refused it: sequence 3 is bad")
    }

    @Test func `POSTs become as small as the aggregator wants them`() async throws {
        let aggregator = FakeAggregator(then: .limit(bytes: 3000))
        await source.add(.logs, bytes: 1000, count: 8)
        await source.add(.metrics, bytes: 5000)
        let shipper = shipper(aggregator)
        try await running(shipper) { await shipper.flush() }
        // The metrics' one batch became several; nothing is set aside and nothing is left.
        #expect(aggregator.lanes.count { $0 == .metrics } >= 2)
        #expect(aggregator.received.suffix(8) == Array(1...8)[...])
        #expect(await source.aside.isEmpty)
        #expect(await source.isEmpty)
    }

    @Test func `an alert overtakes a POST of logs that hangs`() async throws {
        let aggregator = FakeAggregator([.hang])
        await source.add(.logs)
        let shipper = shipper(aggregator)
        try await running(shipper) {
            await aggregator.waitForRequests(1)
            await source.add(.alerts)
            // The moment that it waits for the other loop.
            await time.waitForSleepers()
            time.advance(by: .milliseconds(100))
            await aggregator.waitForRequests(2)
            while aggregator.lanes.isEmpty { await Task.yield() }
            #expect(aggregator.lanes == [.alerts])
        }
    }

    @Test func `while alerts wait the agent tries twice a second, and the rest follows at once`() async throws {
        let aggregator = FakeAggregator(then: .error(.unreachable("no route")))
        await source.add(.logs)
        let shipper = shipper(aggregator)
        try await running(shipper) {
            // Some failures, so that the back-off is long.
            for seconds in [1, 2, 4, 8] {
                await time.waitForSleepers()
                time.advance(by: .seconds(seconds))
                while shipper.status().failuresInARow < seconds.trailingZeroBitCount + 2 { await Task.yield() }
            }
            await source.add(.alerts)
            await time.waitForSleepers(2)
            time.advance(by: .milliseconds(100))
            await aggregator.waitForRequests(6)
            await time.waitForSleepers(2)
            aggregator.answerForEver(.accept)
            #expect(time.nextWakeUp ?? .zero <= .milliseconds(500))
            time.advance(by: .milliseconds(500))
            while aggregator.lanes.count < 2 {
                await Task.yield()
                if time.nextWakeUp == .milliseconds(100) { time.advance(by: .milliseconds(100)) }
            }
            #expect(aggregator.lanes == [.alerts, .logs])
        }
    }

    @Test func `a token does not leave the machine over plain HTTP unless that is allowed`() async throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("secret\n", to: folder("token"))
        let aggregator = FakeAggregator()
        await source.add(.logs)
        let config = ShippingConfig(url: "http://tocsin.example.org:8640", tokenFile: folder("token"))
        let shipper = Shipper(from: source, config: config, client: aggregator, time: time, jitter: { $0 })
        try await running(shipper) {
            await shipper.flush()
            #expect(shipper.status().lastError?.contains("ship.token_over_http") == true)
        }
        #expect(aggregator.requests.isEmpty)
        #expect(await !source.isEmpty)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8640", false), ("http://127.8.0.1", false), ("http://localhost:1/", false), ("http://[::1]:8640", false),
        ("https://tocsin.example.org", false), ("http://10.0.0.1:8640", true), ("http://127.0.0.1.example.org", true),
        ("http://localhost.example.org", true), ("http://[fe80::1]:8640", true),
    ])
    func `what is this machine and what is not`(url: String, isExposed: Bool) {
        #expect(ShippingConfig(url: url, tokenFile: "/t").exposesToken == isExposed)
        #expect(!ShippingConfig(url: url, tokenFile: "/t", allowsTokenOverHTTP: true).exposesToken)
        #expect(!ShippingConfig(url: url).exposesToken)
    }

    @Test func `a conflict renews the identity`() async throws {
        let aggregator = FakeAggregator([.status(409, detail: "cloned")])
        await source.add(.logs)
        let shipper = shipper(aggregator)
        try await running(shipper) { await shipper.flush() }
        #expect(await source.renewals == ["cloned"])
        #expect(aggregator.received == [1])
    }

    @Test func `a refused token keeps everything; a new one in the file is used without a restart`() async throws {
        let folder = try TemporaryFolder()
        let path = folder("token")
        try TestFiles.write("old-token\n", to: path)
        let aggregator = FakeAggregator([.status(401, detail: "unknown token")])
        await source.add(.logs)
        let shipper = shipper(aggregator, tokenFile: path)
        try await running(shipper) {
            await shipper.flush()
            #expect(shipper.status().lastError?.contains("check token_file; everything is kept") == true)
            try TestFiles.write("the-new-token\n", to: path)
            await shipper.flush()
        }
        #expect(
            aggregator.requests.map { $0.headers.last } == [
                HTTPHeader("Authorization", "Bearer old-token"), HTTPHeader("Authorization", "Bearer the-new-token"),
            ]
        )
        #expect(aggregator.received == [1])
    }

    @Test func `a token file that is missing or holds no token sends nothing and says so`() async throws {
        let folder = try TemporaryFolder()
        let aggregator = FakeAggregator()
        await source.add(.logs)
        let shipper = shipper(aggregator, tokenFile: folder("token"))
        try await running(shipper) {
            await shipper.flush()
            #expect(shipper.status().lastError?.contains("cannot be opened") == true)
            try TestFiles.write("two\twords é\n", to: folder("token"))
            await shipper.flush()
            #expect(shipper.status().lastError?.contains("holds no token") == true)
            #expect(aggregator.requests.isEmpty)
            try TestFiles.write("good\n", to: folder("token"))
        }
        #expect(aggregator.received == [1])
    }

    @Test func `a spool that fails is tried again`() async throws {
        let aggregator = FakeAggregator()
        await source.add(.logs)
        await source.fail(with: .failed("disk gone"))
        let shipper = shipper(aggregator)
        try await running(shipper) {
            await time.waitForSleepers()
            #expect(shipper.status().lastError == "disk gone")
            await source.fail(with: nil)
            time.advance(by: .seconds(1))
            await aggregator.waitForRequests(1)
        }
        #expect(aggregator.received == [1])
    }

    @Test func `when the agent stops, what is left is sent once more`() async throws {
        let aggregator = FakeAggregator([.error(.unreachable("no route"))])
        await source.add(.logs)
        let shipper = shipper(aggregator)
        try await running(shipper) { await time.waitForSleepers() }
        #expect(aggregator.received == [1])
        #expect(time.monotonic() == .zero)
    }

    @Test func `an aggregator that hangs does not hold up the stop for more than two seconds`() async throws {
        let aggregator = FakeAggregator(then: .hang)
        await source.add(.logs)
        let shipper = shipper(aggregator)
        let group = ServiceGroup(services: [shipper], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            await aggregator.waitForRequests(1)
            await group.triggerGracefulShutdown()
            await aggregator.waitForRequests(2)
            await time.waitForSleepers()
            #expect(time.nextWakeUp == .seconds(2))
            time.advance(by: .seconds(2))
            try await tasks.waitForAll()
        }
        #expect(await source.onLoan == 0)
        #expect(await !source.isEmpty)
    }
}
