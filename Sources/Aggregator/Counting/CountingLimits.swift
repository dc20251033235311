/// The limits of this room: numbers, units, and why.
enum CountingLimits {
    /// Blocks read from the log at a time: a few MB in memory.
    static let blocksPerRead = 64
    /// An event that is older than this when it arrives is late: it is counted apart, because a counter grows where it is looked at, and a host that
    /// delivers last week must not look like an outburst of now.
    static let lateAfter = Duration.seconds(300)
    /// Counts that grew are written and shown so often. At once where nothing grew for so long.
    static let showEvery = Duration.seconds(5)
    /// While events come in a stream, they are read so often: before they are sealed, because what is in memory costs least to read.
    static let gatherFor = Duration.milliseconds(25)
    /// All counts are shown so often: well within PromQL's look-back of five minutes.
    static let showAllEvery = Duration.seconds(60)
    /// A count that did not grow for so long leaves the list and makes room for others.
    static let forgetAfter = Duration.seconds(30 * 86_400)
    /// How often it is looked for such counts.
    static let forgetEvery = Duration.seconds(3600)
    /// Blocks counted when the state is new but the log is not.
    static let rereadBlocksMax: UInt64 = 20_000
    /// Characters of a source, type or host as a label's value; the rest is cut.
    static let labelCharactersMax = 256
    /// The first wait after a failure; doubled up to `retryCap`.
    static let retryBase = Duration.milliseconds(250)
    static let retryCap = Duration.seconds(30)
}

/// What Counting is told by `aggregator.yaml`; checked once, by the wiring.
package struct CountingConfig: Sendable, Hashable {
    /// The SQLite file with the cursor and the counts. Default: `counting.db` in `storage.path`.
    package var path: String
    /// `limits.event_series`: label sets of `tocsin_events_total`. What is over it is counted under `other`. Default 10 000.
    package var seriesMax: Int

    package init(path: String, seriesMax: Int = 10_000) { (self.path, self.seriesMax) = (path, seriesMax) }
}

/// Why the room cannot begin. While it runs it reports failures, waits and tries again instead.
package enum CountingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file of the room's state cannot be used; the sentence says why and what to do. Nothing was changed.
    case stateUnusable(String)

    package var description: String {
        switch self {
        case .stateUnusable(let reason): "cannot open the counts of events: \(reason)"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString { "state_unusable" }
}
