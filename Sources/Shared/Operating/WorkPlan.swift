/// For how long a piece of work may keep its thread.
enum WorkHold: Int, Sendable {
    /// It computes and never blocks.
    case briefly
    /// It may wait for a disk.
    case forDisk
    /// It may wait for anything, for ever.
    case long
}

/// A thread, by its number, that has to come.
enum WorkWake: Equatable {
    case wake(Int)
    case start(Int)
}

/// What the threads of ``WorkThreads`` do next. It decides only: it knows no thread but by number, holds no lock and asks no clock.
///
/// It holds that whenever work or a timer waits, some thread is on its way to it: one that was woken or started for it, or one whose work ends soon.
struct WorkPlan<Item> {
    enum Step {
        case run(Item, WorkHold)
        /// Timers that are due; counts as one brief item.
        case fire([WorkTimers.Call])
        /// Until woken, at most until this moment; nil: for ever.
        case wait(until: UInt64?)
        case end
    }

    /// Brief items that run at the same time.
    let computingMax: Int
    /// Threads that stay when there is nothing to do.
    let idleMax: Int
    /// Items that a thread leaves waiting for itself before it wakes another one. To wake a thread costs more than most brief items do.
    let deferredMax: Int

    private(set) var timers = WorkTimers()
    private var waiting: [(item: Item, hold: WorkHold)] = []
    /// Threads that wait, the last one last, and until when.
    private var idle: [(thread: Int, deadline: UInt64?)] = []
    /// Woken or started, and not yet here.
    private var coming = 0
    /// Of those that come back soon.
    private var running = (brief: 0, disk: 0)
    private var numbersInUse = 0
    private var freeNumbers: [Int] = []

    init(computingMax: Int, idleMax: Int = 4, deferredMax: Int = 2) {
        (self.computingMax, self.idleMax, self.deferredMax) = (computingMax, idleMax, deferredMax)
    }

    /// - Parameter caller: what the calling thread runs, when it is one of ours.
    mutating func submit(_ item: Item, _ hold: WorkHold, by caller: WorkHold?) -> WorkWake? {
        waiting.append((item, hold))
        return isLeft(by: caller ?? .long) ? wakeOne() : nil
    }

    /// What a thread does now.
    /// - Parameter ended: what it ran until now; nil: it was started, woken, or its time to wait was over.
    mutating func next(for thread: Int, after ended: WorkHold?, now: UInt64) -> (step: Step, wake: WorkWake?) {
        if let ended { count(ended, -1) } else { coming -= 1 }
        let due = timers.takeDue(at: now)
        if !due.isEmpty {
            count(.briefly, 1)
            return (.fire(due), nil)
        }
        if let index = waiting.firstIndex(where: { $0.hold != .briefly || running.brief < computingMax }) {
            let (item, hold) = waiting.remove(at: index)
            count(hold, 1)
            let isUnwatched = hold == .long && !isWatched
            return (.run(item, hold), isLeft(by: hold) || isUnwatched ? wakeOne() : nil)
        }
        let deadline = isCovered ? nil : timers.first
        if deadline == nil, idle.count >= idleMax {
            freeNumbers.append(thread)
            return (.end, nil)
        }
        idle.append((thread, deadline))
        return (.wait(until: deadline), nil)
    }

    /// The thread's time to wait is over. False: somebody is about to wake it.
    mutating func stopsWaiting(_ thread: Int) -> Bool {
        guard let index = idle.firstIndex(where: { $0.thread == thread }) else { return false }
        idle.remove(at: index)
        coming += 1
        return true
    }

    /// The thread of ``WorkWake/start(_:)`` could not be made: what waits is taken by those that are there.
    mutating func couldNotStart(_ thread: Int) {
        coming -= 1
        freeNumbers.append(thread)
    }

    mutating func add(at deadline: UInt64, _ call: @escaping WorkTimers.Call) -> (id: WorkTimers.ID, wake: WorkWake?) {
        let id = timers.add(at: deadline, call)
        return (id, isWatched ? nil : wakeOne())
    }

    mutating func remove(_ id: WorkTimers.ID) { timers.remove(id) }

    /// More could run at once than threads are coming for, and than a thread that runs something of this kind does itself when it is back.
    private func isLeft(by hold: WorkHold) -> Bool {
        let left = waiting.count - (hold == .long ? 0 : deferredMax)
        guard left > coming else { return false }
        let brief = waiting.count { $0.hold == .briefly }
        return min(left, waiting.count - brief + min(brief, max(0, computingMax - running.brief))) > coming
    }

    /// An idle thread wakes for the first timer.
    private var isCovered: Bool {
        guard let first = timers.first else { return true }
        return idle.contains { $0.deadline.map { $0 <= first } ?? false }
    }

    /// It does, or a thread comes by before it waits again.
    private var isWatched: Bool { isCovered || coming > 0 || running.brief + running.disk > 0 }

    private mutating func wakeOne() -> WorkWake? {
        coming += 1
        // One that nobody counts on for the timers, and that ran last: its stack is still in the processor's caches.
        if let index = idle.lastIndex(where: { $0.deadline == nil }) ?? idle.indices.last { return .wake(idle.remove(at: index).thread) }
        if let number = freeNumbers.popLast() { return .start(number) }
        defer { numbersInUse += 1 }
        return .start(numbersInUse)
    }

    private mutating func count(_ hold: WorkHold, _ change: Int) {
        switch hold {
        case .briefly: running.brief += change
        case .forDisk: running.disk += change
        case .long: break
        }
    }
}
