import Dispatch
import Operating
import Synchronization
import Telemetry
import TestSupport
import Testing

struct TimeTests {
    @Test func `the kernel's clocks go forward`() {
        let time = SystemTime()
        let (wall, monotonic) = (time.now(), time.monotonic())
        #expect(wall > Timestamp(milliseconds: 1_600_000_000_000))
        #expect(time.monotonic() >= monotonic)
    }

    @Test func `a sleeper on a manual clock wakes when its moment passes`() async throws {
        let time = ManualTime()
        async let slept: Void = time.sleep(for: .seconds(5))
        await time.waitForSleepers()
        time.advance(by: .seconds(4))
        #expect(time.nextWakeUp == .seconds(1))
        time.advance(by: .seconds(1))
        try await slept
        #expect(time.monotonic() == .seconds(5))
    }

    @Test func `a cancelled sleeper throws`() async {
        let time = ManualTime()
        let task = Task { try await time.sleep(for: .seconds(5)) }
        await time.waitForSleepers()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}

struct BlockingExecutorTests {
    private actor Worker {
        private let executor = BlockingExecutor()
        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
        private(set) var steps = 0

        func step() { steps += 1 }
        /// Blocks its thread until somebody else signals.
        func wait(for semaphore: DispatchSemaphore) {
            semaphore.wait()
            steps += 1
        }
    }

    @Test func `calls are serial, and one that blocks does not hold up other tasks`() async {
        let worker = Worker()
        let semaphore = DispatchSemaphore(value: 0)
        await withTaskGroup { group in
            group.addTask { await worker.wait(for: semaphore) }
            for _ in 0..<100 { group.addTask { await worker.step() } }
            // More tasks than the cooperative pool has threads: they run although the worker's thread waits.
            group.addTask { semaphore.signal() }
        }
        #expect(await worker.steps == 101)
    }
}
