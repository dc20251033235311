import Telemetry

/// Where the spool lies and how large it may grow.
package struct SpoolConfig: Sendable, Hashable {
    /// The folder; made when it is missing.
    package var path: String
    /// Bytes of the database file's pages in use. The write-ahead log beside it takes some MiB more.
    package var maxBytes: UInt64
    /// What only metrics and alerts may use: logs are given up before they touch it.
    package var metricsReserveBytes: UInt64
    /// What only alerts may use.
    package var alertsReserveBytes: UInt64
    /// What becomes of the lines of files when there is no room for them. Lines that cannot wait (from a socket) displace the oldest ones in
    /// any case.
    package var whenFull: WhenFull

    /// How long files are not read while the aggregator is asked where they stood, because this spool does not know.
    package var positionsWait: Duration

    /// An aggregator that can be reached answers in milliseconds. One that cannot is asked on, while files are read.
    package static let positionsWaitDefault = Duration.seconds(5)

    package enum WhenFull: String, Sendable, Hashable, CaseIterable {
        /// Files are not read on until there is room: they are the buffer.
        case wait
        /// The oldest logs in the spool are given up for the newest.
        case dropOldest = "drop_oldest"
    }

    /// 512 MiB hold about a day of a busy web server's log.
    package static let maxBytesDefault: UInt64 = 512 << 20
    /// Below this a single large read would not fit beside the reserves.
    package static let maxBytesLeast: UInt64 = 8 << 20

    /// - Parameters:
    ///   - metricsReserveBytes: an eighth of `maxBytes` unless told.
    ///   - alertsReserveBytes: a thirty-second part of `maxBytes` unless told.
    package init(
        path: String,
        maxBytes: UInt64 = SpoolConfig.maxBytesDefault,
        metricsReserveBytes: UInt64? = nil,
        alertsReserveBytes: UInt64? = nil,
        whenFull: WhenFull = .wait,
        positionsWait: Duration = SpoolConfig.positionsWaitDefault
    ) {
        (self.path, self.maxBytes, self.whenFull, self.positionsWait) = (path, maxBytes, whenFull, positionsWait)
        self.metricsReserveBytes = metricsReserveBytes ?? maxBytes / 8
        self.alertsReserveBytes = alertsReserveBytes ?? maxBytes / 32
    }

    /// Up to here a batch of this lane may fill the spool.
    func limitBytes(for lane: Lane) -> UInt64 {
        let reserved =
            switch lane {
            case .alerts: UInt64(0)
            case .metrics: alertsReserveBytes
            case .logs: alertsReserveBytes + metricsReserveBytes
            }
        return maxBytes > reserved ? maxBytes - reserved : 0
    }

    /// What a lane keeps even when a less urgent one needs room.
    func reserveBytes(of lane: Lane) -> UInt64 {
        switch lane {
        case .alerts: alertsReserveBytes
        case .metrics: metricsReserveBytes
        case .logs: 0
        }
    }
}
