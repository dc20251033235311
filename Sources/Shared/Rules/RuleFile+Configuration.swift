package import Configuring
import Glibc

extension RuleFile {
    /// The groups of a configuration's `rule_files`: paths and patterns, every file once, in the order of the list. A path is taken as seen from the
    /// configuration's folder, as Prometheus does; one that is missing is a mistake, a pattern may match nothing.
    /// - Parameters:
    ///   - reader: of the level that holds `rule_files`.
    ///   - folder: of the configuration; nil: paths are taken as they stand.
    ///   - fallback: the path or pattern where the key is not there; nil: none.
    package static func groups(
        namedBy reader: ConfigReader,
        folder: String?,
        default fallback: String?,
        problems: ConfigProblems
    ) -> [RuleGroup] {
        let named = reader.located("rule_files") ?? (reader.has("rule_files") ? [] : fallback.map { [(text: $0, line: 0)] } ?? [])
        var (seen, groups): (Set<String>, [RuleGroup]) = ([], [])
        for (text, line) in named {
            let path = text.hasPrefix("/") || folder == nil || folder == "" ? text : "\(folder ?? "")/\(text)"
            if !ConfigFile.isPattern(path), unsafe access(path, R_OK) != 0 {
                let reason = unsafe String(cString: strerror(errno))
                let node = YAMLNode(.scalar(text, isPlain: true), line: line, column: 1)
                reader.report(at: node, "rule_files", "\(path) cannot be read: \(reason)", "create it, name another file, or write a pattern with *")
                continue
            }
            for file in ConfigFile.matches(of: path) where seen.insert(file).inserted {
                groups += RuleFile.load(path: file, problems: problems).groups
            }
        }
        return groups
    }
}
