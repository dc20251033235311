package import Matching

/// One entry of `tail:` in agent.yaml: which files, and how their lines become events.
package struct TailConfig: Sendable, Hashable {
    /// Where to begin in files that are there when the agent first follows them. Files that appear later are always read from their beginning.
    package enum Start: String, Sendable, Hashable, CaseIterable { case beginning, end }

    /// How time and severity are found in a line. The message is always the whole line.
    package enum Format: String, Sendable, Hashable, CaseIterable {
        /// Looks at each line and takes what it recognises of the others, and severity words.
        case auto
        /// Time of reading, severity info.
        case raw
        /// RFC 5424 and RFC 3164, with or without `<PRI>`, and rsyslog's files.
        case syslog
        /// One JSON object a line: `time`, `timestamp`, `ts`, `@timestamp`; `level`, `severity`, `lvl`.
        case json
        /// `ts=… level=…`
        case logfmt
        /// Access logs (combined) and error logs.
        case nginx
    }

    /// `paths`: absolute, with `*`, `?` and `[…]` as in a shell; `*` does not match `/`.
    package var paths: [String]
    /// `source`; nil: the file's name without `.log`.
    package var source: String?
    package var start: Start
    package var format: Format
    /// `multiline.start`: a line that does not match continues the event before it.
    package var multilineStart: Pattern?
    /// `redact`: what matches is replaced by ``redaction`` before anything is written.
    package var redact: [Pattern]

    /// What stands in place of what was redacted.
    package static let redaction = "<redacted>"

    package init(
        paths: [String],
        source: String? = nil,
        start: Start = .end,
        format: Format = .auto,
        multilineStart: Pattern? = nil,
        redact: [Pattern] = []
    ) {
        (self.paths, self.source, self.start, self.format) = (paths, source, start, format)
        (self.multilineStart, self.redact) = (multilineStart, redact)
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
        if source?.isEmpty == true {
            problems.append(("source", "it is empty", "write a name, or leave the key out"))
        }
        return problems
    }
}
