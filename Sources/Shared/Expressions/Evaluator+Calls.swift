import Glibc
import Telemetry

extension Evaluator {
    mutating func call(_ function: Function, _ arguments: [Node], over frame: Frame) throws(EvaluationError) -> Value {
        switch function {
        case .time: return .scalar((0..<frame.count).map { frame.time($0).asSeconds })
        case .pi: return .scalar(Array(repeating: Double.pi, count: frame.count))
        case .scalar: return .scalar(scalar(of: try vector(arguments[0], over: frame)))
        case .vector:
            var grid = Grid(width: frame.count)
            grid.append(.empty, try scalar(arguments[0], over: frame))
            return .vector(grid)
        case .timestamp:
            if case .selector(let selector) = arguments[0] { return .vector(try timestamps(of: selector, over: frame).droppingNames()) }
            var grid = try vector(arguments[0], over: frame).droppingNames()
            for index in grid.values.indices where !Grid.isAbsent(grid.values[index]) {
                grid.values[index] = frame.time(index % frame.count).asSeconds
            }
            return .vector(grid)
        case .absent: return .vector(absent(try vector(arguments[0], over: frame), argument: arguments[0]))
        case .absentOverTime:
            return .vector(absent(try windowed(arguments[0], over: frame, keepingName: true) { _, _ in 1 }, argument: arguments[0]))
        case .sort, .sortDescending:
            let grid = try vector(arguments[0], over: frame)
            return .vector(function == .sort ? sorted(grid) { $0 < $1 } : sorted(grid) { $0 > $1 })
        case .labelReplace: return .vector(try labelReplace(arguments, over: frame))
        case .labelJoin: return .vector(try labelJoin(arguments, over: frame))
        case .histogramQuantile:
            let quantile = try scalar(arguments[0], over: frame)
            return .vector(try histogramQuantile(quantile, try vector(arguments[1], over: frame)))
        case .quantileOverTime:
            let quantile = try scalar(arguments[0], over: frame)
            return .vector(
                try windowed(arguments[1], over: frame) { window, step in Statistics.quantile(quantile[step], of: window.slice.map(\.value)) }
            )
        case .predictLinear:
            let seconds = try scalar(arguments[1], over: frame)
            return .vector(
                try windowed(arguments[0], over: frame) { window, step in
                    guard let line = RangeFunctions.line(through: window, from: window.evaluatedAt) else { return nil }
                    return line.slope * seconds[step] + line.intercept
                }
            )
        case .round, .clamp, .clampMin, .clampMax: return .vector(try bounded(function, arguments, over: frame))
        case .minute, .hour, .dayOfMonth, .dayOfWeek, .dayOfYear, .daysInMonth, .month, .year:
            guard let argument = arguments.first else {
                var grid = Grid(width: frame.count)
                grid.append(.empty, (0..<frame.count).map { CalendarFunctions.value(function, at: frame.time($0).asSeconds) })
                return .vector(grid)
            }
            return .vector(try vector(argument, over: frame).droppingNames().mapped { CalendarFunctions.value(function, at: $0) })
        default:
            if let compute = RangeFunctions.function(function) {
                return .vector(
                    try windowed(arguments[0], over: frame, keepingName: function == .lastOverTime, aspect: function.aspect) { window, _ in
                        compute(window)
                    }
                )
            }
            guard let compute = ElementFunctions.function(function) else { throw .invalid("\(function.rawValue) is not known") }
            return .vector(try vector(arguments[0], over: frame).droppingNames().mapped(compute))
        }
    }

    /// The value of the only element; NaN where there are none or several.
    private func scalar(of grid: Grid) -> [Double] {
        (0..<grid.width).map { step in
            var (found, result) = (0, Double.nan)
            for row in 0..<grid.count where !Grid.isAbsent(grid.value(row, step)) { (found, result) = (found + 1, grid.value(row, step)) }
            return found == 1 ? result : .nan
        }
    }

    /// 1 at the steps where nothing is, under the labels that the selector demands.
    private func absent(_ grid: Grid, argument: Node) -> Grid {
        var labels: [Label] = []
        let selector: Selector? =
            switch argument {
            case .selector(let selector), .range(let selector, _): selector
            default: nil
            }
        if let selector {
            var (known, refused): (Set<String>, Set<String>) = ([], [])
            for matcher in selector.matchers where matcher.name != Labels.metricName {
                if matcher.operation == .equal, known.insert(matcher.name).inserted {
                    labels.append(Label(matcher.name, matcher.value))
                } else {
                    refused.insert(matcher.name)
                }
            }
            labels.removeAll { refused.contains($0.name) }
        }
        var result = Grid(width: grid.width)
        let row = (0..<grid.width).map { step in
            (0..<grid.count).allSatisfy { Grid.isAbsent(grid.value($0, step)) } ? 1 : Grid.absent
        }
        result.append(Labels(labels), row)
        return result.pruned()
    }

    /// Orders an instant vector, NaN last; a range has no order of its own.
    private func sorted(_ grid: Grid, by precedes: (Double, Double) -> Bool) -> Grid {
        guard grid.width == 1 else { return grid }
        var result = Grid(width: 1)
        let order = (0..<grid.count).sorted { a, b in
            let (x, y) = (grid.values[a], grid.values[b])
            if x.isNaN || y.isNaN { return !x.isNaN }
            return precedes(x, y)
        }
        for row in order { result.append(grid.labels(of: row), CollectionOfOne(grid.values[row])) }
        return result
    }

    private mutating func bounded(_ function: Function, _ arguments: [Node], over frame: Frame) throws(EvaluationError) -> Grid {
        var grid = try vector(arguments[0], over: frame).droppingNames()
        var numbers: [[Double]] = []
        for argument in arguments.dropFirst() { numbers.append(try scalar(argument, over: frame)) }
        for index in grid.values.indices where !Grid.isAbsent(grid.values[index]) {
            let (value, step) = (grid.values[index], index % frame.count)
            grid.values[index] =
                switch function {
                case .round: ElementFunctions.round(value, toNearest: numbers.first?[step] ?? 1)
                case .clampMin: ElementFunctions.max(value, numbers[0][step])
                case .clampMax: ElementFunctions.min(value, numbers[0][step])
                // With the bounds crossed the vector is empty.
                default:
                    numbers[1][step] < numbers[0][step]
                        ? Grid.absent : ElementFunctions.max(numbers[0][step], ElementFunctions.min(numbers[1][step], value))
                }
        }
        return grid.pruned()
    }
}
