import CKernel
import Glibc

/// A program of the operator's that is run to its end: a collector's `exec`, a receiver's command.
///
/// It gets a process group of its own (killed whole, with all that it started, when its time is up or when it has ended), the environment given here and
/// nothing else, `/` as its folder, none of our descriptors and none of our ambient capabilities; it dies with us. There is no shell.
package struct ChildCommand: Sendable, Hashable {
    /// The program's absolute path, and its arguments.
    package var arguments: [String]
    package var environment: [String]
    package var timeout: Duration
    /// Bytes of standard output that are taken; one more and it is killed.
    package var outputBytesMax: Int

    /// What a program finds in its environment unless told otherwise.
    package static let environmentDefault = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8"]
    /// Bytes of standard error that are kept, for a person to read.
    private static let errorBytesMax = 4096
    /// Between two looks where the kernel cannot tell that a process has ended (before Linux 5.3).
    private static let lookEvery = Duration.milliseconds(20)

    package init(_ arguments: [String], environment: [String] = environmentDefault, timeout: Duration, outputBytesMax: Int = 1024 * 1024) {
        (self.arguments, self.environment) = (arguments, environment)
        (self.timeout, self.outputBytesMax) = (timeout, outputBytesMax)
    }

    package enum Ending: Sendable, Hashable {
        case exited(Int32)
        case signalled(Int32)
        case timedOut
        case outputTooLong
        /// Nothing was started; an errno.
        case notStarted(Int32)

        /// As shells and timeout(1) write it: the program's own code, 124 when its time was up, 125 when its output was too long, 126 and 127 when it could
        /// not be started, 128 and the signal's number.
        package var status: Int32 {
            switch self {
            case .exited(let code): code
            case .timedOut: 124
            case .outputTooLong: 125
            case .notStarted(let code): code == ENOENT ? 127 : 126
            case .signalled(let number): 128 + number
            }
        }
    }

    package struct Result: Sendable {
        package let ending: Ending
        package let output: [UInt8]
        /// The beginning of standard error.
        package let errorOutput: String
        package let duration: Duration
    }

    /// Runs it to its end; blocks at most `timeout` (longer only while the kernel does not let go of a process that was killed).
    package func run(input: [UInt8] = []) -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        var pid: pid_t = 0
        var ends: [Int32] = [-1, -1]
        let given = unsafe input.withUnsafeBytes { unsafe ckernel_input($0.baseAddress, $0.count) }
        let words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        let settings: [UnsafeMutablePointer<CChar>?] = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (words + settings).forEach { unsafe free($0) } }
        let code = unsafe ckernel_start(words, settings, given, &pid, &ends)
        guard code == 0 else {
            return Result(ending: .notStarted(code), output: [], errorOutput: "", duration: clock.now - start)
        }
        var streams = Streams(ends: ends, outputBytesMax: outputBytesMax, errorBytesMax: Self.errorBytesMax)
        let pidfd = ckernel_pidfd(pid)
        let deadline = start.advanced(by: timeout)
        var cut: Ending?
        while ckernel_has_ended(pid) == 0 {
            let rest = deadline - clock.now
            if rest <= .zero { cut = .timedOut }
            if streams.isOutputTooLong { cut = .outputTooLong }
            if cut != nil { break }
            streams.serve(and: pidfd, within: pidfd >= 0 ? rest : min(rest, Self.lookEvery))
        }
        // Whatever it left running belongs to the same group, whose number is taken until the leader is waited for.
        kill(-pid, SIGKILL)
        streams.drain()
        if cut == nil, streams.isOutputTooLong { cut = .outputTooLong }
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        if pidfd >= 0 { close(pidfd) }
        streams.close()
        return Result(
            ending: cut ?? (status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)),
            output: streams.output,
            errorOutput: String(decoding: streams.errors, as: UTF8.self),
            duration: clock.now - start
        )
    }
}

/// Our ends of a child's standard output and error.
private struct Streams {
    private var ends: [Int32]
    private(set) var output: [UInt8] = []
    private(set) var errors: [UInt8] = []
    private let outputBytesMax: Int
    private let errorBytesMax: Int
    private var buffer = [UInt8](repeating: 0, count: 16_384)

    init(ends: [Int32], outputBytesMax: Int, errorBytesMax: Int) {
        (self.ends, self.outputBytesMax, self.errorBytesMax) = (ends, outputBytesMax, errorBytesMax)
    }

    var isOutputTooLong: Bool { output.count > outputBytesMax }

    /// Waits until one of them has something, or until the other descriptor is readable, and takes what is there.
    mutating func serve(and other: Int32, within patience: Duration) {
        // Negative descriptors are passed over by poll(2).
        var entries = (ends + [other]).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let (seconds, attoseconds) = patience.components
        let milliseconds = min(60_000, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
        guard unsafe poll(&entries, nfds_t(entries.count), Int32(milliseconds)) > 0 else { return }
        for index in ends.indices where entries[index].revents != 0 { read(index) }
    }

    /// What is in the pipes when everybody has let go of them.
    mutating func drain() {
        for index in ends.indices {
            while ends[index] >= 0, !isOutputTooLong { if !read(index) { break } }
        }
    }

    mutating func close() { for index in ends.indices { shut(index) } }

    /// - Returns: false when there is nothing at the moment, or never again.
    @discardableResult
    private mutating func read(_ index: Int) -> Bool {
        let count = unsafe Glibc.read(ends[index], &buffer, buffer.count)
        if count < 0, errno == EINTR { return true }
        if count < 0, errno == EAGAIN { return false }
        guard count > 0 else {
            shut(index)
            return false
        }
        if index == 0 {
            output += buffer[..<min(count, outputBytesMax + 1 - output.count)]
        } else {
            errors += buffer[..<min(count, errorBytesMax - errors.count)]
        }
        return true
    }

    private mutating func shut(_ index: Int) {
        if ends[index] >= 0 { Glibc.close(ends[index]) }
        ends[index] = -1
    }
}
