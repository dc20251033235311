import Blocks
import Telemetry

/// How many events were stored, by source, type, severity and host. Pure: blocks in, changes and samples out.
///
/// Each event counts in one of two series: `tocsin_events_total`, or `tocsin_events_late_total` when it was more than ``CountingLimits/lateAfter`` old on
/// arrival. Together they are all events of the log. A block can hold nearly as many label sets as rows, so a row costs one look into ``SeriesIndex``, by
/// numbers, where it is counted too; texts are hashed once a block, and series are looked at before they are written or shown.
struct EventCounts: Sendable {
    static let metricName = "tocsin_events_total"
    static let lateMetricName = "tocsin_events_late_total"
    /// In place of source, type and host where there are too many label sets.
    static let other = "other"

    struct Key: Sendable, Hashable {
        var source: String
        var type: String
        var host: String
        var severity: Severity
        var isLate: Bool

        var series: Labels {
            Labels(
                name: isLate ? EventCounts.lateMetricName : EventCounts.metricName,
                [Label("source", source), Label("type", type), Label("host", host), Label("severity", severity.label)]
            )
        }
    }

    struct Count: Sendable, Hashable {
        var total: UInt64
        /// By our clock.
        var grewAt: Timestamp
    }

    private struct Series: Sendable {
        let key: Key
        var count: Count
        /// To be written: since the last ``takeChanges()``.
        var isChanged = false
        /// To be shown: since the last ``samples(at:all:)``.
        var isGrown = false
        /// Not in the log yet: its first sample is preceded by one of zero, so that its first growth is seen as one.
        var isNew = false

        /// What it was before: changed, grown.
        mutating func grow(by events: Int, now: Timestamp) -> (Bool, Bool) {
            defer { (isChanged, isGrown) = (true, true) }
            count.total &+= UInt64(events)
            count.grewAt = now
            return (isChanged, isGrown)
        }
    }

    private var series: [Series] = []
    private var index = SeriesIndex()
    /// When the last block was taken.
    private var countedAt = Timestamp(nanoseconds: 0)
    /// Numbers of those that changed or grew.
    private var (changed, grown): ([Int], [Int]) = ([], [])
    /// Numbers of the series that take what is folded, by severity and lateness; nil: none yet.
    private var others = noOthers
    private var forgotten: Set<Key> = []
    private(set) var shownAt: Timestamp?
    /// Events that were counted as `other`, since the start.
    private(set) var folded = 0
    var seriesMax: Int

    init(seriesMax: Int, restoring stored: [Key: Count] = [:]) {
        self.seriesMax = seriesMax
        for (key, count) in stored { insert(Series(key: key, count: count)) }
    }

    var counts: [Key: Count] {
        var settled = self
        settled.settle()
        return Dictionary(uniqueKeysWithValues: settled.series.map { ($0.key, $0.count) })
    }
    var seriesCount: Int { series.count }
    var hasGrown: Bool { !grown.isEmpty || index.hasCounted }

    /// - Returns: false when there is no number left for its texts.
    @discardableResult
    private mutating func insert(_ new: Series) -> Bool {
        guard index.insert(new.key, as: series.count) else { return false }
        series.append(new)
        return true
    }

    // MARK: Blocks

    /// - Parameters:
    ///   - host: of the agent, for rows that name none.
    ///   - repeated: rows that were stored before.
    mutating func take(_ block: EventLabelColumns, host: String, receivedAt: Timestamp, repeated: Set<UInt32>, now: Timestamp) {
        let lateBefore = receivedAt.advanced(by: .zero - CountingLimits.lateAfter).nanoseconds
        let sources = block.sources.values.map(Self.bounded)
        let types = block.types.values.map(Self.bounded)
        let hosts = block.hosts.values.map { Self.bounded($0.isEmpty ? host : $0) }
        // By code: the number of the text.
        var sourceNumbers = sources.map { index.number(of: $0) }
        var typeNumbers = types.map { index.number(of: $0) }
        var hostNumbers = hosts.map { index.number(of: $0) }
        countedAt = now
        let (sourceCodes, typeCodes, hostCodes) = (block.sources.allCodes(), block.types.allCodes(), block.hosts.allCodes())
        for row in 0..<block.count where repeated.isEmpty || !repeated.contains(UInt32(row)) {
            let (source, type, host) = (Int(sourceCodes[row]), Int(typeCodes[row]), Int(hostCodes[row]))
            let (severity, isLate) = (block.severity(at: row), block.timestamps[row] < lateBefore)
            let packed = SeriesIndex.packed(sourceNumbers[source], typeNumbers[type], hostNumbers[host], severity, isLate)
            if let packed, index.count(packed) { continue }
            if series.count >= seriesMax {
                folded += 1
                grow(numberOfOthers(severity, isLate), now: now)
                continue
            }
            let key = Key(source: sources[source], type: types[type], host: hosts[host], severity: severity, isLate: isLate)
            grow(number(ofNew: key), now: now)
            sourceNumbers[source] = index.number(of: key.source)
            typeNumbers[type] = index.number(of: key.type)
            hostNumbers[host] = index.number(of: key.host)
        }
    }

    /// Gives what was counted to the series.
    private mutating func settle() {
        for (number, events) in index.takeCounted() { grow(number, by: events, now: countedAt) }
    }

    private mutating func grow(_ number: Int, by events: Int = 1, now: Timestamp) {
        let (wasChanged, wasGrown) = series[number].grow(by: events, now: now)
        if !wasChanged { changed.append(number) }
        if !wasGrown { grown.append(number) }
    }

    /// Of a label set that is not counted yet: a new series, or that of the others where there is no number left for its texts.
    private mutating func number(ofNew wanted: Key) -> Int {
        if insert(Series(key: wanted, count: Self.none, isNew: true)) { return series.count - 1 }
        folded += 1
        return numberOfOthers(wanted.severity, wanted.isLate)
    }

    /// Of what is folded. With too many label sets that is most rows, so it takes no look at texts.
    private mutating func numberOfOthers(_ severity: Severity, _ isLate: Bool) -> Int {
        let place = Int(severity.rawValue) << 1 | (isLate ? 1 : 0)
        if let known = others[place] { return known }
        let key = Key(source: Self.other, type: Self.other, host: Self.other, severity: severity, isLate: isLate)
        if index.number(of: key) == nil { insert(Series(key: key, count: Self.none, isNew: true)) }
        let number = index.number(of: key) ?? series.count - 1
        others[place] = number
        return number
    }

    private static let none = Count(total: 0, grewAt: Timestamp(nanoseconds: 0))
    private static let noOthers = [Int?](repeating: nil, count: Severity.allCases.count * 2)

    private static func bounded(_ text: String) -> String {
        text.utf8.count <= CountingLimits.labelCharactersMax ? text : String(text.prefix(CountingLimits.labelCharactersMax))
    }

    // MARK: Time

    /// Lets go of counts that no longer grow.
    mutating func forget(at now: Timestamp) {
        settle()
        func isOver(_ series: Series) -> Bool { now.duration(since: series.count.grewAt) > CountingLimits.forgetAfter && !series.isGrown }
        guard series.contains(where: isOver) else { return }
        let old = series
        (series, index, changed, grown, others) = ([], SeriesIndex(), [], [], Self.noOthers)
        for each in old {
            if isOver(each) {
                forgotten.insert(each.key)
                continue
            }
            insert(each)
            if each.isChanged { changed.append(series.count - 1) }
            if each.isGrown { grown.append(series.count - 1) }
        }
    }

    // MARK: Outward

    /// What must be written: the count, or nil where it was forgotten.
    mutating func takeChanges() -> [Key: Count?] {
        settle()
        var changes: [Key: Count?] = [:]
        for key in forgotten { changes[key] = .some(nil) }
        for number in changed {
            changes[series[number].key] = series[number].count
            series[number].isChanged = false
        }
        (changed, forgotten) = ([], [])
        return changes
    }

    /// What grew, or everything, as samples of this moment. ``wereShown(_:at:)`` must follow when they are in the log.
    mutating func samples(at now: Timestamp, all: Bool) -> [Sample] {
        settle()
        let moment = moment(now)
        let zeroAt = shownAt.flatMap { $0 < moment ? $0 : nil } ?? moment.advanced(by: .zero - CountingLimits.showEvery)
        var samples: [Sample] = []
        for number in all ? Array(series.indices) : grown {
            let (labels, each) = (series[number].key.series, series[number])
            if each.isNew { samples.append(Sample(series: labels, timestamp: zeroAt, value: 0)) }
            samples.append(Sample(series: labels, timestamp: moment, value: Double(each.count.total)))
        }
        return samples
    }

    mutating func wereShown(at now: Timestamp) {
        shownAt = moment(now)
        for number in grown { (series[number].isGrown, series[number].isNew) = (false, false) }
        grown = []
    }

    /// Never before what was shown: a counter that seems to shrink is taken for one that began anew. A clock that was set back by more is followed.
    private func moment(_ now: Timestamp) -> Timestamp {
        guard let shownAt, now <= shownAt, shownAt.duration(since: now) < .seconds(60) else { return now }
        return shownAt.advanced(by: .milliseconds(1))
    }
}
