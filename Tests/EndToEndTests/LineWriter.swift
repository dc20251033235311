import Dispatch
import Glibc
import Synchronization

/// A daemon with a log: writes numbered lines on a thread of its own, two a millisecond, and opens its log anew when a file asks it to or a test
/// does.
final class LineWriter: Sendable {
    private struct State {
        var written = 0
        var isPaused = false
        var wantsReopen = false
        var isStopping = false
    }

    private let path: String
    private let flag: String
    private let state = Mutex(State())
    private let end = DispatchSemaphore(value: 0)

    /// - Parameter flag: while there is a file of this name, the log is to be opened anew; it is removed when that is done.
    init(path: String, flag: String) {
        (self.path, self.flag) = (path, flag)
        DispatchQueue(label: "writer").async { self.run() }
    }

    var written: Int { state.withLock { $0.written } }
    func reopen() { state.withLock { $0.wantsReopen = true } }

    /// Returns when nothing is being written.
    func pause(_ isPaused: Bool) { state.withLock { $0.isPaused = isPaused } }

    /// Returns when so many lines more are written.
    func wait(forLines count: Int) {
        let target = written + count
        while written < target { usleep(1000) }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        end.wait()
    }

    private func open() -> Int32 { unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644) }

    private func run() {
        var descriptor = open()
        defer {
            close(descriptor)
            end.signal()
        }
        while true {
            let isAsked = unsafe access(flag, F_OK) == 0
            let goesOn = state.withLock { state in
                if state.isStopping { return false }
                if isAsked || state.wantsReopen {
                    close(descriptor)
                    descriptor = open()
                    state.wantsReopen = false
                }
                for _ in 0..<2 where !state.isPaused {
                    let line = Array("line \(state.written) of a log that is rotated while it is written to\n".utf8)
                    if unsafe write(descriptor, line, line.count) == line.count { state.written += 1 }
                }
                return true
            }
            if isAsked { unsafe unlink(flag) }
            guard goesOn else { return }
            usleep(1000)
        }
    }
}
