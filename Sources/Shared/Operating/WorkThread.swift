import CKernel
import Glibc
import Synchronization

/// One thread of ``WorkThreads``: waits at a semaphore of its own, so that one can be woken and not just any.
@safe
final class WorkThread: Sendable {
    let number: Int
    private let heldFor = Atomic(WorkHold.briefly.rawValue)
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    init(number: Int) {
        self.number = number
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// How long what it runs may keep it; only the thread itself asks.
    var hold: WorkHold {
        get { WorkHold(rawValue: heldFor.load(ordering: .relaxed)) ?? .long }
        set { heldFor.store(newValue.rawValue, ordering: .relaxed) }
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        unsafe pthread_key_create(&key, nil)
        return key
    }()

    /// The calling thread, when it is one of these.
    static var current: WorkThread? {
        unsafe pthread_getspecific(key).map { unsafe Unmanaged<WorkThread>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Waiting

    func post() { unsafe sem_post(semaphore) }

    /// - Parameter deadline: in nanoseconds of CLOCK_MONOTONIC; nil: for ever.
    /// - Returns: whether it was posted.
    func wait(until deadline: UInt64?) -> Bool {
        guard let deadline else {
            while unsafe sem_wait(semaphore) != 0, errno == EINTR {}
            return true
        }
        var moment = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        while unsafe ckernel_wait(semaphore, CLOCK_MONOTONIC, &moment) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }

    // MARK: Starting

    /// False: the system has no more threads for this process.
    func start(_ run: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var id = pthread_t()
        let body = unsafe Unmanaged.passRetained(Body(thread: self, run: run))
        let status = unsafe pthread_create(
            &id,
            &attributes,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                unsafe ckernel_name_thread("work")
                unsafe pthread_setspecific(WorkThread.key, Unmanaged.passUnretained(body.thread).toOpaque())
                body.run()
                return nil
            },
            body.toOpaque()
        )
        if status != 0 { unsafe body.release() }
        return status == 0
    }

    private final class Body: Sendable {
        let thread: WorkThread
        let run: @Sendable () -> Void

        init(thread: WorkThread, run: @escaping @Sendable () -> Void) { (self.thread, self.run) = (thread, run) }
    }
}
