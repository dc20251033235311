import Synchronization

/// Threads and handles that transfers share. Handles are lent last in, first out, and to the origin they spoke to before, so that a
/// connection is kept alive however many threads there are.
final class CurlTransfers: Sendable {
    private let threads: BlockingThreads
    private let idle = Mutex<[CurlHandle]>([])
    private let handlesMax: Int

    init(concurrent: Int) {
        threads = BlockingThreads(count: concurrent)
        handlesMax = concurrent
    }

    /// Runs `work` with a handle on a thread that may block. Cancelling the task ends a transfer that runs and forgets one that waits.
    func run<Success: Sendable>(
        to origin: String,
        exchange: Exchange,
        _ work: @escaping @Sendable (CurlHandle) -> Result<Success, TransferError>
    ) async throws(TransferError) -> Success {
        let answer = Answer<Success>()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                answer.await(continuation)
                // Cancelled before there was anything to resume.
                if exchange.isCancelled { return answer.give(.failure(.cancelled)) }
                let isQueued = threads.run(
                    { [self] () -> Result<Success, TransferError> in
                        guard !exchange.isCancelled else { return .failure(.cancelled) }
                        guard let handle = borrow(for: origin) else {
                            return .failure(.busy("libcurl could not make a handle: the machine is short of memory; it is tried again later"))
                        }
                        defer { giveBack(handle) }
                        return work(handle)
                    },
                    then: { answer.give($0) }
                )
                if !isQueued {
                    let reason = "\(TransferLimits.queuedTransfersMax) transfers to slow peers wait already: it is tried again later"
                    answer.give(.failure(.busy(reason)))
                }
            }
        } onCancel: {
            exchange.cancel()
            // One that runs answers by itself; one that waits for a thread need not wait for it.
            if !exchange.hasBegun { answer.give(.failure(.cancelled)) }
        }
        return try result.get()
    }

    private func borrow(for origin: String) -> CurlHandle? {
        let known: CurlHandle? = idle.withLock { idle in
            guard let index = idle.lastIndex(where: { $0.origin == origin }) ?? idle.indices.last else { return nil }
            return idle.remove(at: index)
        }
        return known ?? CurlHandle()
    }

    private func giveBack(_ handle: CurlHandle) {
        idle.withLock { idle in if idle.count < handlesMax { idle.append(handle) } }
    }
}

/// A continuation that is resumed once, by the transfer or by its cancellation.
private final class Answer<Success: Sendable>: Sendable {
    private let waiter = Mutex<CheckedContinuation<Result<Success, TransferError>, Never>?>(nil)

    func await(_ continuation: CheckedContinuation<Result<Success, TransferError>, Never>) { waiter.withLock { $0 = continuation } }

    func give(_ result: Result<Success, TransferError>) {
        let continuation = waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        continuation?.resume(returning: result)
    }
}
