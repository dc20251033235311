import Glibc
package import Logging
package import Operating
import ServiceLifecycle
import Synchronization

/// A small HTTP/1.1 server with one page, `/metrics`, for a Prometheus that scrapes this host as it did node_exporter. One thread serves all
/// connections; who asks while a collection is under way gets that one, and who asks within a second after it gets it again.
///
/// When the address is taken the agent goes on without the page.
package final class MetricsListener: Service {
    private let address: ListenAddress
    private let page: @Sendable () async -> [UInt8]
    private let compress: @Sendable ([UInt8]) -> [UInt8]
    private let freshFor: Duration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let state = Mutex(State())
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    private struct State {
        var socket: Int32 = -1
        /// A byte in this pipe wakes the thread.
        var (wakeRead, wakeWrite): (Int32, Int32) = (-1, -1)
        var isStopping = false
        /// A page that the thread has not taken yet.
        var made: [UInt8]?
    }

    /// - Parameters:
    ///   - freshFor: how long a page is given again.
    ///   - compress: gzip.
    ///   - page: makes the page's text; asked once at a time.
    package init(
        at address: ListenAddress,
        metrics: MetricsRegistry,
        logger: Logger,
        freshFor: Duration = ExposingLimits.freshFor,
        compress: @escaping @Sendable ([UInt8]) -> [UInt8],
        page: @escaping @Sendable () async -> [UInt8]
    ) {
        (self.address, self.page, self.compress, self.logger, self.metrics) = (address, page, compress, logger, metrics)
        self.freshFor = freshFor
        (wishes, wish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    deinit {
        state.withLock { state in for descriptor in [state.socket, state.wakeRead, state.wakeWrite] where descriptor >= 0 { close(descriptor) } }
    }

    /// Binds the address.
    package func open() throws(ExposingError) {
        let socket: Int32
        switch address.listen() {
        case .success(let descriptor): socket = descriptor
        case .failure(let failure): throw .cannotListen(address: address.description, reason: failure.words)
        }
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
            close(socket)
            throw .cannotListen(address: address.description, reason: unsafe String(cString: strerror(errno)))
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        state.withLock { ($0.socket, $0.wakeRead, $0.wakeWrite) = (socket, ends[0], ends[1]) }
    }

    /// Where it listens, once it does: the kernel chooses when the address says 0.
    package var port: UInt16? {
        let socket = state.withLock { $0.socket }
        var (name, length) = (sockaddr_in6(), socklen_t(MemoryLayout<sockaddr_in6>.size))
        let status = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(socket, $0, &length) }
        }
        // The port lies at the same place in both families' names.
        return status == 0 ? UInt16(bigEndian: name.sin6_port) : nil
    }

    /// Answers until graceful shutdown. Without ``open()`` it only waits.
    package func run() async throws {
        let (socket, wakeRead) = state.withLock { ($0.socket, $0.wakeRead) }
        guard socket >= 0 else {
            try? await gracefulShutdown()
            return
        }
        logger.notice("metrics can be scraped", metadata: ["address": "\(address)"])
        let loop = ClientLoop(
            socket: socket,
            wake: wakeRead,
            metrics: metrics,
            freshFor: freshFor,
            compress: compress,
            ask: { [wish] in wish.yield() },
            look: { self.look() }
        )
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await WorkThreads.shared.blocking { loop.run() } }
                    group.addTask { for await _ in self.wishes { self.deliver(await self.page()) } }
                    await group.waitForAll()
                }
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            self.stop()
        }
    }

    private func look() -> (isStopping: Bool, page: [UInt8]?) {
        state.withLock { state in
            defer { state.made = nil }
            return (state.isStopping, state.made)
        }
    }

    private func deliver(_ page: [UInt8]) {
        state.withLock { $0.made = page }
        wake()
    }

    private func stop() {
        state.withLock { $0.isStopping = true }
        wish.finish()
        wake()
    }

    private func wake() {
        // A pipe that is full wakes as well.
        _ = unsafe write(state.withLock { $0.wakeWrite }, [1], 1)
    }
}

/// Why the page cannot be served.
package enum ExposingError: Error, Sendable, Hashable, CustomStringConvertible {
    case cannotListen(address: String, reason: String)

    package var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "\(address) cannot be listened on (\(reason)): stop what listens there (ss -ltnp), or change metrics.listen; everything else goes on"
        }
    }
}
