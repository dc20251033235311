import Glibc
import Telemetry

/// The spool's files: names, and how a damaged database is set aside.
struct SpoolFiles: Sendable {
    let folder: String

    var database: String { folder + "/spool.db" }

    /// Makes the folder (and those above it) when it is missing. Readable by the owner and the group: it holds log lines.
    func makeFolder() throws(SpoolError) {
        var made = ""
        for part in folder.split(separator: "/", omittingEmptySubsequences: true) {
            made += (made.isEmpty && !folder.hasPrefix("/") ? "" : "/") + part
            if unsafe mkdir(made, 0o750) == 0 {
                syncFolder(of: made)
            } else if errno != EEXIST {
                throw .failed("cannot make the folder \(made): \(SpoolLock.errorText()); make it, or set spool.path")
            }
        }
    }

    /// Renames the database with its log, so that nobody opens it again and somebody can look at it. Returns the new path.
    func setDatabaseAside(at now: Timestamp) -> String {
        let time = now.rfc3339.filter { $0 != ":" && $0 != "-" }
        var target = database + ".corrupt-" + time
        var attempt = 1
        while unsafe access(target, F_OK) == 0 {
            attempt += 1
            target = database + ".corrupt-\(time)-\(attempt)"
        }
        unsafe rename(database, target)
        unsafe rename(database + "-wal", target + "-wal")
        // The index is only about the log's frames in memory; SQLite makes it anew.
        unsafe unlink(database + "-shm")
        syncFolder(of: target)
        return target
    }

    /// Paths of databases set aside, oldest first.
    func corruptDatabases() -> [String] {
        guard let folder = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasPrefix("spool.db.corrupt-"), !name.hasSuffix("-wal"), !name.hasSuffix("-shm") { names.append(name) }
        }
        return names.sorted().map { self.folder + "/" + $0 }
    }

    func remove(corruptDatabase path: String) {
        for suffix in ["", "-wal", "-shm"] { unsafe unlink(path + suffix) }
    }

    /// A new name is durable only when its folder is.
    private func syncFolder(of path: String) {
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let descriptor = unsafe open(parent.isEmpty ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
