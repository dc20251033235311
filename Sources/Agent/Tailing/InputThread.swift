import Glibc
import Synchronization

/// What a thread that waits in poll(2) needs to be told to stop: a pipe, and a word.
final class InputThread: Sendable {
    private let isStoppingFlag = Atomic(false)
    private let wakePipe = WakePipe()

    var isStopping: Bool { isStoppingFlag.load(ordering: .acquiring) }

    func stop() {
        isStoppingFlag.store(true, ordering: .releasing)
        wakePipe.wake()
    }

    /// Those that can be read now, also while stopping.
    func poll(_ descriptors: [Int32]) -> [Int32] {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard unsafe Glibc.poll(&entries, nfds_t(entries.count), 0) > 0 else { return [] }
        return entries.filter { $0.revents != 0 }.map(\.fd)
    }

    /// Waits until one of the descriptors can be read, or somebody stops us. Returns those that can, or were closed by the other side.
    func wait(for descriptors: [Int32], atMost limit: Duration) -> [Int32] {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        entries.append(pollfd(fd: wakePipe.descriptor, events: Int16(POLLIN), revents: 0))
        let milliseconds = max(0, min(limit.components.seconds * 1000 + limit.components.attoseconds / 1_000_000_000_000_000, 60_000))
        guard unsafe Glibc.poll(&entries, nfds_t(entries.count), Int32(milliseconds)) > 0 else { return [] }
        return entries.dropLast().filter { $0.revents != 0 }.map(\.fd)
    }
}
