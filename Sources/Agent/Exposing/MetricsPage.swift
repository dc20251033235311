/// The answer to a scrape, and the same gzip'd once somebody asks for it.
struct MetricsPage {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    let plain: [UInt8]
    let madeAt: ContinuousClock.Instant
    private let compress: ([UInt8]) -> [UInt8]
    private var packed: [UInt8]?

    init(_ plain: [UInt8], at madeAt: ContinuousClock.Instant, compress: @escaping ([UInt8]) -> [UInt8]) {
        (self.plain, self.madeAt, self.compress) = (plain, madeAt, compress)
    }

    var gzipped: [UInt8] {
        mutating get {
            if let packed { return packed }
            let bytes = compress(plain)
            packed = bytes
            return bytes
        }
    }
}
