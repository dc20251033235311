/// What rule files and alerts may be.
package enum RuleLimits {
    /// Rules in one file.
    package static let rulesMax = 10_000
    /// Alerts of one rule at a time; what is more is an error of the rule, as a group's `limit` is. One page about 1 000 things helps nobody.
    package static let alertsPerRuleMax = 1_000
    /// Longest label value after its template is filled in, bytes; the rest is cut. A name, not a text.
    package static let labelBytesMax = 1_024
    /// Longest annotation after its template is filled in, bytes; the rest is cut. Fits a screen of advice.
    package static let annotationBytesMax = 8 * 1_024
    /// How long a resolved alert stays in its rule's memory; Prometheus's `resolvedRetention`.
    package static let resolvedRetention = Duration.seconds(15 * 60)
    /// A pending alert found again after a longer absence begins its `for` anew: nobody saw the time between.
    package static let restoreGrace = Duration.seconds(10 * 60)
    /// How long after a restart an alert waits for series that are not there again before their absence counts: Prometheus's look-back, after
    /// which it would not have seen them without the restart either.
    package static let absentSeriesGrace = Duration.seconds(5 * 60)
}
