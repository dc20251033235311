import Telemetry

/// `histogram_quantile` over classic buckets: counters with the label `le`.
extension Evaluator {
    private struct Bucket {
        var upperBound: Double
        var count: Double
    }

    func histogramQuantile(_ quantile: [Double], _ grid: Grid) throws(EvaluationError) -> Grid {
        var (groups, order): ([Labels: [(row: Int, bound: Double)]], [Labels]) = ([:], [])
        for row in 0..<grid.count {
            // What has no number in its le is no bucket.
            guard let text = grid.labels(of: row)["le"], let bound = Self.bound(text) else { continue }
            let key = grid.labels(of: row).excluding(["le"])
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append((row, bound))
        }
        var result = Grid(width: grid.width)
        for key in order {
            let members = groups[key] ?? []
            let values = (0..<grid.width).map { step in
                let buckets = members.compactMap { member in
                    let value = grid.value(member.row, step)
                    return Grid.isAbsent(value) ? nil : Bucket(upperBound: member.bound, count: value)
                }
                return buckets.isEmpty ? Grid.absent : Self.quantile(quantile[step], of: buckets)
            }
            result.append(key, values)
        }
        return result.pruned()
    }

    private static func bound(_ text: String) -> Double? {
        text == "+Inf" ? .infinity : Double(text)
    }

    private static func quantile(_ q: Double, of unsorted: [Bucket]) -> Double {
        if q.isNaN { return .nan }
        if q < 0 { return -.infinity }
        if q > 1 { return .infinity }
        var buckets: [Bucket] = []
        for bucket in unsorted.sorted(by: { $0.upperBound < $1.upperBound }) {
            if let last = buckets.last, last.upperBound == bucket.upperBound {
                buckets[buckets.count - 1].count += bucket.count
            } else {
                buckets.append(bucket)
            }
        }
        guard let last = buckets.last, last.upperBound == .infinity else { return .nan }
        // Buckets are cumulative; what was scraped in between may not be.
        for index in buckets.indices.dropFirst() where buckets[index].count < buckets[index - 1].count {
            buckets[index].count = buckets[index - 1].count
        }
        guard buckets.count >= 2, let observations = buckets.last?.count, observations != 0, !observations.isNaN else { return .nan }
        var rank = q * observations
        let index = buckets.dropLast().firstIndex { $0.count >= rank } ?? buckets.count - 1
        if index == buckets.count - 1 { return buckets[buckets.count - 2].upperBound }
        if index == 0, buckets[0].upperBound <= 0 { return buckets[0].upperBound }
        var (start, count) = (0.0, buckets[index].count)
        if index > 0 {
            start = buckets[index - 1].upperBound
            count -= buckets[index - 1].count
            rank -= buckets[index - 1].count
        }
        return start + (buckets[index].upperBound - start) * (rank / count)
    }
}
