package import Telemetry

/// What an expression is worth.
package enum ExpressionValue: Sendable, Hashable {
    case scalar(Point)
    case string(String, at: Timestamp)
    /// Each sample at the time of the evaluation; in no particular order unless the expression sorts.
    case vector([Sample])
    /// Of a range evaluation sorted by labels.
    case matrix([SeriesSamples])
}

/// The four types of PromQL.
package enum ExpressionType: String, Sendable, Hashable {
    case scalar, string
    case vector = "instant vector"
    case matrix = "range vector"

    /// With its article, for sentences.
    var phrase: String { self == .vector ? "an instant vector" : "a \(rawValue)" }
}
