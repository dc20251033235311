import Telemetry

extension Evaluator {
    mutating func aggregate(_ aggregate: Aggregate, over frame: Frame) throws(EvaluationError) -> Grid {
        let grid = try vector(aggregate.argument, over: frame)
        let groups = Groups(grid, aggregate)
        switch aggregate.op {
        case .sum, .avg, .min, .max, .count, .group, .stddev, .stdvar: return reduce(aggregate.op, grid, groups)
        case .topk, .bottomk: return select(aggregate.op, grid, groups, try parameter(aggregate, over: frame))
        case .quantile: return quantile(grid, groups, try parameter(aggregate, over: frame))
        case .countValues:
            guard let parameter = aggregate.parameter else { throw .invalid("count_values needs a label") }
            return try countValues(grid, groups, label: try string(parameter))
        }
    }

    private mutating func parameter(_ aggregate: Aggregate, over frame: Frame) throws(EvaluationError) -> [Double] {
        guard let parameter = aggregate.parameter else { throw .invalid("\(aggregate.op.rawValue) needs a number") }
        return try scalar(parameter, over: frame)
    }

    /// Which rows go together: group numbers in the order of their first row.
    private struct Groups {
        var labels: [Labels] = []
        var ofRow: [Int] = []

        init(_ grid: Grid, _ aggregate: Aggregate) {
            ofRow.reserveCapacity(grid.count)
            if !aggregate.isWithout, aggregate.labels.isEmpty {
                if grid.count > 0 { labels = [.empty] }
                ofRow = Array(repeating: 0, count: grid.count)
                return
            }
            var known: [Labels: Int] = [:]
            for row in 0..<grid.count {
                let series = grid.labels(of: row)
                let key = aggregate.isWithout ? series.excluding(aggregate.labels) : series.only(aggregate.labels)
                if let group = known[key] {
                    ofRow.append(group)
                } else {
                    known[key] = labels.count
                    ofRow.append(labels.count)
                    labels.append(key)
                }
            }
        }
    }

    private func reduce(_ op: Aggregate.Operator, _ grid: Grid, _ groups: Groups) -> Grid {
        var result = Grid(width: grid.width)
        for labels in groups.labels { _ = result.appendAbsent(labels) }
        var counts = Array(repeating: 0.0, count: result.values.count)
        var means = op == .stddev || op == .stdvar ? counts : []
        for row in 0..<grid.count {
            let group = groups.ofRow[row]
            for step in 0..<grid.width {
                let value = grid.value(row, step)
                if Grid.isAbsent(value) { continue }
                let cell = group * grid.width + step
                counts[cell] += 1
                let count = counts[cell]
                if count == 1 {
                    result.values[cell] = op == .count || op == .group ? 1 : op == .stddev || op == .stdvar ? (value.isFinite ? 0 : .nan) : value
                    if !means.isEmpty { means[cell] = value }
                    continue
                }
                let before = result.values[cell]
                switch op {
                case .sum: result.values[cell] = before + value
                case .count: result.values[cell] = count
                case .min: if value < before || before.isNaN { result.values[cell] = value }
                case .max: if value > before || before.isNaN { result.values[cell] = value }
                case .avg:
                    // An infinite mean stays: only the opposite infinity or NaN changes it. Dividing both parts avoids an overflow.
                    if before.isInfinite, value.isFinite || value.isInfinite && (before > 0) == (value > 0) { continue }
                    result.values[cell] = before + (value / count - before / count)
                case .stddev, .stdvar:
                    let delta = value - means[cell]
                    means[cell] += delta / count
                    result.values[cell] = before + delta * (value - means[cell])
                default: break
                }
            }
        }
        if !means.isEmpty {
            for cell in result.values.indices where !Grid.isAbsent(result.values[cell]) {
                let variance = result.values[cell] / counts[cell]
                result.values[cell] = op == .stddev ? variance.squareRoot() : variance
            }
        }
        return result.pruned()
    }

    /// The rows of each group that have a value at a step.
    private func members(_ grid: Grid, _ groups: Groups, at step: Int) -> [[Int]] {
        var members = Array(repeating: [Int](), count: groups.labels.count)
        for row in 0..<grid.count where !Grid.isAbsent(grid.value(row, step)) { members[groups.ofRow[row]].append(row) }
        return members
    }

    /// `topk` and `bottomk`: the elements themselves; of an instant vector in order, group by group. NaN is always the last choice.
    private func select(_ op: Aggregate.Operator, _ grid: Grid, _ groups: Groups, _ limit: [Double]) -> Grid {
        var chosen = Grid(width: grid.width)
        if grid.width > 1 { for row in 0..<grid.count { _ = chosen.appendAbsent(grid.labels(of: row)) } }
        for step in 0..<grid.width {
            let count = limit[step].isNaN ? 0 : Int(limit[step].clamped(to: 0...Double(grid.count)))
            guard count > 0 else { continue }
            for members in members(grid, groups, at: step) {
                let best = members.sorted { a, b in
                    let (x, y) = (grid.value(a, step), grid.value(b, step))
                    if x.isNaN || y.isNaN { return !x.isNaN && y.isNaN }
                    return op == .topk ? x > y : x < y
                }
                for row in best.prefix(count) {
                    if grid.width == 1 {
                        chosen.append(grid.labels(of: row), CollectionOfOne(grid.value(row, 0)))
                    } else {
                        chosen.values[row * grid.width + step] = grid.value(row, step)
                    }
                }
            }
        }
        return chosen.pruned()
    }

    private func quantile(_ grid: Grid, _ groups: Groups, _ quantile: [Double]) -> Grid {
        var result = Grid(width: grid.width)
        for labels in groups.labels { _ = result.appendAbsent(labels) }
        for step in 0..<grid.width {
            for (group, members) in members(grid, groups, at: step).enumerated() where !members.isEmpty {
                result.values[group * grid.width + step] = Statistics.quantile(quantile[step], of: members.map { grid.value($0, step) })
            }
        }
        return result.pruned()
    }

    private mutating func countValues(_ grid: Grid, _ groups: Groups, label: String) throws(EvaluationError) -> Grid {
        var (result, rows): (Grid, [Labels: Int]) = (Grid(width: grid.width), [:])
        for row in 0..<grid.count {
            for step in 0..<grid.width {
                let value = grid.value(row, step)
                if Grid.isAbsent(value) { continue }
                let series = groups.labels[groups.ofRow[row]].setting(label, to: FloatText.plain(value))
                let target: Int
                if let known = rows[series] {
                    target = known
                } else {
                    try checkSeries(result.count + 1)
                    try spend(grid.width)
                    target = result.appendAbsent(series)
                    rows[series] = target
                }
                let before = result.value(target, step)
                result.values[target * grid.width + step] = Grid.isAbsent(before) ? 1 : before + 1
            }
        }
        return result
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double { Swift.min(Swift.max(self, range.lowerBound), range.upperBound) }
}
