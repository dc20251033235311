import Glibc

/// A database that is of no more use to its program.
package enum DamagedFile {
    /// Renames the database and its WAL, for whoever wants to look. Returns the new name.
    /// - Parameter stamp: makes the name one of its own; milliseconds since the epoch.
    package static func setAside(_ path: String, stamp: Int64) -> String {
        let aside = "\(path).damaged-\(stamp)"
        for suffix in ["", "-wal", "-shm"] { unsafe rename(path + suffix, aside + suffix) }
        return aside
    }
}
