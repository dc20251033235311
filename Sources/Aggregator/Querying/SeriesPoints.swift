import Expressions
import Sealing

/// Points of one series, oldest first, no time twice.
struct SeriesPoints: Sendable {
    /// Nanoseconds.
    private(set) var times: [Int64] = []
    private(set) var values: [Double] = []
    /// How many samples each point stands for; nil while all are raw samples.
    private(set) var counts: [Double]?

    var count: Int { times.count }

    /// Puts a raw sample where it belongs; of two at the same time the later one stays.
    mutating func insert(_ time: Int64, _ value: Double) { insert(time, value, count: 1) }

    /// Takes the rows from `from` to `to`, both inclusive; tells how many.
    mutating func insert(_ rows: SampleRows, from: Int64, to: Int64, aspect: SampleAspect) -> Int {
        let first = SeriesPoints.lowerBound(rows.times, from)
        let end = to == .max ? rows.times.count : SeriesPoints.lowerBound(rows.times, to + 1)
        guard first < end else { return 0 }
        if rows.columns.count == 1 {
            insert(rows.times[first..<end], rows.columns[0][first..<end])
        } else {
            insert(rows, first..<end, aspect)
        }
        return end - first
    }

    private mutating func insert(_ newTimes: ArraySlice<Int64>, _ newValues: ArraySlice<Double>) {
        // Blocks mostly come one after the other.
        if let last = times.last, last >= newTimes[newTimes.startIndex] {
            for (time, value) in zip(newTimes, newValues) { insert(time, value, count: 1) }
        } else {
            times += newTimes
            values += newValues
            counts?.append(contentsOf: repeatElement(1, count: newTimes.count))
        }
    }

    private mutating func insert(_ rows: SampleRows, _ range: Range<Int>, _ aspect: SampleAspect) {
        if counts == nil { counts = [Double](repeating: 1, count: times.count) }
        let column: RolledColumn =
            switch aspect {
            case .last: .last
            case .minimum: .minimum
            case .maximum: .maximum
            case .sum: .sum
            }
        let (numbers, samples) = (rows.columns[column.rawValue], rows.columns[RolledColumn.count.rawValue])
        for row in range {
            // Nothing but a marker was in it: the series ended.
            insert(rows.times[row], samples[row] > 0 || aspect == .last ? numbers[row] : Staleness.marker, count: samples[row])
        }
    }

    private mutating func insert(_ time: Int64, _ value: Double, count: Double) {
        guard let last = times.last, time <= last else {
            times.append(time)
            values.append(value)
            counts?.append(count)
            return
        }
        let index = SeriesPoints.lowerBound(times, time)
        if times[index] == time {
            values[index] = value
            counts?[index] = count
        } else {
            times.insert(time, at: index)
            values.insert(value, at: index)
            counts?.insert(count, at: index)
        }
    }

    /// The first index whose time is not before `time`.
    private static func lowerBound(_ times: [Int64], _ time: Int64) -> Int {
        var (low, high) = (0, times.count)
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
