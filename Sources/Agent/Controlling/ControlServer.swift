import Glibc
package import Logging
import Operating
import ServiceLifecycle
import Synchronization

/// The Unix socket behind `agentctl`. Waits on threads that may block; a client that is slow costs one place for ``ControlLimits/patience``.
///
/// The socket is for looking, not for living: when it cannot be bound the agent goes on without it.
package final class ControlServer: Service {
    private let path: String
    private let agent: any Controllable
    private let logger: Logger
    private let listening = Mutex<Listening?>(nil)

    private struct Listening {
        let socket: UnixSocket
        /// A byte in this pipe wakes the threads that wait for connections and clients.
        let wakeRead: UnixSocket
        let wakeWrite: UnixSocket
        let inode: UInt64
    }

    /// Longest path of a socket: `sockaddr_un` holds no more.
    package static let pathBytesMax = UnixSocket.pathBytesMax

    package init(path: String, agent: any Controllable, logger: Logger) { (self.path, self.agent, self.logger) = (path, agent, logger) }

    /// Binds the socket: mode 0660. One that an agent left behind is removed first; one that is answered is not.
    package func open() throws(ControlError) {
        makeFolder()
        do throws(UnixSocket.Failure) {
            let socket = try UnixSocket.stream()
            do throws(UnixSocket.Failure) { try socket.bind(to: path) } catch {
                guard case .system(EADDRINUSE) = error, isLeftBehind() else { throw error }
                unsafe unlink(path)
                try socket.bind(to: path)
            }
            // Before listen(2) nobody can connect, so nobody slips in under the first mode.
            unsafe chmod(path, 0o660)
            guard listen(socket.descriptor, Int32(ControlLimits.connectionsMax)) == 0 else { throw .system(errno) }
            var ends: [Int32] = [0, 0]
            guard unsafe pipe(&ends) == 0 else { throw .system(errno) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            let state = Listening(socket: socket, wakeRead: UnixSocket(ends[0]), wakeWrite: UnixSocket(ends[1]), inode: inode() ?? 0)
            listening.withLock { $0 = state }
        } catch {
            throw describe(error)
        }
    }

    /// Answers until graceful shutdown, then removes the socket. Without ``open()`` it only waits.
    package func run() async throws {
        guard let state = listening.withLock({ $0 }) else {
            try? await gracefulShutdown()
            return
        }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await serve(state)
            } onGracefulShutdown: {
                self.wake()
            }
        } onCancel: {
            self.wake()
        }
        if inode() == state.inode { unsafe unlink(path) }
        listening.withLock { $0 = nil }
    }

    // MARK: Connections

    private func serve(_ state: Listening) async {
        await withTaskGroup(of: Void.self) { group in
            var served = 0
            while let connection = await accept(state) {
                if served >= ControlLimits.connectionsMax { await group.next() } else { served += 1 }
                group.addTask { await self.answer(connection, interruption: state.wakeRead) }
            }
            // A flush that waits for a dead aggregator must not hold up the end.
            group.cancelAll()
        }
    }

    /// The next connection; nil when the server is to stop.
    private func accept(_ state: Listening) async -> UnixSocket? {
        await WorkThreads.shared.blocking { () -> UnixSocket? in
            while true {
                var entries = [
                    pollfd(fd: state.socket.descriptor, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: state.wakeRead.descriptor, events: Int16(POLLIN), revents: 0),
                ]
                let count = unsafe poll(&entries, 2, -1)
                if count < 0, errno != EINTR { return nil }
                if count <= 0 { continue }
                if entries[1].revents != 0 { return nil }
                let descriptor = Glibc.accept(state.socket.descriptor, nil, nil)
                if descriptor >= 0 {
                    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                    return UnixSocket(descriptor)
                }
                // Out of descriptors: the connection stays in the queue, and looking again at once would only burn time.
                if errno == EMFILE || errno == ENFILE { usleep(100_000) }
            }
        }
    }

    private func answer(_ connection: UnixSocket, interruption: UnixSocket) async {
        let (bytesMax, patience) = (ControlLimits.requestBytesMax, ControlLimits.patience)
        let request = await WorkThreads.shared.blocking { () -> [UInt8]? in
            try? connection.readLine(bytesMax: bytesMax, within: patience, interruption: interruption.descriptor)
        }
        guard let request else { return }
        let answer = await ControlExchange.answer(to: request, by: agent)
        await WorkThreads.shared.blocking { () -> Void in try? connection.write(answer, within: patience, interruption: interruption.descriptor) }
    }

    private func wake() {
        guard let state = listening.withLock({ $0 }) else { return }
        _ = unsafe write(state.wakeWrite.descriptor, [1], 1)
    }

    // MARK: The path

    /// True when a socket stands at the path that nobody serves any more.
    private func isLeftBehind() -> Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
        do throws(UnixSocket.Failure) {
            try UnixSocket.stream().connect(to: path)
            return false
        } catch {
            if case .system(ECONNREFUSED) = error { return true }
            return false
        }
    }

    private func inode() -> UInt64? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private func makeFolder() {
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        // Whether it worked shows when the socket is bound.
        if !parent.isEmpty { _ = unsafe mkdir(parent, 0o755) }
    }

    private func describe(_ failure: UnixSocket.Failure) -> ControlError {
        guard case .system(let code) = failure else { return .failed("the control socket \(path) cannot be bound") }
        switch code {
        case EADDRINUSE:
            return .failed("the control socket \(path) is taken by another agent, or is no socket: stop that agent, or set control.socket")
        case ENAMETOOLONG:
            return .failed("the control socket's path \(path) is longer than \(UnixSocket.pathBytesMax) bytes: set a shorter control.socket")
        default:
            return .failed(
                "the control socket \(path) cannot be bound (\(UnixSocket.text(of: code))): set control.socket to a path this user may write"
            )
        }
    }
}
