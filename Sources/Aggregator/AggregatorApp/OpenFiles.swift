import Glibc

/// How many descriptors this process may have open; each connection is one.
enum OpenFiles {
    /// Kept for SQLite, the outbox's transfers and the log.
    private static let reserve = 256
    /// Default of ``FrontDoor/Configuration/connectionsMax``: 10 000 agents and some people.
    private static let connectionsCeiling = 16_384

    /// Takes what the hard limit allows: shells and systemd start programs with 1024, for the sake of select(2), which we do not use.
    static func raiseLimit() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Connections that the limit in force has room for.
    static var connectionsMax: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
        return max(64, min(connectionsCeiling, Int(clamping: limit.rlim_cur) - reserve))
    }
}
