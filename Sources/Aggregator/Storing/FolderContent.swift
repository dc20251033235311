import Glibc
import Telemetry

/// Folders and whole files, for backup and restore. Blocking.
enum FolderContent {
    /// What is in a folder, in no order.
    /// - Throws: when it cannot be listed.
    static func names(_ path: String) throws(LogError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw DiskFile.error("cannot list \(path)") }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func make(_ path: String) throws(LogError) {
        guard unsafe mkdir(path, 0o750) == 0 || errno == EEXIST else { throw DiskFile.error("cannot make the folder \(path)") }
        try sync(parent(of: path))
    }

    static func parent(of path: String) -> String { path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "." }

    /// What was made, renamed or removed in a folder is on disk when this returns.
    static func sync(_ path: String) throws(LogError) {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DiskFile.error("cannot open the folder \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw DiskFile.error("cannot sync the folder \(path)") }
    }

    static func syncFile(_ path: String) throws(LogError) { try DiskFile(path, flags: O_RDWR).sync() }

    static func rename(_ path: String, to other: String) throws(LogError) {
        guard unsafe Glibc.rename(path, other) == 0 else { throw DiskFile.error("cannot rename \(path) to \(other)") }
        try sync(parent(of: other))
    }

    /// Gives a file or folder to whoever owns `other`; only root can, for everybody else it is theirs already.
    static func giveToOwner(of other: String, _ path: String) throws(LogError) {
        guard geteuid() == 0 else { return }
        var information = stat()
        guard unsafe stat(other, &information) == 0 else { throw DiskFile.error("cannot ask who owns \(other)") }
        guard unsafe chown(path, information.st_uid, information.st_gid) == 0 else { throw DiskFile.error("cannot give \(path) to its owner") }
    }
}
