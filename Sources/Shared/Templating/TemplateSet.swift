package import Telemetry

/// Templates by name, as Alertmanager's `templates` files and rule files have them: Go's text/template, read, checked and run within limits.
package struct TemplateSet: Sendable {
    private let functions: [String: TemplateFunction]
    private var trees: [String: TemplateTree] = [:]

    /// - Parameter functions: that templates may call, by name; see ``TemplateFunction/builtIn``.
    package init(functions: [String: TemplateFunction]) { self.functions = functions }

    /// Sorted.
    package var names: [String] { trees.keys.sorted() }

    func tree(_ name: String) -> TemplateTree? { trees[name] }
    func function(_ name: String) -> TemplateFunction? { functions[name] }

    /// Reads a text: it is a template called `name`, and so is what it defines. A later one of a name takes an earlier one's place, unless it is empty.
    /// - Parameter file: stands in problems before the line; empty for a text of the configuration.
    /// - Returns: the names that stand for something else now.
    @discardableResult
    package mutating func add(_ text: String, name: String, file: String = "") throws(TemplateProblem) -> Set<String> {
        var changed: Set<String> = []
        for tree in try TemplateParser.parse(text, name: name, file: file, functions: functions) where !tree.isEmpty || trees[tree.name] == nil {
            trees[tree.name] = tree
            changed.insert(tree.name)
        }
        return changed
    }

    /// Follows a template through all its branches, and those that it calls, with values of the kinds that it will be given. Throws what is wrong with it
    /// whatever it is given: fields and templates that are not there, functions that are given the wrong things.
    /// - Parameter whole: an example of what it will be given. Its lists should not be empty.
    package func check(_ name: String, with whole: TemplateValue, now: Timestamp) throws(TemplateProblem) {
        var run = TemplateRun(set: self, now: now, isChecking: true, output: TemplateOutput(.none, bytesMax: .max))
        try run.template(name, with: whole)
    }

    /// - Parameters:
    ///   - whole: the dot, and `$`.
    ///   - now: for `since`.
    ///   - bytesMax: of what it makes; more is a problem of the kind `limit`.
    package func render(
        _ name: String,
        with whole: TemplateValue,
        now: Timestamp,
        escaping: TemplateEscaping = .none,
        bytesMax: Int
    ) throws(TemplateProblem) -> String {
        var run = TemplateRun(set: self, now: now, isChecking: false, output: TemplateOutput(escaping, bytesMax: bytesMax))
        try run.template(name, with: whole)
        return run.output.text
    }
}
