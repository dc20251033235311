/// What judging may use. Each limit that is reached is counted in the room's metrics.
package struct JudgingLimits: Sendable, Hashable {
    /// Series kept for rules. A host of ours has about 1 000 in all; what rules read is a part of them. New ones above it are not judged.
    package var seriesMax = 10_000
    /// Points kept, all series together: 16 MB. A series' oldest points go first.
    package var pointsMax = 1_000_000
    /// Series whose labels are remembered with the host's added, judged or not; beyond it they are worked out anew.
    package var knownSeriesMax = 50_000
    /// Samples that one rule may touch in one evaluation.
    package var samplesPerRuleMax = 5_000_000

    package init() {}

    /// How often a firing alert is sent again, so that the aggregator can tell a lost resolution from a long alert.
    static let resendInterval = Duration.seconds(60)
    /// How often the state is stored although nothing changed, so that after a crash it is known how long nobody looked.
    static let storeInterval = Duration.seconds(60)
    /// The wall clock and the monotonic clock may drift apart so far between two looks; more is a clock that was set.
    static let clockStepMin = Duration.seconds(2)
    /// Longest time that the absence of a restored alert means nothing, however long the ranges of its rule are.
    static let heldMax = Duration.seconds(3600)
    /// How often series without new points are looked for.
    static let sweepInterval = Duration.seconds(60)
    /// Most bytes of a rule's error shown in the status.
    static let errorBytesMax = 1_000
}
