/// What `collect:` of agent.yaml says; defaults as they stand here.
package struct CollectConfig: Sendable, Hashable {
    /// `collect.interval`: from one collection to the next.
    package var interval: Duration
    /// `collect.disable`: names of ``collectorNames`` that do not run.
    package var disable: Set<String>
    /// `collect.filesystem.ignore_types`: filesystem types left out, besides node_exporter's default ones.
    package var ignoredFilesystemTypes: Set<String>
    /// `collect.filesystem.ignore_mount_points`: paths left out, and what is mounted below them, besides node_exporter's default ones.
    package var ignoredMountPoints: Set<String>

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
        "cpu", "diskstats", "entropy", "filefd", "filesystem", "loadavg", "meminfo", "netclass", "netdev", "pressure", "processes", "stat",
        "time", "timex", "uname", "vmstat",
    ]

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
        return problems
    }
}
