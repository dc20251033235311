import Collecting
import Configuring
import Matching

extension AgentConfig {
    /// `collect`: what runs, how often, and what each of the collectors that need telling is told.
    static func readCollect(_ reader: ConfigReader) -> CollectConfig {
        var config = CollectConfig()
        config.interval = reader.duration("interval", default: config.interval, in: CollectConfig.intervalRange)
        config.disable = Set(reader.strings("disable") ?? [])
        let filesystem = reader.section("filesystem")
        config.ignoredFilesystemTypes = Set(filesystem.strings("ignore_types") ?? [])
        config.ignoredMountPoints = Set(filesystem.strings("ignore_mount_points") ?? [])
        if filesystem.has("types_exclude") { config.filesystemTypes = NameFilter(exclude: regex("types_exclude", filesystem)) }
        if filesystem.has("mount_points_exclude") { config.mountPoints = NameFilter(exclude: regex("mount_points_exclude", filesystem)) }
        readDevices(reader, &config)
        readProcesses(reader.section("processes"), &config)
        config.cgroupsMax = readMax(reader.section("cgroups"), config.cgroupsMax)
        readUnits(reader.section("systemd"), &config)
        config.textfileFolders = reader.located("textfile", orOne: true)?.map { trimmed($0.text) } ?? config.textfileFolders
        config.commands = readCommands(reader)
        for mistake in config.problems() {
            if mistake.key.hasPrefix("filesystem.") {
                filesystem.report(String(mistake.key.dropFirst("filesystem.".count)), mistake.problem, mistake.remedy)
            } else {
                reader.report(mistake.key, mistake.problem, mistake.remedy)
            }
        }
        filesystem.finish()
        reader.finish()
        return config
    }

    /// `collect.arp`, `.diskstats`, `.netdev`, `.netclass`: `include` and `exclude`; `collect.netstat`, `.vmstat`: `fields`; node_exporter's flags.
    private static func readDevices(_ reader: ConfigReader, _ config: inout CollectConfig) {
        func filter(_ key: String, _ fallback: NameFilter, then more: (ConfigReader) -> Void = { _ in }) -> NameFilter {
            let section = reader.section(key)
            defer { section.finish() }
            more(section)
            let (include, exclude) = (regex("include", section), regex("exclude", section))
            if include != nil, section.has("exclude") {
                section.report("exclude", "stands beside include", "write one of both")
            }
            return include == nil && !section.has("exclude") ? fallback : NameFilter(include: include, exclude: exclude)
        }
        func fields(_ key: String, _ fallback: NameFilter) -> NameFilter {
            let section = reader.section(key)
            defer { section.finish() }
            return regex("fields", section).map { NameFilter(include: $0) } ?? fallback
        }
        config.arp = filter("arp", config.arp)
        config.diskstats = filter("diskstats", config.diskstats)
        config.netdev = filter("netdev", config.netdev)
        config.netclass = filter("netclass", config.netclass) { section in
            config.ignoresInvalidSpeed = section.bool("ignore_invalid_speed", default: config.ignoresInvalidSpeed)
        }
        config.netstatFields = fields("netstat", config.netstatFields)
        config.vmstatFields = fields("vmstat", config.vmstatFields)
    }

    /// Nil: not there, empty (nothing is left out), or wrong and told.
    private static func regex(_ key: String, _ reader: ConfigReader) -> Pattern? {
        guard let text = reader.string(key), !text.isEmpty else { return nil }
        return pattern(text, at: key, reader)
    }

    /// Without the slashes at its end.
    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private static func readProcesses(_ reader: ConfigReader, _ config: inout CollectConfig) {
        defer { reader.finish() }
        config.topProcesses = reader.integer("top", default: config.topProcesses, in: CollectConfig.topProcessesRange)
        var lines: [String: Int] = [:]
        config.namedProcesses = reader.sections("named").compactMap { section in
            defer { section.finish() }
            let (name, match) = (section.requiredString("name"), section.requiredString("match"))
            report(name, in: section, twice: &lines)
            guard !match.isEmpty, let pattern = pattern(match, at: "match", section) else { return nil }
            return NamedProcess(name: name, match: pattern)
        }
    }

    private static func readMax(_ reader: ConfigReader, _ fallback: Int) -> Int {
        defer { reader.finish() }
        return reader.integer("max", default: fallback, in: CollectConfig.cgroupsMaxRange)
    }

    private static func readUnits(_ reader: ConfigReader, _ config: inout CollectConfig) {
        defer { reader.finish() }
        config.systemdUnits = reader.strings("units") ?? config.systemdUnits
    }

    private static func readCommands(_ reader: ConfigReader) -> [CommandConfig] {
        var lines: [String: Int] = [:]
        return reader.sections("exec").map { section in
            defer { section.finish() }
            let fallback = CommandConfig(name: "", command: [])
            let config = CommandConfig(
                name: section.requiredString("name"),
                command: section.strings("command") ?? [],
                interval: section.duration("interval", default: fallback.interval, in: CommandConfig.intervalRange),
                timeout: section.duration("timeout", default: fallback.timeout, in: CommandConfig.timeoutRange),
                outputBytesMax: Int(
                    section.bytes("output_max", default: UInt64(fallback.outputBytesMax), in: CommandConfig.outputBytesRange)
                )
            )
            report(config.name, in: section, twice: &lines)
            // What was told already is not told twice: a missing name, a command of the wrong type.
            for mistake in config.problems() where mistake.key == "command" && (section.strings("command") != nil || !section.has("command")) {
                section.report(mistake.key, mistake.problem, mistake.remedy)
            }
            return config
        }
    }

    private static func report(_ name: String, in section: ConfigReader, twice lines: inout [String: Int]) {
        guard let first = lines.updateValue(section.node?.line ?? 0, forKey: name), !name.isEmpty else { return }
        section.report("name", "\"\(name)\" stands on line \(first) already", "give each its own name")
    }
}
