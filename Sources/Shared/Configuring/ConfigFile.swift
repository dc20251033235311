import Glibc

/// Files of a configuration, read whole.
package enum ConfigFile {
    /// Longer files are refused: 4 MiB hold thirty thousand rules.
    package static let bytesMax = 4 << 20

    /// Reads and parses a file; a problem is added and nil given when that fails.
    package static func load(_ path: String, problems: ConfigProblems) -> YAMLNode? {
        let text: String
        do throws(ConfigProblem) { text = try read(path) } catch {
            problems.add(error)
            return nil
        }
        do throws(YAMLError) { return try YAML.parse(text) } catch {
            problems.add(ConfigProblem(file: path, line: error.line, key: "", problem: error.problem, remedy: error.remedy))
            return nil
        }
    }

    /// The whole text of a file.
    package static func read(_ path: String) throws(ConfigProblem) -> String {
        func failure(_ problem: String, _ remedy: String) -> ConfigProblem {
            ConfigProblem(file: path, line: 0, key: "", problem: problem, remedy: remedy)
        }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = unsafe String(cString: strerror(errno))
            throw failure("cannot be read: \(reason)", errno == ENOENT ? "create it, or name another file" : "check its owner and mode")
        }
        defer { close(descriptor) }
        var bytes = [UInt8]()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 { throw failure("cannot be read: \(unsafe String(cString: strerror(errno)))", "check that it is a regular file") }
            if count == 0 { break }
            bytes += buffer[..<count]
            if bytes.count > bytesMax { throw failure("is larger than \(bytesMax >> 20) MiB", "split it") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("is not UTF-8", "save it as UTF-8") }
        return text
    }

    /// A secret's file without the line feed at its end.
    package static func secret(_ path: String) throws(ConfigProblem) -> Secret {
        var text = try read(path)
        while text.last == "\n" || text.last == "\r\n" { text.removeLast() }
        return Secret(text)
    }

    /// The files that a pattern names, sorted; glob(7). A pattern without `*`, `?` and `[` is taken as it stands.
    package static func matches(of pattern: String) -> [String] {
        guard isPattern(pattern) else { return [pattern] }
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0 else { return [] }
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in unsafe found.gl_pathv[index].map { unsafe String(cString: $0) } }
    }

    package static func isPattern(_ path: String) -> Bool { path.contains { $0 == "*" || $0 == "?" || $0 == "[" } }
}
