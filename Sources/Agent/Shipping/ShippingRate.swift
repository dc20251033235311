/// Acknowledged bytes over the last minute. Pure.
struct ShippingRate: Sendable {
    static let window = Duration.seconds(60)
    /// Looks are gathered for so long, so that many small POSTs take no memory.
    static let grain = Duration.seconds(1)

    private var grains: [(at: Duration, bytes: Int)] = []
    private var first: Duration?

    mutating func add(_ bytes: Int, at now: Duration) {
        if first == nil { first = now }
        if let last = grains.last, now - last.at < Self.grain {
            grains[grains.count - 1].bytes += bytes
        } else {
            grains.append((now, bytes))
        }
        grains.removeAll { now - $0.at > Self.window }
    }

    func bytesPerSecond(at now: Duration) -> Double {
        guard let first else { return 0 }
        let bytes = grains.reduce(0) { now - $1.at > Self.window ? $0 : $0 + $1.bytes }
        let span = min(max(now - first, Self.grain), Self.window).components
        return Double(bytes) / (Double(span.seconds) + Double(span.attoseconds) / 1e18)
    }
}
