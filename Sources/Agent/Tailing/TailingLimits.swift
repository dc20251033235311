/// The limits of the room Tailing.
package enum TailingLimits {
    /// Longest line kept whole; the rest is cut, counted and told as a gap. The aggregator takes messages up to this size.
    package static let lineBytesMax = 1 << 20

    /// Bytes of one read. Large enough that the system call does not count, small enough that many files take turns.
    static let chunkBytes = 256 * 1024

    /// A batch is handed on when it holds so many bytes; it may be over by one line.
    static let batchBytesMax = 512 * 1024

    /// A batch is handed on when it holds so many events. Two batches are in memory at the same time: one being stored, one being read.
    static let batchEventsMax = 4096

    /// Lines of a multiline event unless told; the next one begins another.
    package static let multilineLines = 500
    package static let multilineLinesRange = 2...10_000

    /// Bytes of a multiline event unless told.
    package static let multilineBytes = 128 * 1024
    package static let multilineBytesRange: ClosedRange<UInt64> = 1024...UInt64(chunkBytes)

    /// A multiline event is complete when nothing was added for so long, unless told.
    package static let multilineTimeout = Duration.seconds(1)

    /// The beginning of a line is handed on alone when its end is not written for so long, unless told: programs that write through a buffer
    /// leave half lines for seconds.
    package static let halfLineTimeout = Duration.seconds(60)

    /// Different lines of one file whose repetitions are counted at the same time; the oldest is told when it is one more.
    static let collapseKeysMax = 64
    /// Bytes of a counted line that its summary repeats.
    static let collapseTextBytes = 512

    /// Files that are followed at the same time. What is over it is shown as a problem and not read.
    package static let filesMax = 8192

    /// Files that are open at the same time, as far as the process may; the one that was quiet longest is closed, and opened again when it grows.
    static let openFilesMax = 6144

    /// Descriptors left to the rest of the agent.
    static let openFilesReserve = 256

    /// Folders that inotify watches; what is over it is seen by the slow scan.
    static let foldersMax = 1024

    /// Paths of one entry.
    static let pathsMax = 256

    /// A file that was moved away or deleted is finished when it did not grow for so long: writers reopen their logs late.
    static let rotatedIdle = Duration.seconds(30)

    /// The same for a file without a name: while it is open, its space is not free.
    static let deletedIdle = Duration.seconds(5)

    /// The slow scan, where inotify hears of everything but writes through mapped memory: each costs a third of a millisecond, most of it waking threads.
    static let scanInterval = Duration.seconds(10)

    /// The slow scan where others may write unheard: network filesystems, FUSE, layers.
    static let scanIntervalUnheard = Duration.seconds(2)

    /// Where links lead and which folders are watched is found out again after so long, when nothing else tells that it changed.
    static let layoutAge = Duration.seconds(30)

    /// Without inotify the scan is all there is.
    static let scanIntervalWithoutWatch = Duration.milliseconds(200)

    /// Folders are not scanned more often than this, however much happens in them.
    static let scanIntervalMin = Duration.milliseconds(100)

    /// After everything was read, time for more lines to gather: a line written every millisecond must not cost a transaction each.
    static let settle = Duration.milliseconds(20)

    /// Bytes of a file's beginning whose hash tells it from another file with the same inode.
    static let headBytesMax = 1024

    /// Bytes before a read position whose hash tells whether they are still those that were read.
    static let tailBytesMax = 256

    /// Files that were read to their end and let go, whose hashes are remembered.
    static let finishedMax = 256

    /// How long logrotate may take to copy a log that it empties afterwards, in nanoseconds.
    static let copyDuration: Int64 = 60_000_000_000

    /// Folders below a file's own in which it is looked for after it was moved away (`olddir`).
    static let subfoldersMax = 64
}
