/// How fast the spool fills, from looks at its size over the last minutes. Pure.
struct FillRate: Sendable {
    private struct Look { let at: Duration, bytes: UInt64 }

    /// Looks closer together than this say nothing new.
    static let spacing = Duration.seconds(5)
    static let window = Duration.seconds(300)
    /// With less behind us a single large batch would be a forecast.
    static let leastSpan = Duration.seconds(30)

    private var looks: [Look] = []

    mutating func record(bytes: UInt64, at now: Duration) {
        if let last = looks.last, now - last.at < Self.spacing { return }
        looks.append(Look(at: now, bytes: bytes))
        // One look at or before the window's beginning stays: the rate is over the whole window.
        while looks.count > 2, now - looks[1].at >= Self.window { looks.removeFirst() }
    }

    /// Seconds until `limit` is reached; nil when it is not filling or not known yet.
    func secondsToFull(bytes: UInt64, limit: UInt64, at now: Duration) -> Double? {
        guard let first = looks.first, now - first.at >= Self.leastSpan, bytes > first.bytes else { return nil }
        guard bytes < limit else { return 0 }
        return Double(limit - bytes) / (Double(bytes - first.bytes) / (now - first.at).seconds)
    }

    /// Seconds until nothing is left; nil when it does not become less or it is not known yet.
    func secondsToEmpty(bytes: UInt64, at now: Duration) -> Double? {
        guard bytes > 0 else { return 0 }
        guard let first = looks.first, now - first.at >= Self.spacing, bytes < first.bytes else { return nil }
        return Double(bytes) / (Double(first.bytes - bytes) / (now - first.at).seconds)
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
