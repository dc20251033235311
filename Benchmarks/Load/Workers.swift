import Glibc
import Synchronization

/// Threads, one a connection.
enum Workers {
    private final class Job: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs all and waits for them.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let threads = (0..<count).map { number -> pthread_t in
            let job = unsafe Unmanaged.passRetained(Job { body(number) })
            var thread = pthread_t()
            let code = unsafe pthread_create(
                &thread,
                nil,
                { argument in
                    unsafe Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue().body()
                    return nil
                },
                job.toOpaque()
            )
            guard code == 0 else { fail("cannot start a thread") }
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }
}

/// Requests that are handed out one by one.
final class Queue: Sendable {
    private let next = Atomic<Int>(0)
    let requests: [[UInt8]]

    init(_ requests: [[UInt8]]) { self.requests = requests }

    func take() -> [UInt8]? {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return index < requests.count ? requests[index] : nil
    }
}
