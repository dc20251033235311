/// The limits of the room Collecting.
package enum CollectingLimits {
    /// Longest file of /proc that is read. The longest ones known (mounts of a container host, diskstats of a SAN host) are below 1 MiB.
    package static let fileBytesMax = 4 * 1024 * 1024

    /// Most devices, mounts or processors of one file: each brings up to twenty series.
    package static let rowsMax = 4096

    /// Files that stay open between collections. A common host has some 80, one with hundreds of sensors and processors thousands: the rest is opened
    /// each time, because descriptors are wanted for followed files.
    static let keptFilesMax = 512

    /// How long one collector may take. What takes longer is stale: left alone until it returns, its metrics missing until then.
    package static let collectorDeadline = Duration.seconds(2)

    /// How long one mount may take to answer statvfs(2); below the collector's deadline, so that a dead mount costs only itself.
    package static let mountDeadline = Duration.seconds(1)

    /// When nothing has come back for so long, the waiting work gets another thread.
    package static let reinforcementDelay = Duration.milliseconds(50)

    /// Threads that may be stuck in the kernel at the same time. A thread costs some 16 KiB; what has no thread is stale as well.
    package static let threadsMax = 64

    /// At how many collections a network device's state is what it was while the kernel tells of no change; then it is read whatever was told.
    static let collectionsByNews = 5
}
