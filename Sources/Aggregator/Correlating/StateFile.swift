import Glibc
import Telemetry

/// The state's file on disk, when it is of no more use.
enum StateFile {
    /// Renames the database and its WAL, for whoever wants to look. Returns the new name.
    static func setAside(_ path: String, at now: Timestamp) -> String {
        let aside = "\(path).damaged-\(now.milliseconds)"
        for suffix in ["", "-wal", "-shm"] { unsafe rename(path + suffix, aside + suffix) }
        return aside
    }
}
