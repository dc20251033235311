import Telemetry

/// Functions of a window, arithmetic and order of operations as in Prometheus's promql/functions.go.
enum RangeFunctions {
    static func function(_ function: Function) -> ((Window) -> Double?)? {
        switch function {
        case .rate: { extrapolated($0, isCounter: true, isRate: true) }
        case .increase: { extrapolated($0, isCounter: true, isRate: false) }
        case .delta: { extrapolated($0, isCounter: false, isRate: false) }
        case .irate: { instant($0, isRate: true) }
        case .idelta: { instant($0, isRate: false) }
        case .deriv: { $0.count < 2 ? nil : line(through: $0, from: $0.first.timestamp.nanoseconds)?.slope }
        case .changes: { changes($0) }
        case .resets: { resets($0) }
        case .avgOverTime: { average($0) }
        case .sumOverTime: { sum($0) }
        case .minOverTime: { window in window.slice.reduce(Double.nan) { $1.value < $0 || $0.isNaN ? $1.value : $0 } }
        case .maxOverTime: { window in window.slice.reduce(Double.nan) { $1.value > $0 || $0.isNaN ? $1.value : $0 } }
        case .countOverTime: { $0.samples }
        case .lastOverTime: { $0.last.value }
        case .presentOverTime: { _ in 1 }
        case .stdvarOverTime: { variance($0) }
        case .stddevOverTime: { variance($0).squareRoot() }
        default: nil
        }
    }

    /// Prometheus's `extrapolatedRate`. The difference between first and last point covers less than the window; it is stretched to the window's
    /// ends where a point is near (1.1 times the average distance of points), by half a distance elsewhere, and never below the
    /// counter's zero.
    private static func extrapolated(_ window: Window, isCounter: Bool, isRate: Bool) -> Double? {
        guard window.count >= 2 else { return nil }
        let (first, last) = (window.first, window.last)
        var result = last.value - first.value
        if isCounter {
            var previous = 0.0
            for index in window.lower..<window.upper {
                let value = window.points[index].value
                // A counter that fell was reset: what it had counted before is added.
                if value < previous { result += previous }
                previous = value
            }
        }
        var toStart = (first.timestamp.nanoseconds - window.start).asSeconds
        let toEnd = (window.end - last.timestamp.nanoseconds).asSeconds
        let sampled = (last.timestamp.nanoseconds - first.timestamp.nanoseconds).asSeconds
        let average = sampled / Double(window.count - 1)
        if isCounter, result > 0, first.value >= 0 {
            let toZero = sampled * (first.value / result)
            if toZero < toStart { toStart = toZero }
        }
        let threshold = average * 1.1
        var interval = sampled
        interval += toStart < threshold ? toStart : average / 2
        interval += toEnd < threshold ? toEnd : average / 2
        var factor = interval / sampled
        if isRate { factor /= (window.end - window.start).asSeconds }
        return result * factor
    }

    private static func instant(_ window: Window, isRate: Bool) -> Double? {
        guard window.count >= 2 else { return nil }
        let (last, previous) = (window.last, window.points[window.upper - 2])
        let interval = (last.timestamp.nanoseconds - previous.timestamp.nanoseconds).asSeconds
        guard interval > 0 else { return nil }
        let difference = isRate && last.value < previous.value ? last.value : last.value - previous.value
        return isRate ? difference / interval : difference
    }

    private static func changes(_ window: Window) -> Double {
        var (count, previous) = (0, window.first.value)
        for point in window.slice.dropFirst() {
            if point.value != previous, !(point.value.isNaN && previous.isNaN) { count += 1 }
            previous = point.value
        }
        return Double(count)
    }

    private static func resets(_ window: Window) -> Double {
        var (count, previous) = (0, window.first.value)
        for point in window.slice.dropFirst() {
            if point.value < previous { count += 1 }
            previous = point.value
        }
        return Double(count)
    }

    private static func sum(_ window: Window) -> Double {
        var sum = CompensatedSum()
        for index in window.lower..<window.upper { sum.add(window.points[index].value) }
        return sum.total
    }

    private static func average(_ window: Window) -> Double {
        if window.counts != nil { return sum(window) / window.samples }
        var (mean, count) = (CompensatedSum(), 0.0)
        for index in window.lower..<window.upper {
            let value = window.points[index].value
            count += 1
            if mean.sum.isInfinite {
                // An infinite mean stays: only the opposite infinity or NaN changes it.
                if value.isInfinite, (mean.sum > 0) == (value > 0) { continue }
                if value.isFinite { continue }
            }
            mean.add(value / count - mean.sum / count)
        }
        return mean.total
    }

    private static func variance(_ window: Window) -> Double {
        var (mean, squares, count) = (CompensatedSum(), CompensatedSum(), 0.0)
        for index in window.lower..<window.upper {
            let value = window.points[index].value
            count += 1
            let delta = value - (mean.sum + mean.compensation)
            mean.add(delta / count)
            squares.add(delta * (value - (mean.sum + mean.compensation)))
        }
        return (squares.sum + squares.compensation) / count
    }

    /// Least squares; `intercept` is the line's value at `origin`. Nil below two points.
    static func line(through window: Window, from origin: Int64) -> (slope: Double, intercept: Double)? {
        guard window.count >= 2 else { return nil }
        var (sumX, sumY, sumXY, sumX2) = (CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum())
        let initial = window.first.value
        var isConstant = true
        for index in window.lower..<window.upper {
            let point = window.points[index]
            if point.value != initial { isConstant = false }
            let x = (point.timestamp.nanoseconds - origin).asSeconds
            sumX.add(x)
            sumY.add(point.value)
            sumXY.add(x * point.value)
            sumX2.add(x * x)
        }
        if isConstant { return initial.isInfinite ? (.nan, .nan) : (0, initial) }
        let n = Double(window.count)
        let (x, y) = (sumX.plain, sumY.plain)
        let covariance = sumXY.plain - x * y / n
        let variance = sumX2.plain - x * x / n
        let slope = covariance / variance
        return (slope, y / n - slope * x / n)
    }
}

/// Kahan's summation in Neumaier's form.
struct CompensatedSum {
    private(set) var sum = 0.0
    private(set) var compensation = 0.0

    mutating func add(_ value: Double) {
        let total = sum + value
        compensation += sum.magnitude >= value.magnitude ? (sum - total) + value : (value - total) + sum
        sum = total
    }

    /// With the compensation also where the sum is infinite (and so NaN).
    var plain: Double { sum + compensation }
    /// An infinite sum stays what it is.
    var total: Double { sum.isInfinite ? sum : sum + compensation }
}

enum Statistics {
    /// Interpolated between the two nearest ranks; NaN counts as the smallest value.
    static func quantile(_ q: Double, of values: [Double]) -> Double {
        if values.isEmpty || q.isNaN { return .nan }
        if q < 0 { return -.infinity }
        if q > 1 { return .infinity }
        let sorted = values.sorted { a, b in a.isNaN ? !b.isNaN : a < b }
        let rank = q * Double(sorted.count - 1)
        let lower = max(0, rank.rounded(.down))
        let upper = min(Double(sorted.count - 1), lower + 1)
        let weight = rank - rank.rounded(.down)
        return sorted[Int(lower)] * (1 - weight) + sorted[Int(upper)] * weight
    }
}
