package import Telemetry

/// How the log is.
package struct LogStatus: Sendable, Hashable {
    package var end: LogPosition
    /// Bytes in use, and bytes of the files with what is free in them.
    package var usedBytes: UInt64
    package var fileBytes: UInt64
    package var maxBytes: UInt64
    /// Nil: the file system cannot be asked.
    package var freeDiskBytes: UInt64?
    /// Requests that wait for the next commit.
    package var waiting: Int
    /// Damaged blocks that are no longer read.
    package var setAside: Int
    /// Why the last commit failed; nil when it did not.
    package var problem: String?
}
