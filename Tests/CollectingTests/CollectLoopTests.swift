import Collecting
import Logging
import Operating
import ServiceLifecycle
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct CollectLoopTests {
    /// A next room that a test can close.
    private final class Shelf: Sink {
        private let state = Mutex<(intakes: [Intake], failures: Int)>(([], 0))
        func accept(_ intake: Intake) async throws(SinkError) {
            let fails = state.withLock { state in
                if state.failures > 0 {
                    state.failures -= 1
                    return true
                }
                state.intakes.append(intake)
                return false
            }
            if fails { throw .failed("no room") }
        }
        func fail(_ count: Int) { state.withLock { $0.failures = count } }
        var intakes: [Intake] { state.withLock { $0.intakes } }
    }

    private struct House {
        let time = ManualTime(now: Timestamp(milliseconds: 1_000_003_400))
        let shelf = Shelf()
        let metrics = MetricsRegistry()
        let loop: CollectLoop

        init(every interval: Duration = .seconds(10)) {
            let config = CollectConfig(interval: interval, disable: Set(CollectConfig.collectorNames).subtracting(["loadavg"]))
            let collectors = Collectors(config, files: Fixture.files("4.18-el8"), time: time)
            loop = CollectLoop(
                collectors,
                every: interval,
                into: shelf,
                time: time,
                metrics: metrics,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
        }

        /// Runs the loop, and one step after the other as soon as the loop sleeps.
        func run(_ steps: [() -> Void]) async {
            await withTaskGroup { group in
                group.addTask { await loop.run() }
                for step in steps {
                    await time.waitForSleepers()
                    step()
                }
                await time.waitForSleepers()
                group.cancelAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `ticks lie on whole multiples of the interval, and missed ones are not made up for`() async {
        let house = House()
        await house.run([
            { house.time.advance(by: .milliseconds(6600)) },
            { house.time.advance(by: .seconds(10)) },
            // The machine slept for an hour and a bit.
            { house.time.advance(by: .seconds(3603)) },
            { house.time.advance(by: .seconds(7)) },
        ])
        let moments = house.shelf.intakes.compactMap { $0.samples.first?.timestamp.milliseconds }
        #expect(moments == [1_000_010_000, 1_000_020_000, 1_003_623_000, 1_003_630_000])
    }

    @Test(.timeLimit(.minutes(1)))
    func `a next room that fails does not end the loop, and what was lost is told`() async throws {
        let house = House()
        house.shelf.fail(2)
        await house.run((0..<4).map { _ in { house.time.advance(by: .seconds(10)) } })
        let intakes = house.shelf.intakes
        #expect(intakes.count == 2)
        let gap = try #require(intakes[0].gaps.first)
        #expect(gap.reason == .notStored)
        #expect(gap.count >= 10)
        #expect(gap.detail.contains("no room"))
        #expect(intakes[1].gaps.isEmpty)
    }

    @Test(.timeLimit(.minutes(1)))
    func `what the agent counts about itself is in each collection`() async {
        let house = House()
        house.metrics.gauge("tocsin_spool_bytes", help: "Bytes.").set(42)
        await house.run([{ house.time.advance(by: .seconds(10)) }])
        let sample = house.shelf.intakes.first?.samples.first { $0.series.name == "tocsin_spool_bytes" }
        #expect(sample?.value == 42)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a shutdown ends the loop between two ticks`() async throws {
        let house = House()
        let group = ServiceGroup(services: [house.loop], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            await house.time.waitForSleepers()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(house.shelf.intakes.isEmpty)
    }

    @Test func `a wrong configuration is explained, each mistake on its own`() {
        let config = CollectConfig(interval: .milliseconds(1), disable: ["cpu", "cpus"], ignoredMountPoints: ["mnt"])
        #expect(config.problems().map(\.key) == ["interval", "disable", "filesystem.ignore_mount_points"])
        #expect(CollectConfig().problems().isEmpty)
    }
}
