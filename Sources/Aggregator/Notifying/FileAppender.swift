import Glibc
import Operating

/// Appends a notification to a file, on a thread of its own: a line that is there whole and on disk, or not at all.
actor FileAppender {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func append(_ line: [UInt8], to path: String) -> DeliveryOutcome {
        // Not O_NONBLOCK's business for a file, but a pipe that nobody reads must not hold the thread.
        let descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else { return failure(path, isUnreachable: true) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return failure(path, isUnreachable: true) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failed("\(path) is no regular file: name another") }
        // Two channels may name the same file.
        guard flock(descriptor, LOCK_EX) == 0, unsafe fstat(descriptor, &status) == 0 else { return failure(path, isUnreachable: true) }
        var written = 0
        while written < line.count {
            let count = unsafe line.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress.map { unsafe $0 + written }, line.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let outcome = failure(path, isUnreachable: true)
                // Half a line would spoil the next one too.
                ftruncate(descriptor, status.st_size)
                return outcome
            }
            written += count
        }
        guard fsync(descriptor) == 0 else {
            let outcome = failure(path, isUnreachable: true)
            ftruncate(descriptor, status.st_size)
            return outcome
        }
        return .delivered("\(line.count) bytes at \(status.st_size)")
    }

    private func failure(_ path: String, isUnreachable: Bool) -> DeliveryOutcome {
        let reason = unsafe String(cString: strerror(errno))
        return .retry("cannot write to \(path) (\(reason)): check the path, its permissions and the disk", isUnreachable: isUnreachable)
    }
}
