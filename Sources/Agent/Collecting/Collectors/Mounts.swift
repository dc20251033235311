import Telemetry

/// Space and inodes of each mounted filesystem. Source: /proc/1/mounts (our own where that is not ours to read), statvfs(3).
///
/// statvfs of a dead NFS server never returns. Each mount is asked on a thread that can be given up; one that does not answer within
/// ``CollectingLimits/mountDeadline`` is stale: `node_filesystem_device_error` is 1, its other metrics are missing, and it is left alone until
/// it returns. Mounts whose answer the kernel has in memory are asked at once, without waking another thread.
struct MountsCollector: Collector {
    static let name = "filesystem"
    private let both = [KeptFile("proc/1/mounts"), KeptFile("proc/self/mounts")]

    /// node_exporter's defaults.
    static let shownTypes = NameFilter(
        excluding: "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|"
            + "pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
    )
    static let shownPoints = NameFilter(
        excluding: "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
    )

    /// Types whose statfs adds up numbers in memory: it waits for no disk, no peer and no other process.
    private static let answeringAtOnce: Set<String> = ["ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs", "vfat"]
    /// Types through which a path leads without a peer or another process.
    private static let local = answeringAtOnce.union(["btrfs", "devtmpfs", "overlay", "proc", "squashfs", "sysfs"])

    private struct Mount: Sendable {
        let point: String
        var answersAtOnce: Bool
        let isReadOnly: Bool
        let series: [Labels]
    }

    let families = [
        MetricFamily("node_filesystem_size_bytes", .gauge, "Filesystem size in bytes."),
        MetricFamily("node_filesystem_free_bytes", .gauge, "Filesystem free space in bytes."),
        MetricFamily("node_filesystem_avail_bytes", .gauge, "Filesystem space available to non-root users in bytes."),
        MetricFamily("node_filesystem_files", .gauge, "Filesystem total file nodes."),
        MetricFamily("node_filesystem_files_free", .gauge, "Filesystem total free file nodes."),
        MetricFamily("node_filesystem_readonly", .gauge, "Filesystem read-only status."),
        MetricFamily("node_filesystem_device_error", .gauge, "Whether an error occurred while getting statistics for the given device."),
    ]
    private let types: NameFilter
    private let points: NameFilter
    private let ignoredTypes: Set<String>
    private let ignoredPoints: Set<String>
    private let deadline: Duration
    private let threads = DisposableThreads()
    private var stuck: [String: DisposableThreads.Ticket<Result<FilesystemUsage, CollectError>>] = [:]
    /// The text that `mounts` was made of: it changes seldom.
    private var parsed: [UInt8] = []
    private var mounts: [Mount] = []

    init(_ config: CollectConfig, deadline: Duration = CollectingLimits.mountDeadline) {
        (types, points) = (config.filesystemTypes, config.mountPoints)
        ignoredTypes = config.ignoredFilesystemTypes
        ignoredPoints = config.ignoredMountPoints
        self.deadline = deadline
    }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let first = try both[0].readIfPresent(from: files)
        let bytes: [UInt8]
        if let first { bytes = first } else { bytes = try both[1].read(from: files) }
        if bytes != parsed {
            mounts = try parse(bytes, files.root + "/" + both[first == nil ? 1 : 0].path)
            parsed = bytes
        }
        let points = Set(mounts.map(\.point))
        stuck = stuck.filter { !$0.value.isDone && points.contains($0.key) }
        let usage = files.calls.filesystemUsage
        var answers: [String: Result<FilesystemUsage, CollectError>] = [:]
        for mount in mounts where mount.answersAtOnce {
            do throws(CollectError) { answers[mount.point] = .success(try usage(mount.point)) } catch { answers[mount.point] = .failure(error) }
        }
        let asked = mounts.filter { !$0.answersAtOnce && stuck[$0.point] == nil }
        let tickets = threads.runBlocking(
            asked.map { mount in
                { () -> Result<FilesystemUsage, CollectError> in
                    do throws(CollectError) { return .success(try usage(mount.point)) } catch { return .failure(error) }
                }
            },
            within: deadline
        )
        for (mount, ticket) in zip(asked, tickets) {
            if let answer = ticket.value { answers[mount.point] = answer } else { stuck[mount.point] = ticket }
        }
        for mount in mounts { report(mount, answers[mount.point], into: &readings) }
    }

    private func report(_ mount: Mount, _ answer: Result<FilesystemUsage, CollectError>?, into readings: inout Readings) {
        guard let answer else {
            readings.stale.append(mount.point)
            readings.add(mount.series[6], 1.0)
            return
        }
        guard case .success(let usage) = answer else {
            readings.add(mount.series[6], 1.0)
            return
        }
        for (series, value) in zip(mount.series, [usage.size, usage.free, usage.available, usage.files, usage.filesFree]) {
            readings.add(series, value)
        }
        readings.add(mount.series[5], mount.isReadOnly ? 1.0 : 0)
        readings.add(mount.series[6], 0.0)
    }

    private func parse(_ bytes: [UInt8], _ path: String) throws(CollectError) -> [Mount] {
        let text = bytes.span
        var lines = LineCursor()
        var (mounts, places): ([Mount], [Labels: Int]) = ([], [:])
        // All of them, those that are not shown too; of several on one point the worst.
        var isLocal: [String: Bool] = [:]
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let device = fields.next(in: text), let point = fields.next(in: text), let type = fields.next(in: text),
                let options = fields.next(in: text)
            else { throw .malformed(path: path, line: lines.number, problem: "\"\(text.text(line))\" is not \"device point type options\"") }
            let (mountPoint, filesystem) = (Self.unescape(point, in: text), text.text(type))
            isLocal[mountPoint] = Self.local.contains(filesystem) && isLocal[mountPoint] ?? true
            if !types.takes(filesystem) || ignoredTypes.contains(filesystem) || isIgnored(mountPoint) { continue }
            let labels = [Label("device", Self.unescape(device, in: text)), Label("fstype", filesystem), Label("mountpoint", mountPoint)]
            let mount = Mount(
                point: mountPoint,
                answersAtOnce: Self.answeringAtOnce.contains(filesystem),
                isReadOnly: text.text(options).split(separator: ",").contains("ro"),
                series: families.map { Labels(name: $0.name, labels) }
            )
            // Mounted twice on the same point: the later one lies on top and is the one that answers.
            if let place = places[mount.series[0]] {
                mounts[place] = mount
            } else {
                guard mounts.count < CollectingLimits.rowsMax else { throw .tooManyRows(path: path) }
                places[mount.series[0]] = mounts.count
                mounts.append(mount)
            }
        }
        guard lines.isComplete(in: text) else { throw .malformed(path: path, line: lines.number + 1, problem: "cut short in the middle of a line") }
        for index in mounts.indices where mounts[index].answersAtOnce { mounts[index].answersAtOnce = Self.isReached(mounts[index].point, isLocal) }
        return mounts
    }

    /// Whether every mount on the way to this point is a local one: a disk mounted below a dead server's folder is out of reach.
    private static func isReached(_ point: String, _ isLocal: [String: Bool]) -> Bool {
        var path = Substring(point)
        while true {
            if isLocal[path.isEmpty ? "/" : String(path)] == false { return false }
            guard let slash = path.lastIndex(of: "/") else { return true }
            path = path[..<slash]
        }
    }

    private func isIgnored(_ point: String) -> Bool {
        if !points.takes(point) { return true }
        for tree in ignoredPoints where point == tree || point.hasPrefix(tree + "/") { return true }
        return false
    }

    /// Blank, tab, line feed, backslash and number sign stand as `\ooo`: getmntent(3).
    private static func unescape(_ range: Range<Int>, in text: Span<UInt8>) -> String {
        var (bytes, index) = ([UInt8](), range.lowerBound)
        while index < range.upperBound {
            if text[index] == UInt8(ascii: "\\"), index + 3 < range.upperBound {
                let digits = (1...3).map { text[index + $0] &- UInt8(ascii: "0") }
                if digits[0] < 4, digits[1] < 8, digits[2] < 8 {
                    bytes.append(digits[0] << 6 | digits[1] << 3 | digits[2])
                    index += 4
                    continue
                }
            }
            bytes.append(text[index])
            index += 1
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
