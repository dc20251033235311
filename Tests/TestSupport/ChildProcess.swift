import Dispatch
package import Glibc
import Synchronization

/// A program started by a test: its output is read all the time, lines can be awaited, and it dies with its handle.
package final class ChildProcess: Sendable {
    /// How it ended.
    package enum Exit: Sendable, Equatable {
        case code(Int32)
        case signal(Int32)
    }

    package struct StartError: Error, CustomStringConvertible {
        package let description: String
    }

    package let pid: pid_t
    private let record: Record

    /// Starts `executable` (a path) with these arguments.
    /// - Parameters:
    ///   - environment: added to this process's own.
    ///   - directory: where it starts; nil: here.
    ///   - outputFile: standard output and standard error go to this file, which then cannot be awaited; nil: both are read here.
    package static func start(
        _ executable: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        directory: String? = nil,
        outputFile: String? = nil
    ) throws(StartError) -> ChildProcess {
        // One start at a time: between pipe() and FD_CLOEXEC another child would inherit the pipe and hold it open.
        let started: Result<(pid_t, Int32), StartError> = oneAtATime.withLock { _ in
            var ends: [Int32] = [-1, -1]
            if let outputFile {
                ends[1] = unsafe open(outputFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
                guard ends[1] >= 0 else { return .failure(StartError(description: "cannot open \(outputFile): errno \(errno)")) }
            } else {
                guard unsafe pipe(&ends) == 0 else { return .failure(StartError(description: "no pipe: errno \(errno)")) }
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            }
            defer { close(ends[1]) }
            // posix_spawn of this libc's module knows no working directory; env changes it and becomes the program.
            let words = directory.map { ["/usr/bin/env", "-C", $0, executable] } ?? [executable]
            let (status, pid) = spawn(words + arguments, variables: environment, output: ends[1])
            guard status == 0 else {
                if ends[0] >= 0 { close(ends[0]) }
                return .failure(StartError(description: "cannot start \(executable): errno \(status)"))
            }
            return .success((pid, ends[0]))
        }
        let (pid, descriptor) = try started.get()
        return ChildProcess(pid: pid, reading: descriptor)
    }

    private static let oneAtATime = Mutex(())

    private init(pid: pid_t, reading descriptor: Int32) {
        self.pid = pid
        let record = Record()
        self.record = record
        // Serial queues have threads of their own to block on; a concurrent queue would take them from Swift's pool.
        if descriptor >= 0 { DispatchQueue(label: "tests.output.\(pid)").async { record.read(descriptor) } } else { record.closeOutput() }
        DispatchQueue(label: "tests.exit.\(pid)").async { record.reap(pid) }
    }

    deinit { record.kill(pid, SIGKILL) }

    /// All that it has written until now, standard output and standard error as they came.
    package var output: String { record.output }

    /// True until it has ended.
    package var isRunning: Bool { record.exit == nil }

    /// Sends a signal; nothing happens when it has ended already.
    package func kill(_ signal: Int32) { record.kill(pid, signal) }

    /// Waits until it has ended and all its output is read.
    @discardableResult
    package func wait() async -> Exit { await record.wait() }

    /// Sends a signal and waits for the end.
    @discardableResult
    package func stop(_ signal: Int32 = SIGTERM) async -> Exit {
        kill(signal)
        return await wait()
    }

    /// The first line, written already or still to come, that contains `text`. Throws when it ends without one, or after `limit`; the error
    /// holds its output.
    package func line(containing text: String, within limit: Duration = .seconds(60)) async throws -> String {
        let line = await withTaskGroup(of: String?.self) { group in
            group.addTask { await self.record.line(containing: text) }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let line else { throw StartError(description: "no line with \"\(text)\" within \(limit); the output was:\n\(output)") }
        return line
    }

    private static func spawn(
        _ command: [String],
        variables: [String: String],
        output: Int32
    ) -> (status: Int32, pid: pid_t) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
        // The test process may block or ignore signals; the child begins with none blocked and SIGPIPE, SIGTERM and SIGINT as usual.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGPIPE, SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&signals, signal) }
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var merged = currentEnvironment()
        for (name, value) in variables { merged[name] = value }
        let words: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
        let settings: [UnsafeMutablePointer<CChar>?] = unsafe merged.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe (words + settings).forEach { unsafe free($0) } }
        var pid = pid_t()
        let status = unsafe posix_spawn(&pid, command[0], &actions, &attributes, words, settings)
        return (status, pid)
    }

    private static func currentEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let equals = pair.firstIndex(of: "=") { variables[String(pair[..<equals])] = String(pair[pair.index(after: equals)...]) }
            unsafe entry += 1
        }
        return variables
    }
}

/// What the threads of a child share with the test.
private final class Record: Sendable {
    private struct State {
        var output: [UInt8] = []
        var isOutputClosed = false
        var exit: ChildProcess.Exit?
        var lineWaiters: [Int: (text: String, continuation: CheckedContinuation<String?, Never>)] = [:]
        var exitWaiters: [CheckedContinuation<ChildProcess.Exit, Never>] = []
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    var output: String { state.withLock { String(decoding: $0.output, as: UTF8.self) } }

    var exit: ChildProcess.Exit? { state.withLock { $0.exit } }

    func read(_ descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            let found = state.withLock { state in
                state.output += buffer[..<count]
                return Record.settle(&state)
            }
            for (waiter, line) in found { waiter.resume(returning: line) }
        }
        close(descriptor)
        closeOutput()
    }

    func closeOutput() {
        let (lines, exits, exit) = state.withLock { state in
            state.isOutputClosed = true
            return (Record.settle(&state), Record.settleExits(&state), state.exit)
        }
        for (waiter, line) in lines { waiter.resume(returning: line) }
        if let exit { for waiter in exits { waiter.resume(returning: exit) } }
    }

    /// Waits for the end without taking it, then takes it under the lock: until then the id cannot belong to another process.
    func reap(_ pid: pid_t) {
        var information = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (exits, exit) = state.withLock { state -> ([CheckedContinuation<ChildProcess.Exit, Never>], ChildProcess.Exit) in
            var status: Int32 = 0
            unsafe _ = waitpid(pid, &status, 0)
            let exit: ChildProcess.Exit = status & 0x7F == 0 ? .code(status >> 8 & 0xFF) : .signal(status & 0x7F)
            state.exit = exit
            return (Record.settleExits(&state), exit)
        }
        for waiter in exits { waiter.resume(returning: exit) }
    }

    func kill(_ pid: pid_t, _ signal: Int32) { state.withLock { state in if state.exit == nil { Glibc.kill(pid, signal) } } }

    func wait() async -> ChildProcess.Exit {
        await withCheckedContinuation { continuation in
            let exit = state.withLock { state -> ChildProcess.Exit? in
                if state.isOutputClosed, let exit = state.exit { return exit }
                state.exitWaiters.append(continuation)
                return nil
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    func line(containing text: String) async -> String? {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let found = state.withLock { state in
                    state.lineWaiters[number] = (text, continuation)
                    return Record.settle(&state)
                }
                for (waiter, line) in found { waiter.resume(returning: line) }
                if Task.isCancelled { forget(number) }
            }
        } onCancel: {
            forget(number)
        }
    }

    private func forget(_ number: Int) {
        state.withLock { $0.lineWaiters.removeValue(forKey: number) }?.continuation.resume(returning: nil)
    }

    /// Takes out the waiters whose line is there, and all when no more can come.
    private static func settle(_ state: inout State) -> [(CheckedContinuation<String?, Never>, String?)] {
        guard !state.lineWaiters.isEmpty else { return [] }
        // Only whole lines: a program may write one in pieces.
        let end = state.isOutputClosed ? state.output.count : (state.output.lastIndex(of: UInt8(ascii: "\n")) ?? 0)
        let lines = state.output[..<end].split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        var settled: [(CheckedContinuation<String?, Never>, String?)] = []
        for (number, waiter) in state.lineWaiters {
            let line = lines.first { $0.contains(waiter.text) }
            guard line != nil || state.isOutputClosed else { continue }
            settled.append((waiter.continuation, line))
            state.lineWaiters.removeValue(forKey: number)
        }
        return settled
    }

    private static func settleExits(_ state: inout State) -> [CheckedContinuation<ChildProcess.Exit, Never>] {
        guard state.isOutputClosed, state.exit != nil else { return [] }
        defer { state.exitWaiters.removeAll() }
        return state.exitWaiters
    }
}
