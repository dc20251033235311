import Dispatch
import Glibc
import Operating
import Synchronization
import Testing

@Suite struct WorkThreadsTests {
    @Test(.timeLimit(.minutes(1)))
    func `ten thousand tasks that hand on to each other are all run`() async {
        let sum = await withTaskExecutorPreference(WorkThreads.shared) {
            await withTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        await withTaskGroup(of: Int.self) { inner in
                            for other in 0..<100 { inner.addTask { number * 100 + other } }
                            return await inner.reduce(0, +)
                        }
                    }
                }
                return await group.reduce(0, +)
            }
        }
        #expect(sum == 9_999 * 10_000 / 2)
    }

    @Test(.timeLimit(.minutes(1)))
    func `calls that do not return hold up neither tasks nor timers nor actors`() async throws {
        let gate = DispatchSemaphore(value: 0)
        defer { for _ in 0..<20 { gate.signal() } }
        for _ in 0..<20 { WorkThreads.shared.run(blocking: { gate.wait() }) }
        try await withTaskExecutorPreference(WorkThreads.shared) {
            try await SystemTime().sleep(for: .milliseconds(5))
            let answer = await WorkThreads.shared.blocking { 42 }
            #expect(answer == 42)
            #expect(await Diary().write(1) == 1)
            try await SystemTime().sleep(for: .milliseconds(5))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `an actor that blocks does one call at a time, in order for each caller`() async {
        let diary = Diary()
        await withTaskGroup(of: Void.self) { group in
            for caller in 0..<8 {
                group.addTask { for number in 0..<500 { await diary.write(caller * 1000 + number) } }
            }
        }
        let written = await diary.entries
        #expect(written.count == 4000)
        for caller in 0..<8 {
            let own = written.filter { $0 / 1000 == caller }
            #expect(own == own.sorted())
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a sleep lasts as long as it should, and ends at once when it is cancelled`() async {
        let clock = ContinuousClock()
        let took = await clock.measure { try? await SystemTime().sleep(for: .milliseconds(20)) }
        #expect(took >= .milliseconds(20))
        let sleeper = Task { try await SystemTime().sleep(for: .seconds(1_000_000_000_000)) }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask { try await SystemTime().sleep(for: .zero) }
                try await group.waitForAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a moment is waited for in vain, and then with success`() async {
        let moment = Moment()
        #expect(await !moment.wait(atMost: .milliseconds(1)))
        #expect(await !moment.wait(atMost: .zero))
        async let waiting = moment.wait(atMost: .seconds(60))
        moment.happen()
        #expect(await waiting)
        #expect(await moment.wait(atMost: .zero))
        moment.happen()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a signal is kept for whoever asks next, and several of one kind are one`() async {
        let numbers: Set<Int32> = [SIGUSR1, SIGUSR2]
        let nobody = Task { await Signals.shared.next(of: numbers) }
        nobody.cancel()
        #expect(await nobody.value == nil)
        for _ in 0..<2 {
            kill(getpid(), SIGUSR1)
            #expect(await Signals.shared.next(of: numbers) == SIGUSR1)
        }
        async let second = Signals.shared.next(of: [SIGUSR2])
        kill(getpid(), SIGUSR1)
        kill(getpid(), SIGUSR2)
        #expect(await second == SIGUSR2)
        #expect(await Signals.shared.next(of: numbers) == SIGUSR1)
    }
}

/// An actor whose calls block.
private actor Diary {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private(set) var entries: [Int] = []

    @discardableResult
    func write(_ number: Int) -> Int {
        entries.append(number)
        return entries.count
    }
}
