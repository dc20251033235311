import Synchronization
import TestSupport
import Testing

@testable import Operating

/// Threads and their work without threads: what the plan says is done by hand.
@Suite struct WorkPlanTests {
    @Test func `what comes from outside wakes one thread each, those that wait before new ones`() {
        var plan = WorkPlan<Int>(computingMax: 2)
        #expect(plan.submit(1, .briefly, by: nil) == .start(0))
        #expect(plan.submit(2, .briefly, by: nil) == .start(1))
        #expect(plan.submit(3, .briefly, by: nil) == nil, "two compute at most")
        #expect(plan.submit(4, .long, by: nil) == .start(2))
        for (thread, item) in [(0, 1), (1, 2), (2, 4)] { #expect(plan.taken(by: thread) == item) }
        #expect(plan.taken(by: 0, after: .briefly) == 3)
        #expect(plan.waits(0, after: .briefly) == true)
        #expect(plan.submit(5, .forDisk, by: nil) == .wake(0))
    }

    @Test func `a thread that comes back soon does itself what it leads to`() {
        for hold in [WorkHold.briefly, .forDisk] {
            var plan = WorkPlan<Int>(computingMax: 2, deferredMax: 2)
            _ = plan.submit(0, hold, by: nil)
            #expect(plan.taken(by: 0) == 0)
            #expect(plan.submit(1, .briefly, by: hold) == nil)
            #expect(plan.submit(2, .briefly, by: hold) == nil)
            #expect(plan.submit(3, .briefly, by: hold) != nil, "more than it should keep waiting")
            #expect(plan.taken(by: 0, after: hold) == 1)
            #expect(plan.taken(by: 1) == 2)
            #expect(plan.taken(by: 0, after: .briefly) == 3)
            #expect(plan.waits(0, after: .briefly) == true)
            #expect(plan.waits(1, after: .briefly) == true)
        }
    }

    @Test func `a thread that may wait for long leaves nothing to itself`() {
        var plan = WorkPlan<Int>(computingMax: 2)
        _ = plan.submit(0, .long, by: nil)
        #expect(plan.taken(by: 0) == 0)
        #expect(plan.submit(1, .briefly, by: .long) == .start(1))
        #expect(plan.taken(by: 1) == 1)
        // What was left to the thread while it was brief is handed on when it takes something long.
        #expect(plan.submit(2, .long, by: .briefly) == nil)
        #expect(plan.submit(3, .briefly, by: .briefly) == nil)
        #expect(plan.taken(by: 1, after: .briefly, waking: .start(2)) == 2)
        #expect(plan.taken(by: 2) == 3)
    }

    @Test func `one thread waits for the first timer, and another one when that takes something long`() {
        var plan = WorkPlan<Int>(computingMax: 2)
        #expect(plan.wakeForTimer(at: 100) == .start(0))
        #expect(plan.wait(0) == .some(100))
        #expect(plan.wakeForTimer(at: 200) == nil, "the one that waits wakes before")
        #expect(plan.submit(1, .long, by: nil) == .wake(0))
        #expect(plan.taken(by: 0, waking: .start(1)) == 1)
        #expect(plan.wait(1) == .some(100))
        #expect(plan.wakeForTimer(at: 50) == .wake(1), "earlier than it waits for")
        #expect(plan.wait(1) == .some(50))
        #expect(plan.stopsWaiting(1) == true)
        #expect(plan.fires(1, now: 50) == 1)
        #expect(plan.wait(1, after: .briefly) == .some(100))
    }

    /// Nothing is forgotten: whatever happens in whatever order, with calls that never end among it, all that is brief runs and all timers fire.
    @Test func `work and timers are never left without a thread, 2000 random runs`() {
        for seed in 0..<2000 {
            var run = PlanRun(seed: UInt64(seed))
            run.go()
            #expect(run.problem == nil, "seed \(seed): \(run.problem ?? "")")
            if run.problem != nil { return }
        }
    }
}

/// Random work on a plan whose threads are numbers.
private struct PlanRun {
    private enum Doing: Equatable { case coming, running(WorkHold), waiting(UInt64?) }
    private struct Item {
        let number: Int
        let hold: WorkHold
    }

    private var generator: SeededGenerator
    private var plan = WorkPlan<Item>(computingMax: 2, idleMax: 3)
    private var threads: [Int: Doing] = [:]
    private var now: UInt64 = 0
    private var submitted = 0
    private var ran: Set<Int> = []
    private let fired = Fired()
    private var timers = 0
    private(set) var problem: String?

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func go() {
        for _ in 0..<60 { step() }
        // Only what is long goes on; everything else comes to its end.
        for _ in 0..<400 {
            guard let thread = threads.filter({ $0.value == .coming || $0.value == .running(.briefly) || $0.value == .running(.forDisk) }).keys.min()
            else { break }
            advance(thread)
        }
        now = 1_000_000
        for _ in 0..<400 {
            let due = threads.filter { if case .waiting(let deadline?) = $0.value { deadline <= now } else { false } }.keys.min()
            let next = due ?? threads.filter { $0.value == .coming || $0.value == .running(.briefly) || $0.value == .running(.forDisk) }.keys.min()
            guard let next else { break }
            advance(next)
        }
        if ran.count != submitted { problem = "\(submitted) were submitted and \(ran.count) ran" }
        if fired.count != timers { problem = "\(fired.count) of \(timers) timers fired" }
    }

    private mutating func step() {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<4: submit()
        case 4: add()
        case 5: now += UInt64.random(in: 0..<40, using: &generator)
        default: if let thread = threads.keys.sorted().randomElement(using: &generator) { advance(thread) }
        }
    }

    private mutating func submit() {
        submitted += 1
        let hold = [WorkHold.briefly, .briefly, .forDisk, .long].randomElement(using: &generator) ?? .briefly
        // From outside, or by a thread that runs.
        let caller = threads.keys.sorted().randomElement(using: &generator).flatMap { thread -> WorkHold? in
            if case .running(let hold)? = threads[thread] { hold } else { nil }
        }
        obey(plan.submit(Item(number: submitted, hold: hold), hold, by: caller))
    }

    private mutating func add() {
        timers += 1
        let number = timers
        obey(plan.add(at: now + UInt64.random(in: 1..<100, using: &generator)) { [fired] in fired.add(number) }.wake)
    }

    private mutating func obey(_ wake: WorkWake?) {
        switch wake {
        case nil: return
        case .start(let thread):
            if threads[thread] != nil { problem = "thread \(thread) is there already" }
            threads[thread] = .coming
        case .wake(let thread):
            guard case .waiting? = threads[thread] else {
                problem = "thread \(thread) does not wait"
                return
            }
            threads[thread] = .coming
        }
    }

    /// What the thread does next; a long item may end or not, as the dice fall.
    private mutating func advance(_ thread: Int) {
        var ended: WorkHold?
        switch threads[thread] {
        case .running(let hold)?: ended = hold
        case .waiting(let deadline)?:
            guard let deadline, deadline <= now, plan.stopsWaiting(thread) else { return }
        case .coming?: break
        case nil: return
        }
        let (step, wake) = plan.next(for: thread, after: ended, now: now)
        switch step {
        case .run(let item, let hold):
            if !ran.insert(item.number).inserted { problem = "item \(item.number) ran twice" }
            threads[thread] = .running(hold)
            let computing = threads.values.count { $0 == .running(.briefly) }
            // Timers that fire count as brief and may be one more.
            if hold == .briefly, computing > 3 { problem = "\(computing) compute at once" }
        case .fire(let calls):
            for call in calls { call() }
            threads[thread] = .running(.briefly)
        case .wait(let deadline): threads[thread] = .waiting(deadline)
        case .end: threads[thread] = nil
        }
        obey(wake)
    }
}

/// Which timers fired; none twice.
private final class Fired: Sendable {
    private let numbers = Mutex<Set<Int>>([])

    var count: Int { numbers.withLock(\.count) }

    func add(_ number: Int) {
        let isNew = numbers.withLock { $0.insert(number).inserted }
        #expect(isNew)
    }
}

extension WorkPlan.Step {
    fileprivate var calls: Int? { if case .fire(let calls) = self { calls.count } else { nil } }
    fileprivate var deadline: UInt64?? { if case .wait(let deadline) = self { .some(deadline) } else { nil } }
}

extension WorkPlan where Item == Int {
    /// The item that the thread takes; nil when it takes none, or wakes somebody else than expected.
    fileprivate mutating func taken(by thread: Int, after ended: WorkHold? = nil, waking expected: WorkWake? = nil) -> Int? {
        let (step, wake) = next(for: thread, after: ended, now: 0)
        guard case .run(let item, _) = step, wake == expected else { return nil }
        return item
    }

    fileprivate mutating func wait(_ thread: Int, after ended: WorkHold? = nil) -> UInt64?? { next(for: thread, after: ended, now: 0).step.deadline }

    fileprivate mutating func fires(_ thread: Int, now: UInt64) -> Int? { next(for: thread, after: nil, now: now).step.calls }

    fileprivate mutating func wakeForTimer(at deadline: UInt64) -> WorkWake? { add(at: deadline) {}.wake }

    fileprivate mutating func waits(_ thread: Int, after ended: WorkHold) -> Bool {
        if case .wait = next(for: thread, after: ended, now: 0).step { true } else { false }
    }
}
