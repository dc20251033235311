import Collecting
package import Configuring
import Controlling
import Glibc
import Judging
import Logging
import Matching
import Rules
import Shipping
import Spooling
import Tailing
import Transferring

extension AgentConfig {
    /// Reads the file and what it names (rule files, token, certificates). Every mistake is added to `problems`; a default goes on in its place.
    /// - Parameters:
    ///   - path: nil: no file, only the defaults and the environment.
    ///   - hostName: of this system; stands in for `host`.
    ///   - environment: of the process, or a test's.
    package static func read(
        path: String?,
        hostName: String = systemHostName(),
        environment: @escaping (String) -> String?,
        problems: ConfigProblems
    ) -> AgentConfig {
        let root = path.flatMap { ConfigFile.load($0, problems: problems) }
        let reader = ConfigReader(root, file: path ?? "the environment", problems: problems, environment: environment)
        let folder = path.map { $0.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") }
        let config = AgentConfig(
            host: readHost(reader, hostName),
            tags: readTags(reader),
            logLevel: readLogLevel(reader.section("log")),
            spool: readSpool(reader.section("spool")),
            shipping: readShipping(reader),
            controlSocket: readControl(reader.section("control")),
            metricsListen: readMetrics(reader.section("metrics")),
            collect: readCollect(reader.section("collect")),
            tails: reader.sections("tail").map { readTail($0) },
            syslog: readSyslog(reader),
            journal: readJournal(reader),
            alarm: readAlarm(reader),
            judge: JudgeConfig(
                patterns: readPatterns(reader),
                groups: RuleFile.groups(namedBy: reader, folder: folder, default: ruleFilesDefault, problems: problems)
            )
        )
        reader.finish()
        return config
    }

    /// gethostname(2), or `localhost` where there is none.
    package static func systemHostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? "localhost" : name
    }

    private static func readHost(_ reader: ConfigReader, _ hostName: String) -> String {
        let expected = "a host name: 1 to \(nameBytesMax) bytes without blanks"
        return reader.parsed("host", expecting: expected) { text in
            !text.isEmpty && text.utf8.count <= nameBytesMax && !text.contains { $0.isWhitespace } ? text : nil
        } ?? hostName
    }

    private static func readTags(_ reader: ConfigReader) -> [String] {
        let tags = reader.strings("tags") ?? []
        for tag in tags where tag.isEmpty || tag.utf8.count > nameBytesMax {
            reader.report("tags", "\"\(tag.prefix(40))\" is empty or too long", "write 1 to \(nameBytesMax) bytes")
        }
        if tags.count > tagsMax { reader.report("tags", "\(tags.count) tags are too many", "keep at most \(tagsMax)") }
        return tags
    }

    private static func readLogLevel(_ reader: ConfigReader) -> Logger.Level {
        let levels: [Logger.Level] = [.debug, .info, .notice, .warning, .error]
        defer { reader.finish() }
        return reader.choice("level", levels.map { ($0.rawValue, $0) }, default: .info)
    }

    private static func readControl(_ reader: ConfigReader) -> String {
        defer { reader.finish() }
        guard let path = absolutePath(reader, "socket") else { return ControlClient.pathDefault }
        if path.utf8.count > ControlServer.pathBytesMax {
            reader.report("socket", "\"\(path)\" is longer than a socket's path may be", "write at most \(ControlServer.pathBytesMax) bytes")
        }
        return path
    }

    private static func readPatterns(_ reader: ConfigReader) -> [LogPattern] {
        var lines: [String: Int] = [:]
        return reader.sections("patterns").compactMap { section in
            defer { section.finish() }
            let (name, match) = (section.requiredString("name"), section.requiredString("match"))
            if let first = lines.updateValue(section.node?.line ?? 0, forKey: name), !name.isEmpty {
                section.report("name", "\"\(name)\" stands on line \(first) already", "give each pattern its own name")
            }
            guard !match.isEmpty, let pattern = pattern(match, at: "match", section) else { return nil }
            return LogPattern(name: name, pattern: pattern)
        }
    }

    static func pattern(_ text: String, at key: String, _ reader: ConfigReader) -> Pattern? {
        do throws(PatternError) { return try Pattern(text, anchoring: .unanchored) } catch {
            reader.report(key, "\(error)", "write a regular expression of RE2's language (no backreferences, no look-around)")
            return nil
        }
    }

    static func absolutePath(_ reader: ConfigReader, _ key: String) -> String? {
        guard var path = reader.string(key) else { return nil }
        guard path.hasPrefix("/") else {
            reader.report(key, "\"\(path)\" is not an absolute path", "write it from the root: \"/var/lib/…\"")
            return nil
        }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
