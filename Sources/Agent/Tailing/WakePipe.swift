import Glibc

/// Wakes a thread that waits in poll(2), from any other: a pipe whose reading end is polled with whatever else the thread waits for.
final class WakePipe: Sendable {
    /// Can be read once somebody has called ``wake()``. -1: there are no descriptors left, and nothing wakes the thread early.
    let descriptor: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        if unsafe pipe(&ends) == 0 {
            for end in ends {
                _ = Glibc.fcntl(end, F_SETFD, FD_CLOEXEC)
                _ = Glibc.fcntl(end, F_SETFL, O_NONBLOCK)
            }
        }
        (descriptor, writeEnd) = (ends[0], ends[1])
    }

    deinit { for end in [descriptor, writeEnd] where end >= 0 { close(end) } }

    func wake() {
        var byte: UInt8 = 1
        _ = unsafe write(writeEnd, &byte, 1)
    }

    /// Takes what was written: the next poll waits again.
    func clear() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while unsafe read(descriptor, &bytes, bytes.count) > 0 {}
    }
}
