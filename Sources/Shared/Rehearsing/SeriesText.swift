import Expressions
package import Telemetry

extension Labels {
    /// A series as PromQL writes it: `up{job="node"}`, `{__name__="up"}`, `{}`.
    package init(seriesText text: String) throws(SeriesNotation.Problem) {
        let trimmed = text.drop(while: \.isWhitespace)
        if trimmed.isEmpty || trimmed.filter({ !$0.isWhitespace }) == "{}" {
            self = .empty
            return
        }
        let matchers: [LabelMatcher]?
        do throws(ParseError) { matchers = try Expression(parsing: text).plainSelector } catch {
            throw SeriesNotation.Problem(description: "\"\(text)\" is no series: \(error.problem); \(error.remedy)")
        }
        guard let matchers, matchers.allSatisfy({ $0.operation == .equal }) else {
            throw SeriesNotation.Problem(description: "\"\(text)\" is no series: write name{label=\"value\"}")
        }
        self.init(matchers.filter { !$0.value.isEmpty }.map { Label($0.name, $0.value) })
    }
}
