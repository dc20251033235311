/// Reads one mapping of a configuration by type. What is wrong is collected and a default goes on in its place, so that one run finds every
/// mistake. Ask for each key that there is, then call ``finish()``: it refuses the keys that nobody asked for.
///
/// Precedence of a scalar: environment variable (`TOCSIN_SPOOL_MAX_SIZE` for `spool.max_size`) over the file over the default.
package final class ConfigReader {
    /// Nil when the section is not in the file; null counts as that.
    package let node: YAMLNode?
    package let file: String
    /// `spool`, `tail[1]`; empty at the top.
    package let path: String
    package let problems: ConfigProblems
    private let environment: (String) -> String?
    private let environmentPrefix: String?
    private var asked: [String] = []

    /// The reader of a whole file.
    package convenience init(_ root: YAMLNode?, file: String, problems: ConfigProblems, environment: @escaping (String) -> String? = { _ in nil }) {
        self.init(root, file: file, path: "", problems: problems, environment: environment, environmentPrefix: "TOCSIN")
    }

    private init(
        _ node: YAMLNode?,
        file: String,
        path: String,
        problems: ConfigProblems,
        environment: @escaping (String) -> String?,
        environmentPrefix: String?
    ) {
        (self.file, self.path, self.problems) = (file, path, problems)
        (self.environment, self.environmentPrefix) = (environment, environmentPrefix)
        let given = node.flatMap { $0.isNull ? nil : $0 }
        self.node = given?.mapping == nil ? nil : given
        if let given, self.node == nil {
            problem(at: given.line, path, "\(given.summary) stands where a mapping belongs", "write key: value pairs, indented")
        }
    }

    // MARK: Problems

    /// Adds a problem at a key of this mapping, or at the mapping itself when the key is not there.
    package func report(_ key: String, _ problem: String, _ remedy: String) {
        let line = entry(key)?.line ?? node?.line ?? 0
        self.problem(at: line, key.isEmpty ? path : join(key), problem, remedy)
    }

    /// Adds a problem at a node that the caller took apart by itself.
    package func report(at node: YAMLNode, _ key: String, _ problem: String, _ remedy: String) {
        self.problem(at: node.line, join(key), problem, remedy)
    }

    private func problem(at line: Int, _ key: String, _ problem: String, _ remedy: String) {
        self.problem(at: Place(file: file, line: line), key, problem, remedy)
    }

    private func problem(at place: Place, _ key: String, _ problem: String, _ remedy: String) {
        problems.add(ConfigProblem(file: place.file, line: place.line, key: key, problem: problem, remedy: remedy))
    }

    /// Where a value comes from: a line of the file, or a variable.
    private struct Place {
        var file: String
        var line: Int
    }

    /// Refuses the keys that nobody asked for, with the nearest known one.
    package func finish() {
        for entry in node?.mapping ?? [] where !asked.contains(entry.key) {
            let near = asked.min { distance($0, entry.key) < distance($1, entry.key) }
            let remedy: String
            if let near, distance(near, entry.key) <= max(1, entry.key.count / 3) {
                remedy = "did you mean \(near)?"
            } else {
                remedy = "remove it; known here: \(asked.sorted().joined(separator: ", "))"
            }
            problem(at: entry.line, join(entry.key), "there is no such key", remedy)
        }
    }

    // MARK: Structure

    /// Whether the key is in the file and not null.
    package func has(_ key: String) -> Bool { value(key) != nil }

    package func section(_ key: String) -> ConfigReader {
        let prefix = environmentPrefix.map { "\($0)_\(key.uppercased())" }
        return ConfigReader(value(key), file: file, path: join(key), problems: problems, environment: environment, environmentPrefix: prefix)
    }

    /// A list of mappings; empty when the key is not there.
    /// - Parameter onlyMappings: other elements are the caller's to read, and are passed over.
    package func sections(_ key: String, onlyMappings: Bool = false) -> [ConfigReader] {
        guard let value = value(key) else { return [] }
        guard let items = value.sequence else {
            report(key, "\(value.summary) stands where a list belongs", "write a list: - {…}")
            return []
        }
        return items.enumerated().filter { !onlyMappings || $0.element.mapping != nil }.map { index, item in
            if item.mapping == nil {
                problem(at: item.line, "\(join(key))[\(index)]", "\(item.summary) stands where a mapping belongs", "write {key: value}")
            }
            return ConfigReader(
                item.mapping == nil ? nil : item,
                file: file,
                path: "\(join(key))[\(index)]",
                problems: problems,
                environment: environment,
                environmentPrefix: nil
            )
        }
    }

    /// The node itself, for values of a shape of their own; the key counts as asked for.
    package func value(_ key: String) -> YAMLNode? {
        if !asked.contains(key) { asked.append(key) }
        return entry(key).flatMap { $0.value.isNull ? nil : $0.value }
    }

    private func entry(_ key: String) -> YAMLEntry? { node?.mapping?.first { $0.key == key } }

    private func join(_ key: String) -> String { path.isEmpty ? key : key.isEmpty ? path : "\(path).\(key)" }

    // MARK: Scalars

    /// The scalar's text, from the environment or the file; nil when neither has it.
    package func string(_ key: String) -> String? { scalar(key)?.text }

    package func string(_ key: String, default fallback: String) -> String { string(key) ?? fallback }

    /// A text that must be there and not be empty; an empty text stands in where it is not.
    package func requiredString(_ key: String) -> String {
        if let text = string(key), !text.isEmpty { return text }
        if value(key) == nil { report(key, "missing", "write \(key): …") } else if string(key) == "" { report(key, "empty", "write \(key): …") }
        return ""
    }

    package func bool(_ key: String, default fallback: Bool) -> Bool {
        parsed(key, expecting: "true or false") { $0 == "true" ? true : $0 == "false" ? false : nil } ?? fallback
    }

    package func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int> = 0...Int.max) -> Int {
        let expected =
            range.upperBound == .max ? "a whole number from \(range.lowerBound)" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return parsed(key, expecting: expected) { Int($0).flatMap { range.contains($0) ? $0 : nil } } ?? fallback
    }

    package func number(_ key: String, default fallback: Double, in range: ClosedRange<Double>) -> Double {
        parsed(key, expecting: "a number from \(range.lowerBound) to \(range.upperBound)") { Double($0).flatMap { range.contains($0) ? $0 : nil } }
            ?? fallback
    }

    /// `10s`, `5m`, `1h30m`, `9d`.
    package func duration(_ key: String, default fallback: Duration, in range: ClosedRange<Duration> = .zero ... .seconds(10 * 365 * 86_400))
        -> Duration
    {
        optionalDuration(key, in: range) ?? fallback
    }

    package func optionalDuration(_ key: String, in range: ClosedRange<Duration> = .zero ... .seconds(10 * 365 * 86_400)) -> Duration? {
        guard let (text, place) = scalar(key) else { return nil }
        guard let duration = Quantity.duration(text) else {
            let hint = Double(text) != nil ? "\"\(text)\" has no unit; write \"\(text)s\", \"\(text)m\" or \"\(text)d\"" : nil
            problem(at: place, join(key), hint ?? "\"\(text)\" is not a duration; write one like \"10s\", \"5m\" or \"1h30m\"", "")
            return nil
        }
        guard range.contains(duration) else {
            let limits = "\(Quantity.text(of: range.lowerBound)) to \(Quantity.text(of: range.upperBound))"
            problem(at: place, join(key), "\"\(text)\" is out of range", "write a duration of \(limits)")
            return nil
        }
        return duration
    }

    /// `512MiB`, `16MB`.
    package func bytes(_ key: String, default fallback: UInt64, in range: ClosedRange<UInt64> = 0...(1 << 60)) -> UInt64 {
        guard let (text, place) = scalar(key) else { return fallback }
        guard let count = Quantity.bytes(text) else {
            let hint =
                UInt64(text) != nil
                ? "\"\(text)\" has no unit; write \"\(text)MiB\"" : "\"\(text)\" is not a size; write one like \"512MiB\" or \"2GiB\""
            problem(at: place, join(key), hint, "")
            return fallback
        }
        guard range.contains(count) else {
            let limits = "\(Quantity.text(ofBytes: range.lowerBound)) to \(Quantity.text(ofBytes: range.upperBound))"
            problem(at: place, join(key), "\"\(text)\" is out of range", "write a size of \(limits)")
            return fallback
        }
        return count
    }

    /// One of a few words.
    package func choice<Value>(_ key: String, _ choices: [(String, Value)], default fallback: Value) -> Value {
        let words = choices.map(\.0).joined(separator: ", ")
        return parsed(key, expecting: "one of \(words)") { text in choices.first { $0.0 == text }?.1 } ?? fallback
    }

    package func secret(_ key: String) -> Secret? { string(key).map { Secret($0) } }

    /// A scalar through a parser of the caller's; a problem is added when it gives nil.
    /// - Parameter expecting: what belongs there, in words: `true or false`.
    package func parsed<Value>(_ key: String, expecting: String, _ parse: (String) -> Value?) -> Value? {
        guard let (text, place) = scalar(key) else { return nil }
        if let value = parse(text) { return value }
        problem(at: place, join(key), "\"\(text.prefix(80))\" is not \(expecting)", "write \(expecting)")
        return nil
    }

    private func scalar(_ key: String) -> (text: String, place: Place)? {
        let node = value(key)
        if let environmentPrefix {
            let variable = "\(environmentPrefix)_\(key.uppercased())"
            if let text = environment(variable) { return (text, Place(file: "environment variable \(variable)", line: 0)) }
        }
        guard let node else { return nil }
        guard let text = node.scalar else {
            report(key, "\(node.summary) stands where a single value belongs", "write \(key): VALUE")
            return nil
        }
        return (text, Place(file: file, line: node.line))
    }

    // MARK: Lists and maps of words

    /// A list of words; a single word counts as a list of one only where `orOne` says so. Nil when the key is not there.
    package func strings(_ key: String, orOne: Bool = false) -> [String]? { located(key, orOne: orOne)?.map(\.text) }

    /// The same with the line of each word.
    package func located(_ key: String, orOne: Bool = false) -> [(text: String, line: Int)]? {
        guard let value = value(key) else { return nil }
        if orOne, let text = value.scalar { return [(text, value.line)] }
        guard let items = value.sequence else {
            let example = value.scalar ?? "…"
            report(key, "\(value.summary) stands where a list belongs", "write \(key): [\(example)]")
            return nil
        }
        return items.enumerated().compactMap { index, item in
            if let text = item.scalar { return (text, item.line) }
            problem(at: item.line, "\(join(key))[\(index)]", "\(item.summary) stands where a word belongs", "write a word")
            return nil
        }
    }

    /// A mapping from words to words, in the order of the file. Nil when the key is not there.
    package func map(_ key: String) -> [(key: String, value: String, line: Int)]? {
        guard let value = value(key) else { return nil }
        guard let entries = value.mapping else {
            report(key, "\(value.summary) stands where a mapping belongs", "write \(key): {name: value}")
            return nil
        }
        return entries.compactMap { entry in
            if let text = entry.value.scalar { return (entry.key, text, entry.value.line) }
            if entry.value.isNull { return (entry.key, "", entry.line) }
            problem(at: entry.line, "\(join(key)).\(entry.key)", "\(entry.value.summary) stands where a word belongs", "write \(entry.key): WORD")
            return nil
        }
    }
}

/// Levenshtein's distance: how many letters differ.
private func distance(_ a: String, _ b: String) -> Int {
    let (first, second) = (Array(a.utf8), Array(b.utf8))
    var row = Array(0...second.count)
    for (i, x) in first.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in second.enumerated() {
            let cost = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
            (diagonal, row[j + 1]) = (row[j + 1], cost)
        }
    }
    return row[second.count]
}
