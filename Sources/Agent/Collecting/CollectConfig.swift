/// What `collect:` of agent.yaml says; defaults as they stand here.
package struct CollectConfig: Sendable, Hashable {
    /// `collect.interval`: from one collection to the next.
    package var interval: Duration
    /// `collect.disable`: names of ``collectorNames`` that do not run.
    package var disable: Set<String>
    /// `collect.filesystem.ignore_types`: filesystem types left out, besides ``filesystemTypes``.
    package var ignoredFilesystemTypes: Set<String>
    /// `collect.filesystem.ignore_mount_points`: paths left out, and what is mounted below them, besides ``mountPoints``.
    package var ignoredMountPoints: Set<String>

    /// `collect.textfile`: folders whose files `*.prom` are collected.
    package var textfileFolders = [textfileFolderDefault]

    /// `collect.processes.top`: how many processes by CPU and by memory are shown; 0: none.
    package var topProcesses = 5
    /// `collect.processes.named`
    package var namedProcesses: [NamedProcess] = []
    /// `collect.cgroups.max`: services and containers that are shown, the first by path.
    package var cgroupsMax = 100

    /// `collect.exec`
    package var commands: [CommandConfig] = []
    /// `collect.systemd.units`: names of units with `*`, `?` and `[…]`; empty: none.
    package var systemdUnits = ["*.service"]

    /// Where Debian's node-exporter looks, and where the scripts of prometheus-node-exporter-collectors write.
    package static let textfileFolderDefault = "/var/lib/prometheus/node-exporter"

    /// `collect.filesystem.types_exclude`, `.mount_points_exclude`: in place of node_exporter's defaults.
    package var filesystemTypes = MountsCollector.shownTypes
    package var mountPoints = MountsCollector.shownPoints
    /// `collect.arp`, `.diskstats`, `.netdev`, `.netclass`: `include` and `exclude`, regular expressions over devices' names.
    package var arp = NameFilter.all
    package var diskstats = DiskstatsCollector.shown
    package var netdev = NameFilter.all
    package var netclass = NameFilter.all
    /// `collect.netclass.ignore_invalid_speed`: a device that says -1 has no speed.
    package var ignoresInvalidSpeed = false
    /// `collect.netstat.fields`, `collect.vmstat.fields`: which fields are shown.
    package var netstatFields = NetstatCollector.shown
    package var vmstatFields = VmstatCollector.shown

    package init(
        interval: Duration = .seconds(10),
        disable: Set<String> = [],
        ignoredFilesystemTypes: Set<String> = [],
        ignoredMountPoints: Set<String> = []
    ) {
        (self.interval, self.disable) = (interval, disable)
        (self.ignoredFilesystemTypes, self.ignoredMountPoints) = (ignoredFilesystemTypes, ignoredMountPoints)
    }

    /// Every collector, by node_exporter's names.
    package static let collectorNames = [
        "arp", "bonding", "cgroups", "conntrack", "cpu", "cpufreq", "diskstats", "dmi", "edac", "entropy", "exec", "filefd", "filesystem", "hwmon",
        "loadavg", "mdadm", "meminfo", "netclass", "netdev", "netstat", "nvme", "os", "powersupplyclass", "pressure", "processes", "rapl",
        "schedstat",
        "selinux", "sockstat", "softnet", "stat", "systemd", "textfile", "thermal_zone", "time", "timex", "udp_queues", "uname", "vmstat",
    ]

    /// Names of processes and cgroups: each brings five and twelve series.
    package static let namedMax = 100
    package static let topProcessesRange = 0...50
    package static let cgroupsMaxRange = 0...1000

    /// Shortest and longest interval: below, an agent measures itself; above, five minutes of look-back find nothing.
    package static let intervalRange = Duration.milliseconds(100)...Duration.seconds(240)

    /// What is wrong with the values, in the words of a configuration error: the key under `collect`, what stands there, what to write.
    package func problems() -> [(key: String, problem: String, remedy: String)] {
        var problems: [(key: String, problem: String, remedy: String)] = []
        if !Self.intervalRange.contains(interval) {
            problems.append(("interval", "\(interval) is too short or too long", "write a duration between 100ms and 4m"))
        }
        for name in disable.sorted() where !Self.collectorNames.contains(name) {
            problems.append(("disable", "there is no collector \"\(name)\"", "write some of \(Self.collectorNames.joined(separator: ", "))"))
        }
        for path in ignoredMountPoints.sorted() where !path.hasPrefix("/") {
            problems.append(("filesystem.ignore_mount_points", "\"\(path)\" is not an absolute path", "write it from the root: \"/mnt/backup\""))
        }
        if namedProcesses.count > Self.namedMax {
            problems.append(("processes.named", "\(namedProcesses.count) names are too many", "write at most \(Self.namedMax)"))
        }
        if commands.count > CommandConfig.commandsMax {
            problems.append(("exec", "\(commands.count) commands are too many", "write at most \(CommandConfig.commandsMax)"))
        }
        for path in textfileFolders where !path.hasPrefix("/") {
            problems.append(("textfile", "\"\(path)\" is not an absolute path", "write it from the root: \"\(Self.textfileFolderDefault)\""))
        }
        return problems
    }
}
