import Telemetry

/// The moments of an evaluation: `start`, `start + step`, …; nanoseconds.
struct Frame {
    let start: Int64
    let step: Int64
    let count: Int

    var first: Int64 { start }
    var last: Int64 { time(count - 1) }

    func time(_ index: Int) -> Int64 { start.saturatingAdd(step.saturatingMultiply(Int64(index))) }

    /// The moments that a selector with this shift looks at; one only, for all steps, where `@` pins it.
    func shifted(by shift: TimeShift, in outer: Frame) -> Frame {
        switch shift.anchor {
        case nil: Frame(start: start.saturatingSubtract(shift.offset), step: step, count: count)
        case .at(let time): Frame(start: time.saturatingSubtract(shift.offset), step: 0, count: 1)
        case .start: Frame(start: outer.first.saturatingSubtract(shift.offset), step: 0, count: 1)
        case .end: Frame(start: outer.last.saturatingSubtract(shift.offset), step: 0, count: 1)
        }
    }
}

extension Int64 {
    // Times at the ends of Int64 stand for "for ever": they stay there.
    func saturatingAdd(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
    func saturatingSubtract(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
    func saturatingMultiply(_ other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
    }
    /// Nanoseconds as seconds, without losing the digits that a whole number of them has.
    var asSeconds: Double { Double(self / 1_000_000_000) + Double(self % 1_000_000_000) / 1e9 }
}

/// A vector at every step of a frame at once: row by row the label sets, no two equal, and their values, `width` of each.
///
/// Labels are worked out once a row and not once a step: that is what makes range evaluation cheap.
struct Grid {
    /// By row, as they were read: while ``hidesNames``, with metric names that count no more.
    private var rows: [Labels] = []
    /// The label sets without names are made when somebody asks for one: most rows of an alerting rule do not pass its comparison, and nobody does.
    private var hidesNames = false
    /// Row after row; ``absent`` where a row has no value at a step.
    var values: [Double] = []
    let width: Int

    /// No value here. The staleness marker can take this part because selectors never let one through.
    static let absent = Staleness.marker

    @inline(__always)
    static func isAbsent(_ value: Double) -> Bool { Staleness.isMarker(value) }

    init(width: Int) { self.width = width }

    var count: Int { rows.count }

    @inline(__always)
    func value(_ row: Int, _ step: Int) -> Double { values[row * width + step] }

    func labels(of row: Int) -> Labels { hidesNames ? rows[row].withoutName : rows[row] }

    /// Adds a row without any value and tells its place.
    mutating func appendAbsent(_ series: Labels) -> Int {
        add(series)
        values.append(contentsOf: repeatElement(Grid.absent, count: width))
        return rows.count - 1
    }

    /// Adds a row of one value a step.
    mutating func append(_ series: Labels, _ row: some Sequence<Double>) {
        add(series)
        values.append(contentsOf: row)
    }

    private mutating func add(_ series: Labels) {
        // The new one may have a name that counts.
        if hidesNames { (rows, hidesNames) = (rows.map(\.withoutName), false) }
        rows.append(series)
    }

    /// Changes each value; the labels stay.
    func mapped(_ change: (Double) -> Double) -> Grid {
        var result = self
        for index in values.indices where !Grid.isAbsent(values[index]) { result.values[index] = change(values[index]) }
        return result
    }

    /// Leaves out rows without any value.
    func pruned() -> Grid {
        func isEmpty(_ row: Int) -> Bool { (row * width..<(row + 1) * width).allSatisfy { Grid.isAbsent(values[$0]) } }
        guard rows.indices.contains(where: isEmpty) else { return self }
        var result = Grid(width: width)
        for row in rows.indices where !isEmpty(row) { result.append(rows[row], values[row * width..<(row + 1) * width]) }
        result.hidesNames = hidesNames
        return result
    }

    /// Without metric names. Rows that become equal are joined where they have no value at the same step; else the names were needed.
    func droppingNames() throws(EvaluationError) -> Grid {
        guard !hidesNames, rows.contains(where: { $0.name != nil }) else { return self }
        let first = rows[0].name
        // Rows of one name differ in their other labels.
        if rows.contains(where: { $0.name != first }) { return try relabeled(mayCollide: true) { $0.withoutName } }
        var result = self
        result.hidesNames = true
        return result
    }

    /// With other labels; equal ones are joined as in ``droppingNames()``.
    func relabeled(mayCollide: Bool, _ change: (Labels) -> Labels) throws(EvaluationError) -> Grid {
        var result = Grid(width: width)
        if !mayCollide {
            for row in rows.indices { result.rows.append(change(labels(of: row))) }
            result.values = values
            return result
        }
        var known: [Labels: Int] = [:]
        for row in rows.indices {
            let series = change(labels(of: row))
            guard let place = known[series] else {
                known[series] = result.count
                result.append(series, values[row * width..<(row + 1) * width])
                continue
            }
            for step in 0..<width where !Grid.isAbsent(value(row, step)) {
                guard Grid.isAbsent(result.value(place, step)) else {
                    throw .matching("two results have the same labels \(series): keep a label that tells them apart, or aggregate them")
                }
                result.values[place * width + step] = value(row, step)
            }
        }
        return result
    }
}

extension Labels {
    /// Only these labels.
    func only(_ names: Set<String>) -> Labels { names.isEmpty ? .empty : filter { names.contains($0.name) } }

    /// All but these and the metric name.
    func excluding(_ names: Set<String>) -> Labels {
        names.isEmpty ? withoutName : filter { $0.name != Labels.metricName && !names.contains($0.name) }
    }
}
