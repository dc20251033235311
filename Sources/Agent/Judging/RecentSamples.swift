import Expressions
import Telemetry

/// The points that rules still read, by series: each series as far back as the longest range, offset or look-back of a selector that matches it.
/// Series that no rule reads are not kept.
struct RecentSamples: SampleSource {
    private struct Slot {
        let series: Labels
        /// Nanoseconds before the newest point that are kept.
        let reach: Int64
        var points: [Point] = []
        /// Points before this one are out of reach; they are removed in bulk.
        var start = 0

        var count: Int { points.count - start }
    }

    private struct Wanted {
        let matchers: [LabelMatcher]
        let reach: Int64
    }

    private var limits: JudgingLimits
    private var slots: [Slot] = []
    private var slotsByName: [String: [Int]] = [:]
    private var slotBySeries: [Labels: Int] = [:]
    /// Selectors by metric name; those that name none under "".
    private var wanted: [String: [Wanted]] = [:]
    private(set) var pointCount = 0
    /// Series that were not kept because there are too many, and points that were dropped before their time.
    private(set) var refusedSeries = 0
    private(set) var droppedPoints = 0

    init(reading expressions: [Expression], limits: JudgingLimits) {
        self.limits = limits
        setWanted(expressions)
    }

    var seriesCount: Int { slots.count }

    private mutating func setWanted(_ expressions: [Expression]) {
        wanted = [:]
        for expression in expressions {
            for selector in expression.selectors() {
                // Twice the interval of slack, so that a point at the far end of a range is still there when the collection is late.
                let reach = selector.reach.wholeNanoseconds + 30_000_000_000
                wanted[selector.metricName ?? "", default: []].append(Wanted(matchers: selector.matchers, reach: reach))
            }
        }
    }

    /// Other rules: what they read too is kept, with its points; the rest goes.
    mutating func replace(reading expressions: [Expression], limits: JudgingLimits) {
        self.limits = limits
        let old = slots
        setWanted(expressions)
        (slots, slotsByName, slotBySeries, pointCount) = ([], [:], [:], 0)
        for slot in old {
            guard let index = slotIndex(for: slot.series) else { continue }
            slots[index].points = Array(slot.points[slot.start...])
            pointCount += slots[index].count
        }
    }

    /// Where a series is kept; nil when no rule reads it or there is no room.
    mutating func slotIndex(for series: Labels) -> Int? {
        if let index = slotBySeries[series] { return index }
        let name = series.name ?? ""
        var reach: Int64 = -1
        for selector in (wanted[name] ?? []) + (name.isEmpty ? [] : wanted[""] ?? []) where selector.reach > reach {
            if selector.matchers.allMatch(series) { reach = selector.reach }
        }
        guard reach >= 0 else { return nil }
        guard slots.count < limits.seriesMax else {
            refusedSeries += 1
            return nil
        }
        slots.append(Slot(series: series, reach: reach))
        slotBySeries[series] = slots.count - 1
        slotsByName[name, default: []].append(slots.count - 1)
        return slots.count - 1
    }

    /// Adds a point. One that is not newer than what is there replaces what is as new or newer: the clock went back a little.
    mutating func append(_ point: Point, to index: Int) {
        while slots[index].count > 0, let last = slots[index].points.last, last.timestamp >= point.timestamp {
            slots[index].points.removeLast()
            pointCount -= 1
        }
        slots[index].points.append(point)
        pointCount += 1
        let oldest = point.timestamp.nanoseconds - slots[index].reach
        while slots[index].count > 1, slots[index].points[slots[index].start].timestamp.nanoseconds < oldest { dropFirst(of: index) }
        if pointCount > limits.pointsMax {
            // Everybody gives from the oldest: no series may have more than its share.
            let share = max(2, limits.pointsMax / max(1, slots.count))
            while slots[index].count > share {
                dropFirst(of: index)
                droppedPoints += 1
            }
        }
        if slots[index].start > 64, slots[index].start > slots[index].points.count / 2 {
            slots[index].points.removeFirst(slots[index].start)
            slots[index].start = 0
        }
    }

    mutating func append(_ sample: Sample) {
        if let index = slotIndex(for: sample.series) { append(Point(sample.timestamp, sample.value), to: index) }
    }

    /// Events were found to belong to the past: the counter had been higher from these times on. A range then sees the rise where it was, not
    /// where it was read; what is older than the oldest point raises all of them, and no range sees it.
    /// - Parameter increments: how much higher from when on, in any order. Times are rounded down to 1/256 of what is kept, so that a backlog
    ///   makes no more points than that.
    mutating func raise(_ index: Int, by increments: [(from: Timestamp, count: Double)]) {
        let step = max(1_000_000_000, slots[index].reach / 256)
        var rises: [Int64: Double] = [:]
        for increment in increments { rises[increment.from.nanoseconds / step * step, default: 0] += increment.count }
        var raised = 0.0
        var points: [Point] = []
        var left = rises.sorted { $0.key < $1.key }[...]
        for point in slots[index].points[slots[index].start...] {
            while let rise = left.first, rise.key <= point.timestamp.nanoseconds {
                left.removeFirst()
                let value = points.last?.value
                raised += rise.value
                // The step itself: the value of before, a moment before.
                let edge = Timestamp(nanoseconds: rise.key - 1_000_000)
                guard let value, let last = points.last, last.timestamp < edge else { continue }
                points.append(Point(edge, value))
                if rise.key < point.timestamp.nanoseconds { points.append(Point(Timestamp(nanoseconds: rise.key), value + rise.value)) }
            }
            points.append(Point(point.timestamp, point.value + raised))
        }
        pointCount += points.count - slots[index].count
        (slots[index].points, slots[index].start) = (points, 0)
    }

    /// A series' points as they are, to be put back with ``restore(_:)``.
    struct Snapshot {
        fileprivate let index: Int
        fileprivate let points: [Point]
        fileprivate let start: Int
    }

    func snapshot(of index: Int) -> Snapshot { Snapshot(index: index, points: slots[index].points, start: slots[index].start) }

    mutating func restore(_ snapshot: Snapshot) {
        pointCount += snapshot.points.count - snapshot.start - slots[snapshot.index].count
        (slots[snapshot.index].points, slots[snapshot.index].start) = (snapshot.points, snapshot.start)
    }

    /// The newest point of a series; nil when none is kept.
    func newest(_ index: Int) -> Timestamp? { slots[index].count > 0 ? slots[index].points.last?.timestamp : nil }

    /// How far back this series is kept.
    func reach(_ index: Int) -> Duration { .nanoseconds(slots[index].reach) }

    /// Whether each selector of an expression finds a series.
    func hasSeries(of expression: Expression) -> Bool { expression.selectors().allSatisfy { !matching($0.matchers).isEmpty } }

    private mutating func dropFirst(of index: Int) {
        slots[index].start += 1
        pointCount -= 1
    }

    /// The wall clock was set: the past moves with it, so that ranges stay full.
    mutating func shiftClock(by jump: Duration) {
        for index in slots.indices {
            slots[index].points = slots[index].points[slots[index].start...].map { Point($0.timestamp.advanced(by: jump), $0.value) }
            slots[index].start = 0
        }
    }

    /// Forgets series whose newest point is out of reach. True when some were: places have changed.
    mutating func sweep(at now: Timestamp) -> Bool {
        func isGone(_ slot: Slot) -> Bool {
            guard let last = slot.points.last, slot.count > 0 else { return true }
            return last.timestamp.nanoseconds < now.nanoseconds - slot.reach
        }
        guard slots.contains(where: isGone) else { return false }
        slots.removeAll(where: isGone)
        (slotsByName, slotBySeries) = ([:], [:])
        for (index, slot) in slots.enumerated() {
            slotBySeries[slot.series] = index
            slotsByName[slot.series.name ?? "", default: []].append(index)
        }
        pointCount = slots.reduce(0) { $0 + $1.count }
        return true
    }

    // MARK: SampleSource

    func select(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples] {
        var found = [SeriesSamples]()
        for index in matching(matchers) {
            let lower = firstIndex(in: index) { $0 >= from.nanoseconds }
            let upper = firstIndex(in: index) { $0 > to.nanoseconds }
            if lower < upper { found.append(SeriesSamples(series: slots[index].series, points: Array(slots[index].points[lower..<upper]))) }
        }
        return found
    }

    func selectLatest(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples] {
        var found = [SeriesSamples]()
        for index in matching(matchers) {
            // Nearly always the last point itself.
            var last = slots[index].points.count - 1
            if last >= slots[index].start, slots[index].points[last].timestamp > to { last = firstIndex(in: index) { $0 > to.nanoseconds } - 1 }
            guard last >= slots[index].start, slots[index].points[last].timestamp >= from else { continue }
            found.append(SeriesSamples(series: slots[index].series, points: [slots[index].points[last]]))
        }
        return found
    }

    /// Slots whose series pass all matchers.
    private func matching(_ matchers: [LabelMatcher]) -> [Int] {
        guard let byName = matchers.firstIndex(where: { $0.name == Labels.metricName && $0.operation == .equal }) else {
            return slots.indices.filter { matchers.allMatch(slots[$0].series) }
        }
        let named = slotsByName[matchers[byName].value] ?? []
        // Selectors of a name alone are the most.
        if matchers.count == 1 { return named }
        return named.filter { index in matchers.indices.allSatisfy { $0 == byName || matchers[$0].matches(slots[index].series) } }
    }

    /// The slot's first point whose time passes, by halving.
    private func firstIndex(in slot: Int, where passes: (Int64) -> Bool) -> Int {
        var (low, high) = (slots[slot].start, slots[slot].points.count)
        while low < high {
            let middle = (low + high) / 2
            if passes(slots[slot].points[middle].timestamp.nanoseconds) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
