import Glibc
import Synchronization
import Telemetry

/// The log's folder: made when it is missing, and owned by one process at a time.
final class DataFolder: Sendable {
    /// -1 after the lock was given back.
    private let descriptor: Atomic<Int32>

    /// Makes the folder (only its owner may look into it) and takes its lock.
    init(_ path: String) throws(LogError) {
        if unsafe mkdir(path, 0o750) == 0 {
            // The new folder's name is in its parent: without this a power cut may take the folder and all in it.
            DataFolder.sync(path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".")
        } else if errno != EEXIST {
            throw .failed("storage.path \(path): cannot make the folder (\(DataFolder.reason())): make it, and give it to this user")
        }
        let lockPath = path + "/lock"
        let descriptor = unsafe open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw .failed("storage.path \(path): cannot write in it (\(DataFolder.reason())): check its owner, its permissions and the disk")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .failed("storage.path \(path): another aggregator has it open: stop that one (fuser \(lockPath)), or give this one another path")
        }
        self.descriptor = Atomic(descriptor)
        DataFolder.sync(path)
    }

    deinit { unlock() }

    /// Another process may have the folder now.
    func unlock() {
        let held = descriptor.exchange(-1, ordering: .relaxed)
        guard held >= 0 else { return }
        // By name, not by the last close: a child that is just being started holds a copy of the descriptor until it becomes its program.
        flock(held, LOCK_UN)
        close(held)
    }

    /// Bytes that an ordinary user may still write on the file system of `path`; nil when it cannot be asked.
    static func freeBytes(_ path: String) -> UInt64? {
        var information = Glibc.statvfs()
        guard unsafe statvfs(path, &information) == 0 else { return nil }
        return UInt64(information.f_bavail) * UInt64(information.f_frsize)
    }

    private static func sync(_ path: String) {
        let descriptor = unsafe open(path.isEmpty ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func reason() -> String { unsafe String(cString: strerror(errno)) }
}
