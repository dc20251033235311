import Glibc
import Operating
import Spooling

/// Where the agent buffers while its disk cannot be written (full, read-only, over quota, broken): a small spool in memory. It outlives the agent, not
/// the host. Files and the journal are not read meanwhile: they keep their lines themselves.
struct SpoolRefuge: Sendable {
    /// Memory as a file system, on every Linux host.
    static let memory = "/dev/shm"
    /// Enough for some hours of metrics and for alerts.
    static let maxBytes = SpoolConfig.maxBytesLeast

    let config: SpoolConfig

    /// - Parameter folder: the spool's folder on disk, which says whose refuge it is.
    init(for folder: String) {
        let mark = folder.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        config = SpoolConfig(
            path: "\(Self.memory)/tocsin-agent-\(geteuid())-\(String(mark, radix: 16))",
            maxBytes: Self.maxBytes,
            whenFull: .dropOldest
        )
    }

    /// Everybody may write into that memory: a folder that another user made there is not ours, whatever its name. False: there is none that is.
    func makeFolder() -> Bool {
        _ = unsafe mkdir(config.path, 0o700)
        return isOurs
    }

    private var isOurs: Bool {
        var status = stat()
        guard unsafe lstat(config.path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid() && status.st_mode & 0o077 == 0
    }

    /// Whether an agent has left something there.
    var isThere: Bool { unsafe isOurs && access(config.path + "/spool.db", F_OK) == 0 }

    /// With all that is in it. Nobody has it open.
    func remove() {
        guard isOurs, let folder = unsafe opendir(config.path) else { return }
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { unsafe unlink(config.path + "/" + name) }
        }
        unsafe closedir(folder)
        unsafe rmdir(config.path)
    }
}
