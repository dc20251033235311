import Glibc
import SQLite
import Telemetry

/// The spool's files: names, and how a damaged database is set aside.
struct SpoolFiles: Sendable {
    let folder: String
    let database: String

    private init(folder: String, database: String) { (self.folder, self.database) = (folder, database) }

    init(folder: String) { self.init(folder: folder, database: folder + "/spool.db") }

    /// A spool's folder, or a database file itself.
    init(path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            self.init(folder: path)
            return
        }
        self.init(folder: path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/"), database: path)
    }

    /// The new file while a damaged one is carried over; see ``SpoolOpening/startAnew(because:known:newAgent:at:)``.
    var salvage: String { folder + "/spool.db.salvage" }

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

    /// Commits at the end of the write-ahead log that SQLite is about to throw away without a word; nil: none. Nobody has the database open.
    var lostCommits: SQLiteError? {
        let log = WriteAheadLog(path: database + "-wal", pageBytes: SpoolStore.options.pageBytes)
        guard log.hidesCommits else { return nil }
        let reason = "the end of its write-ahead log, \(log.bytesBehind) bytes, stands behind a damaged place"
        return SQLiteError(code: .sqlite(SQLiteError.corruptCode), message: reason, sql: nil, path: database)
    }

    /// Where a damaged database goes.
    func asidePath(at now: Timestamp) -> String {
        let time = now.rfc3339.filter { $0 != ":" && $0 != "-" }
        var target = database + ".corrupt-" + time
        var attempt = 1
        while unsafe access(target, F_OK) == 0 {
            attempt += 1
            target = database + ".corrupt-\(time)-\(attempt)"
        }
        return target
    }

    /// Renames the database with its log, so that nobody opens it again and somebody can look at it.
    func setDatabaseAside(as target: String) { move(database, to: target) }

    /// The salvaged file takes the place of the database. Also at an opening, after a crash between the two renames.
    func finishSalvage() { if unsafe access(database, F_OK) != 0, unsafe access(salvage, F_OK) == 0 { move(salvage, to: database) } }

    /// A salvage that was broken off: the damaged file is still in its place.
    func removeSalvage() { remove(salvage) }

    private func move(_ path: String, to target: String) {
        unsafe rename(path, target)
        unsafe rename(path + "-wal", target + "-wal")
        // The index is only about the log's frames in memory; SQLite makes it anew.
        unsafe unlink(path + "-shm")
        syncFolder(of: target)
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

    /// A database with what stands beside it.
    func remove(_ path: String) {
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
