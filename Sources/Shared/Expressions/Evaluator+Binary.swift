import Glibc
import Telemetry

extension Evaluator {
    mutating func binary(_ binary: Binary, over frame: Frame) throws(EvaluationError) -> Value {
        switch (binary.leftType, binary.rightType) {
        case (.scalar, .scalar):
            let left = try scalar(binary.left, over: frame)
            let right = try scalar(binary.right, over: frame)
            return .scalar(zip(left, right).map { Self.compute(binary.op, $0, $1).number })
        case (.vector, .scalar):
            let left = try vector(binary.left, over: frame)
            return .vector(try withScalar(binary, left, try scalar(binary.right, over: frame), isScalarLeft: false))
        case (.scalar, .vector):
            let left = try scalar(binary.left, over: frame)
            return .vector(try withScalar(binary, try vector(binary.right, over: frame), left, isScalarLeft: true))
        default:
            let left = try vector(binary.left, over: frame)
            let right = try vector(binary.right, over: frame)
            return .vector(binary.op.isSet ? try combined(binary, left, right) : try matched(binary, left, right))
        }
    }

    /// What an operator makes of two numbers: of a comparison whether it holds, and the number that passes (the left one).
    private struct Outcome {
        var passing: Double
        var holds: Bool
        /// For numbers and `bool`.
        var number: Double
    }

    @inline(__always)
    private static func compute(_ op: Binary.Operator, _ a: Double, _ b: Double) -> Outcome {
        func arithmetic(_ value: Double) -> Outcome { Outcome(passing: value, holds: true, number: value) }
        func comparison(_ holds: Bool) -> Outcome { Outcome(passing: a, holds: holds, number: holds ? 1 : 0) }
        return switch op {
        case .add: arithmetic(a + b)
        case .subtract: arithmetic(a - b)
        case .multiply: arithmetic(a * b)
        case .divide: arithmetic(a / b)
        case .modulo: arithmetic(fmod(a, b))
        case .power: arithmetic(pow(a, b))
        case .atan2: arithmetic(Glibc.atan2(a, b))
        case .equal: comparison(a == b)
        case .notEqual: comparison(a != b)
        case .less: comparison(a < b)
        case .lessOrEqual: comparison(a <= b)
        case .greater: comparison(a > b)
        case .greaterOrEqual: comparison(a >= b)
        case .and, .or, .unless: comparison(false)
        }
    }

    private func withScalar(_ binary: Binary, _ grid: Grid, _ numbers: [Double], isScalarLeft: Bool) throws(EvaluationError) -> Grid {
        var result = binary.op.isArithmetic || binary.returnsBool ? try grid.droppingNames() : grid
        for row in 0..<result.count {
            for step in 0..<result.width {
                let cell = row * result.width + step
                let value = result.values[cell]
                if Grid.isAbsent(value) { continue }
                let outcome = isScalarLeft ? Self.compute(binary.op, numbers[step], value) : Self.compute(binary.op, value, numbers[step])
                if binary.op.isArithmetic || binary.returnsBool {
                    result.values[cell] = outcome.number
                } else {
                    // A filter passes the vector's value, on whichever side it stands.
                    result.values[cell] = outcome.holds ? value : Grid.absent
                }
            }
        }
        return result.pruned()
    }

    // MARK: Two vectors

    /// The labels by which elements find each other.
    private func signature(_ labels: Labels, _ matching: Binary.Matching) -> Labels {
        matching.isOn ? labels.only(matching.labels) : labels.excluding(matching.labels)
    }

    /// `and`, `or`, `unless`: many to many, labels and values stay.
    private func combined(_ binary: Binary, _ left: Grid, _ right: Grid) throws(EvaluationError) -> Grid {
        let width = left.width
        /// For each signature, at which steps the side has an element.
        func presence(_ grid: Grid) -> [Labels: [Bool]] {
            var result: [Labels: [Bool]] = [:]
            for row in 0..<grid.count {
                let key = signature(grid.labels(of: row), binary.matching)
                for step in 0..<width where !Grid.isAbsent(grid.value(row, step)) {
                    result[key, default: Array(repeating: false, count: width)][step] = true
                }
            }
            return result
        }
        /// The elements of a side where the other one has (`wanted`) or has not an element of their signature.
        func masked(_ grid: Grid, by other: [Labels: [Bool]], wanted: Bool) -> Grid {
            var result = grid
            for row in 0..<grid.count {
                let steps = other[signature(grid.labels(of: row), binary.matching)]
                for step in 0..<width where (steps?[step] ?? false) != wanted { result.values[row * width + step] = Grid.absent }
            }
            return result.pruned()
        }
        switch binary.op {
        case .and: return masked(left, by: presence(right), wanted: true)
        case .unless: return masked(left, by: presence(right), wanted: false)
        default:
            let rest = masked(right, by: presence(left), wanted: false)
            var result = left
            for row in 0..<rest.count { result.append(rest.labels(of: row), rest.values[row * width..<(row + 1) * width]) }
            // The same series may come from the left at one step and from the right at another.
            return try result.relabeled(mayCollide: width > 1) { $0 }
        }
    }

    /// Arithmetic and comparison: one to one, or many to one with `group_left` and `group_right`.
    private func matched(_ binary: Binary, _ left: Grid, _ right: Grid) throws(EvaluationError) -> Grid {
        let (matching, width) = (binary.matching, left.width)
        let isSwapped = matching.cardinality == .oneToMany
        let (many, one) = isSwapped ? (right, left) : (left, right)

        var (groupOfSignature, rowsOfGroup): ([Labels: Int], [[Int]]) = ([:], [])
        for row in 0..<one.count {
            let key = signature(one.labels(of: row), matching)
            if let group = groupOfSignature[key] {
                rowsOfGroup[group].append(row)
            } else {
                groupOfSignature[key] = rowsOfGroup.count
                rowsOfGroup.append([row])
            }
        }
        for rows in rowsOfGroup where rows.count > 1 {
            for step in 0..<width {
                let present = rows.filter { !Grid.isAbsent(one.value($0, step)) }
                if present.count > 1 { throw duplicates(one.labels(of: present[0]), one.labels(of: present[1]), binary, isRight: !isSwapped) }
            }
        }

        var (result, rowOfLabels): (Grid, [Labels: Int]) = (Grid(width: width), [:])
        // One to one: an element of the one side answers once a step.
        var isTaken = matching.cardinality == .oneToOne ? Array(repeating: false, count: rowsOfGroup.count * width) : []
        // What two elements found each other by is all that the result of arithmetic keeps.
        let isKey =
            matching.cardinality == .oneToOne && (binary.op.isArithmetic || binary.returnsBool) && !matching.labels.contains(Labels.metricName)
        for row in 0..<many.count {
            let key = signature(many.labels(of: row), matching)
            guard let group = groupOfSignature[key] else { continue }
            for oneRow in rowsOfGroup[group] {
                var target = -1
                for step in 0..<width {
                    let (x, y) = (many.value(row, step), one.value(oneRow, step))
                    if Grid.isAbsent(x) || Grid.isAbsent(y) { continue }
                    let outcome = isSwapped ? Self.compute(binary.op, y, x) : Self.compute(binary.op, x, y)
                    if !binary.returnsBool, !outcome.holds { continue }
                    if !isTaken.isEmpty {
                        if isTaken[group * width + step] { throw ambiguous(many.labels(of: row), binary) }
                        isTaken[group * width + step] = true
                    }
                    if target < 0 {
                        let labels = isKey ? key : resultLabels(binary, many.labels(of: row), one.labels(of: oneRow))
                        if let known = rowOfLabels[labels] {
                            target = known
                        } else {
                            target = result.appendAbsent(labels)
                            rowOfLabels[labels] = target
                        }
                    }
                    guard Grid.isAbsent(result.value(target, step)) else { throw ambiguous(many.labels(of: row), binary) }
                    result.values[target * width + step] = binary.returnsBool ? outcome.number : outcome.passing
                }
            }
        }
        return result
    }

    private func resultLabels(_ binary: Binary, _ many: Labels, _ one: Labels) -> Labels {
        let matching = binary.matching
        var labels = many
        if binary.op.isArithmetic || binary.returnsBool { labels = labels.withoutName }
        if matching.cardinality == .oneToOne {
            if matching.isOn {
                labels = labels.only(matching.labels)
            } else if !matching.labels.isEmpty {
                labels = labels.removing(matching.labels)
            }
        }
        for name in matching.included { labels = labels.setting(name, to: one[name] ?? "") }
        return labels
    }

    private func duplicates(_ a: Labels, _ b: Labels, _ binary: Binary, isRight: Bool) -> EvaluationError {
        .matching(
            "\(binary.op.rawValue) finds several series for one on its \(isRight ? "right" : "left") side, \(a) and \(b): "
                + "add labels to on(…), or aggregate that side first"
        )
    }

    private func ambiguous(_ labels: Labels, _ binary: Binary) -> EvaluationError {
        let isOneToOne = binary.matching.cardinality == .oneToOne
        return .matching(
            isOneToOne
                ? "\(binary.op.rawValue) finds several series on its left side for one on the right, \(labels) among them: write group_left or group_right"
                : "\(binary.op.rawValue) would give two results with the same labels, of \(labels): add labels to group_left(…) that tell them apart"
        )
    }
}
