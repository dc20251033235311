import Telemetry

/// Numbers of sealed samples. Those that shape bytes at rest may change: a reader takes a block as it says it is.
package enum SampleLimits {
    /// A sealer takes no more samples than this: 24 bytes each in memory while they are put in order.
    package static let sealedSamplesMax = 2 << 20
    /// Arrivals of samples are sealed when the oldest has waited this long: a chunk of two hours at 10 s pays for its head.
    package static let sealAfter = Duration.seconds(7200)
    /// Samples of a page, unless one chunk is longer: what must be decoded to read one series.
    static let pageSamples = 8192
    /// Timestamps of sequences that a writer remembers, to find the next series that has the same: 8 bytes each.
    static let timesRemembered = 1 << 20
    /// Layouts of wire blocks that a sealer remembers, as numbers of series: 4 bytes each.
    static let layoutSeriesRemembered = 4 << 20
    /// Blocks that one merge takes: each holds its directory and some pages in memory.
    package static let mergeBlocksMax = 32
    /// Bytes of its inputs' directories in memory; at least one is taken.
    package static let mergeDirectoryBytesMax = 64 << 20
    /// Samples that a merge may bring together: about 16 MB of bytes.
    package static let mergedSamplesMax = 32 << 20
    /// A directory says no more chunks than this, and no more samples a page: what a damaged one may make a reader allocate.
    static let chunksMax = 1 << 24
    static let pageSamplesMax = 1 << 24

    /// Nanoseconds of one slice: a chunk of a series ends with it, so that a short question decodes a short piece. Chunks of about 720 rows at 10 s
    /// for raw samples, a day of minutes, a month of hours.
    static func slice(of resolution: Resolution) -> Int64 {
        switch resolution {
        case .raw: 7_200_000_000_000
        case .minute: 86_400_000_000_000
        case .hour: 2_592_000_000_000_000
        }
    }
}

extension Resolution {
    /// What rows of this resolution become when their retention is over; nil: they go.
    package var coarser: Resolution? {
        switch self {
        case .raw: .minute
        case .minute: .hour
        case .hour: nil
        }
    }

    /// Nanoseconds that one row stands for; 0 for raw samples.
    package var nanoseconds: Int64 {
        switch self {
        case .raw: 0
        case .minute: 60_000_000_000
        case .hour: 3_600_000_000_000
        }
    }
}

extension Int64 {
    /// Rounded toward the past, for times before 1970 too.
    func flooredQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
