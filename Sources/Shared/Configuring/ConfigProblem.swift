/// One mistake in a configuration: where, what stands there and what is wrong, what to write.
package struct ConfigProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// From 1; 0 when the problem belongs to no line (a file that is missing, an environment variable).
    package var line: Int
    /// The path of the key: `spool.max_size`, `tail[1].paths`; empty for the whole file.
    package var key: String
    package var problem: String
    /// An imperative: `write "512MiB"`.
    package var remedy: String

    package init(file: String, line: Int, key: String, problem: String, remedy: String) {
        (self.file, self.line, self.key, self.problem, self.remedy) = (file, line, key, problem, remedy)
    }

    /// `file:line: key: what stands there, what is wrong; what to write`
    package var description: String {
        let place = line > 0 ? "\(file):\(line): " : "\(file): "
        return place + (key.isEmpty ? "" : "\(key): ") + problem + (remedy.isEmpty ? "" : "; \(remedy)")
    }
}

/// Collects every problem of one run, so that an operator mends them all at once.
package final class ConfigProblems {
    private var collected: [ConfigProblem] = []

    package init() {}

    package func add(_ problem: ConfigProblem) {
        // A value that is read twice (two rooms ask for it) is still one problem.
        if !collected.contains(problem) { collected.append(problem) }
    }

    /// In the order of files as they were read, then of lines.
    package var all: [ConfigProblem] {
        var order = [String: Int]()
        for problem in collected where order[problem.file] == nil { order[problem.file] = order.count }
        return collected.enumerated().sorted { a, b in
            (order[a.element.file] ?? 0, a.element.line, a.offset) < (order[b.element.file] ?? 0, b.element.line, b.offset)
        }.map(\.element)
    }

    package var isEmpty: Bool { collected.isEmpty }
}
