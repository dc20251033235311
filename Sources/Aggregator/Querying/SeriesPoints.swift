import Telemetry

/// Points of one series, oldest first, no time twice.
struct SeriesPoints: Sendable {
    let labels: Labels
    /// Nanoseconds.
    private(set) var times: [Int64] = []
    private(set) var values: [Double] = []

    init(_ labels: Labels) { self.labels = labels }

    var count: Int { times.count }

    /// Puts a sample where it belongs; of two at the same time the later one stays.
    mutating func insert(_ time: Int64, _ value: Double) {
        guard let last = times.last, time <= last else {
            times.append(time)
            values.append(value)
            return
        }
        let index = lowerBound(time)
        if times[index] == time {
            values[index] = value
        } else {
            times.insert(time, at: index)
            values.insert(value, at: index)
        }
    }

    /// Forgets what is before `time`; tells how many.
    mutating func removeAll(before time: Int64) -> Int {
        let index = lowerBound(time)
        times.removeSubrange(..<index)
        values.removeSubrange(..<index)
        return index
    }

    /// Points from `start` to `end`, both inclusive.
    func points(from start: Int64, to end: Int64) -> SeriesPoints {
        var piece = SeriesPoints(labels)
        let from = lowerBound(start)
        let to = end == .max ? times.count : lowerBound(end + 1)
        guard from < to else { return piece }
        piece.times = Array(times[from..<to])
        piece.values = Array(values[from..<to])
        return piece
    }

    /// These points and others of the same series; where both have a time, the others' value stays.
    mutating func merge(_ others: SeriesPoints) {
        guard let first = others.times.first else { return }
        if times.last ?? .min < first {
            times += others.times
            values += others.values
        } else {
            for (time, value) in zip(others.times, others.values) { insert(time, value) }
        }
    }

    /// The first index whose time is not before `time`.
    private func lowerBound(_ time: Int64) -> Int {
        var (low, high) = (0, times.count)
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
