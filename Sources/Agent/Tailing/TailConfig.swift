package import Matching

/// One entry of `tail:` in agent.yaml: which files, and how their lines become events.
package struct TailConfig: Sendable, Hashable {
    /// Where to begin in files that are there when the agent first follows them. Files that appear later are always read from their beginning.
    package enum Start: String, Sendable, Hashable, CaseIterable { case beginning, end }

    /// How time, severity and fields are found in a line.
    package enum Format: String, Sendable, Hashable, CaseIterable {
        /// Looks at each line and takes time and severity of whichever format it recognises, and severity words.
        case auto
        /// Time of reading, severity info.
        case plain
        /// RFC 5424 and RFC 3164, with or without `<PRI>`, and rsyslog's files.
        case syslog
        /// One JSON object a line: `time`, `timestamp`, `ts`, `@timestamp`; `level`, `severity`, `lvl`; `msg`, `message`.
        case json
        /// `ts=… level=… msg=…`
        case logfmt
        /// Access logs (common, combined) and error logs of nginx and Apache; the two words mean the same.
        case nginx, apache
    }

    /// The zone of times that name none.
    package enum Zone: Sendable, Hashable {
        /// The host's own, its summer time included.
        case local
        /// Seconds east of UTC.
        case offset(Int)

        /// `local`, `UTC`, `+02:00`, `-0330`; nil for anything else.
        package init?(_ text: String) {
            switch text {
            case "local": self = .local
            case "UTC", "utc", "Z": self = .offset(0)
            default:
                let digits = text.utf8.dropFirst().filter { $0 != UInt8(ascii: ":") }
                guard let sign = text.utf8.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), digits.count == 4,
                    digits.allSatisfy(\.isDigit), text.utf8.count <= 6
                else { return nil }
                let numbers = digits.map { Int($0 - 48) }
                let (hours, minutes) = (numbers[0] * 10 + numbers[1], numbers[2] * 10 + numbers[3])
                guard hours < 24, minutes < 60 else { return nil }
                self = .offset((sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60))
            }
        }
    }

    /// `multiline`: which lines belong together.
    package struct Multiline: Sendable, Hashable {
        /// Traces whose shape is known.
        package enum Preset: String, Sendable, Hashable, CaseIterable { case java, python, go, ruby }

        package var preset: Preset?
        /// A line that does not match continues the one before.
        package var start: Pattern?
        /// A line that matches continues the one before; with `start`, too, one that matches neither stands alone.
        package var continuation: Pattern?
        /// A group is complete when nothing was added for so long.
        package var timeout: Duration
        package var linesMax: Int
        package var bytesMax: Int

        package init(
            preset: Preset? = nil,
            start: Pattern? = nil,
            continuation: Pattern? = nil,
            timeout: Duration = TailingLimits.multilineTimeout,
            linesMax: Int = TailingLimits.multilineLines,
            bytesMax: Int = TailingLimits.multilineBytes
        ) {
            (self.preset, self.start, self.continuation) = (preset, start, continuation)
            (self.timeout, self.linesMax, self.bytesMax) = (timeout, linesMax, bytesMax)
        }
    }

    /// One of `sample`: of the lines that match, the first of each `every` is kept.
    package struct Sampling: Sendable, Hashable {
        package var match: Pattern
        package var every: Int

        package init(match: Pattern, every: Int) { (self.match, self.every) = (match, every) }
    }

    /// `paths`: absolute, with `*`, `?` and `[…]` as in a shell; `*` does not match `/`.
    package var paths: [String]
    /// `exclude`: the same for what is left out; without a `/` it is about the file's name alone.
    package var exclude: [String]
    /// `source`; nil: the file's name without `.log`.
    package var source: String?
    package var start: Start
    package var format: Format
    /// `fields`: whether what a line says goes into `data.fields`; nil: with every format but `auto` and `plain`.
    package var takesFields: Bool?
    package var zone: Zone
    package var multiline: Multiline?
    /// `half_line_timeout`: the beginning of a line is handed on alone when its end is not written for so long.
    package var halfLineTimeout: Duration
    /// `redact`: before anything is written.
    package var redact: [RedactionRule]
    /// `drop`: lines that match are left out, and counted.
    package var drop: [Pattern]
    package var sample: [Sampling]
    /// `collapse`: lines that differ only in their digits are counted for so long after the first; nil: they are not.
    package var collapse: Duration?

    package init(
        paths: [String],
        exclude: [String] = [],
        source: String? = nil,
        start: Start = .end,
        format: Format = .auto,
        takesFields: Bool? = nil,
        zone: Zone = .local,
        multiline: Multiline? = nil,
        halfLineTimeout: Duration = TailingLimits.halfLineTimeout,
        redact: [RedactionRule] = [],
        drop: [Pattern] = [],
        sample: [Sampling] = [],
        collapse: Duration? = nil
    ) {
        (self.paths, self.exclude, self.source, self.start) = (paths, exclude, source, start)
        (self.format, self.takesFields, self.zone, self.multiline) = (format, takesFields, zone, multiline)
        (self.halfLineTimeout, self.redact, self.drop, self.sample, self.collapse) = (halfLineTimeout, redact, drop, sample, collapse)
    }

    /// What is wrong with the values, in the words of a configuration error: the key below the entry, what stands there, what to write.
    package func problems() -> [(key: String, problem: String, remedy: String)] {
        var problems: [(key: String, problem: String, remedy: String)] = []
        if paths.isEmpty {
            problems.append(("paths", "there is no path", "write at least one, as [\"/var/log/*.log\"]"))
        }
        for path in paths where !path.hasPrefix("/") {
            problems.append(("paths", "\"\(path)\" is not an absolute path", "write it from the root: \"/var/log/app.log\""))
        }
        for path in paths where path.hasSuffix("/") {
            problems.append(("paths", "\"\(path)\" is a folder", "name the files in it: \"\(path)*.log\""))
        }
        if paths.count > TailingLimits.pathsMax {
            problems.append(("paths", "\(paths.count) paths are too many", "write at most \(TailingLimits.pathsMax), or a pattern with *"))
        }
        for path in exclude where path.contains("/") && !path.hasPrefix("/") {
            problems.append(("exclude", "\"\(path)\" is not an absolute path", "write it from the root, or a name alone: \"*.tmp\""))
        }
        if source?.isEmpty == true {
            problems.append(("source", "it is empty", "write a name, or leave the key out"))
        }
        return problems
    }
}
