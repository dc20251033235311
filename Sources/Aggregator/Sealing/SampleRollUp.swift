import Telemetry

/// The rows of one series from several blocks: put in order, and rolled up where that is wanted.
struct MergedRows {
    private let source: Resolution
    private let resolution: Resolution
    private(set) var times: [Int64] = []
    private(set) var columns: [[Double]]
    /// Of raw samples that stay raw: the positions of their arrivals.
    private(set) var positions: [Int64] = []

    init(source: Resolution, resolution: Resolution) {
        (self.source, self.resolution) = (source, resolution)
        columns = Array(repeating: [], count: source == .raw ? 1 : RolledColumn.allCases.count)
    }

    mutating func removeAll() {
        times.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        columns = Array(repeating: [], count: source == .raw ? 1 : RolledColumn.allCases.count)
    }

    /// Rows behind those that are there: they win at equal times.
    /// - Parameter positions: nil for rolled up rows.
    mutating func append(_ times: [Int64], _ columns: [[Double]], positions: [Int64]?) {
        self.times += times
        if let positions { self.positions += positions }
        for index in columns.indices { self.columns[index] += columns[index] }
    }

    /// The rows as they will be written.
    mutating func finish() {
        if source == .raw {
            order()
            if resolution != .raw { (times, columns) = RollUp.rolled(times, columns[0], to: resolution) }
        } else {
            (times, columns) = RollUp.rolled(times, columns, to: resolution)
        }
    }

    private mutating func order() {
        for index in 1..<max(1, times.count) where times[index] <= times[index - 1] {
            let order = SampleOrder.of(times, 0..<times.count)
            let (before, values, places) = (times, columns[0], positions)
            times = order.map { before[$0] }
            columns[0] = order.map { values[$0] }
            positions = order.map { places[$0] }
            return
        }
    }
}

enum RollUp {
    /// One row a minute or hour from raw samples in the order of time.
    static func rolled(_ times: [Int64], _ values: [Double], to resolution: Resolution) -> ([Int64], [[Double]]) {
        let length = resolution.nanoseconds
        var rows = RolledRows()
        var start = 0
        while start < times.count {
            let bucket = times[start].flooredQuotient(length)
            var (end, sum, count) = (start, ExactSum(), 0)
            var (minimum, maximum) = (Double.nan, Double.nan)
            while end < times.count, times[end].flooredQuotient(length) == bucket {
                let value = values[end]
                end += 1
                guard value.bitPattern != RolledRows.stale else { continue }
                count += 1
                // As min_over_time and max_over_time have it: a NaN counts where nothing else is.
                if value < minimum || minimum.isNaN { minimum = value }
                if value > maximum || maximum.isNaN { maximum = value }
                sum.add(value)
            }
            rows.append(times[end - 1], Double(count), minimum, maximum, sum.total, values[end - 1])
            start = end
        }
        return (rows.times, rows.columns)
    }

    /// One row a minute or hour from rolled up rows: of one series, in any order of time, later ones behind earlier ones.
    static func rolled(_ times: [Int64], _ columns: [[Double]], to resolution: Resolution) -> ([Int64], [[Double]]) {
        let length = resolution.nanoseconds
        func column(_ column: RolledColumn) -> [Double] { columns[column.rawValue] }
        let order = times.indices.sorted { times[$0] != times[$1] ? times[$0] < times[$1] : $0 < $1 }
        var rows = RolledRows()
        var start = 0
        while start < order.count {
            let bucket = times[order[start]].flooredQuotient(length)
            var (end, sum, count) = (start, ExactSum(), 0.0)
            var (minimum, maximum) = (Double.nan, Double.nan)
            while end < order.count, times[order[end]].flooredQuotient(length) == bucket {
                let row = order[end]
                end += 1
                guard column(.count)[row] > 0 else { continue }
                count += column(.count)[row]
                if column(.minimum)[row] < minimum || minimum.isNaN { minimum = column(.minimum)[row] }
                if column(.maximum)[row] > maximum || maximum.isNaN { maximum = column(.maximum)[row] }
                sum.add(column(.sum)[row])
            }
            rows.append(times[order[end - 1]], count, minimum, maximum, sum.total, column(.last)[order[end - 1]])
            start = end
        }
        return (rows.times, rows.columns)
    }
}

/// Rolled up rows while they are made.
private struct RolledRows {
    /// The bits of Prometheus's staleness marker.
    static let stale: UInt64 = 0x7FF0_0000_0000_0002

    private(set) var times: [Int64] = []
    private(set) var columns: [[Double]] = Array(repeating: [], count: RolledColumn.allCases.count)

    mutating func append(_ time: Int64, _ count: Double, _ minimum: Double, _ maximum: Double, _ sum: Double, _ last: Double) {
        times.append(time)
        columns[RolledColumn.count.rawValue].append(count)
        columns[RolledColumn.minimum.rawValue].append(minimum)
        columns[RolledColumn.maximum.rawValue].append(maximum)
        columns[RolledColumn.sum.rawValue].append(sum)
        columns[RolledColumn.last.rawValue].append(last)
    }
}

/// A sum of decimal numbers is a decimal number: kept exact while it fits, it needs few bits at rest. 0.1 + 0.2 is 0.3 here.
struct ExactSum {
    private var whole: Int64 = 0
    private var exponent = 0
    private var isExact = true
    private var plain = 0.0

    mutating func add(_ value: Double) {
        plain += value
        guard isExact else { return }
        var scaled = Decimals.whole(value, Decimals.powers[exponent])
        while scaled == nil, exponent + 1 < Decimals.powers.count {
            let (next, overflow) = whole.multipliedReportingOverflow(by: 10)
            guard !overflow else { break }
            (whole, exponent) = (next, exponent + 1)
            scaled = Decimals.whole(value, Decimals.powers[exponent])
        }
        guard let scaled, !whole.addingReportingOverflow(scaled).overflow else {
            isExact = false
            return
        }
        whole += scaled
    }

    var total: Double {
        guard isExact, whole.magnitude <= 1 << 53 else { return plain }
        return Double(whole) / Decimals.powers[exponent]
    }
}
