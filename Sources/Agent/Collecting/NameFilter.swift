package import Matching

/// Which names of devices, types or fields are taken: node_exporter's `…-include` and `…-exclude` flags, regular expressions found anywhere in a name.
package struct NameFilter: Sendable, Hashable {
    /// Takes every name.
    package static let all = NameFilter(include: nil, exclude: nil)

    package let include: Pattern?
    package let exclude: Pattern?

    /// - Parameters:
    ///   - include: nil: every name, as far as `exclude` lets it.
    ///   - exclude: nil: none is left out.
    package init(include: Pattern? = nil, exclude: Pattern? = nil) { (self.include, self.exclude) = (include, exclude) }

    /// The same from patterns that stand in the code.
    /// - Precondition: both are patterns.
    init(including include: String? = nil, excluding exclude: String? = nil) {
        self.init(include: include.map(Self.compiled), exclude: exclude.map(Self.compiled))
    }

    /// True when no name needs to be looked at.
    var takesAll: Bool { include == nil && exclude == nil }

    func takes(_ name: String) -> Bool {
        if let include, !include.matches(name) { return false }
        if let exclude, exclude.matches(name) { return false }
        return true
    }

    package static func == (a: NameFilter, b: NameFilter) -> Bool {
        a.include?.source == b.include?.source && a.exclude?.source == b.exclude?.source
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(include?.source)
        hasher.combine(exclude?.source)
    }

    private static func compiled(_ source: String) -> Pattern {
        do throws(PatternError) { return try Pattern(source) } catch { preconditionFailure("\(error)") }
    }
}
