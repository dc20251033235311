/// What became of a configuration that was read again.
package struct ConfigurationReload: Sendable, Hashable {
    /// Every mistake, as a sentence with its file and line; empty: it is in force.
    package var problems: [String]
    /// Sections that differ and count after a restart only.
    package var needsRestart: [String]

    package init(problems: [String] = [], needsRestart: [String] = []) { (self.problems, self.needsRestart) = (problems, needsRestart) }
}
