/// How a database file is opened. The defaults are ours for data that must survive a power cut.
package struct ConnectionOptions: Sendable, Hashable {
    package enum Access: Sendable, Hashable { case readOnly, readWrite, create }

    /// When a commit is on disk. `full`: when it returns. `normal`: a power cut may lose the last commits, never the file.
    package enum Synchronous: String, Sendable, Hashable { case off = "OFF", normal = "NORMAL", full = "FULL", extra = "EXTRA" }

    package enum AutoVacuum: Int, Sendable, Hashable { case none = 0, full = 1, incremental = 2 }

    package var access = Access.create
    package var synchronous = Synchronous.full
    /// How long a statement waits for another connection's lock before it fails with `isBusy`.
    package var busyTimeout = Duration.seconds(5)
    /// Pages in the WAL after which a commit checkpoints by itself; 0: the owner calls ``Connection/checkpoint(_:)``.
    package var walAutoCheckpointPages = 1000
    /// Keeps the WAL file when the last connection closes: writing into space that is already there costs a third of appending.
    package var keepsWAL = false
    /// Pages of a new file, in bytes: a power of two from 512 to 65536.
    package var pageBytes = 4096
    package var autoVacuum = AutoVacuum.none
    /// The page cache's limit, in KiB.
    package var cacheKiB = 2048
    /// How much of the file is read through a memory map; 0: none. A failing disk under a map is a signal, not an error.
    package var memoryMapBytes = 0
    package var foreignKeys = false
    /// Temporary indices and tables in memory instead of in files.
    package var temporariesInMemory = true

    package init() {}

    package static let readOnly: ConnectionOptions = {
        var options = ConnectionOptions()
        options.access = .readOnly
        return options
    }()
}
