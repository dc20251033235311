import Glibc

/// How many files the process may have open. Source: getrlimit(2).
enum OpenFiles {
    /// Raises the soft limit as far as it is wanted and the hard limit allows, and returns how many of it Tailing may use.
    static func budget(atMost wanted: Int, reserve: Int) -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted / 16 }
        let needed = rlim_t(wanted + reserve)
        if limit.rlim_cur < needed, limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = min(needed, limit.rlim_max)
            if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        let available = limit.rlim_cur > rlim_t(Int32.max) ? Int(Int32.max) : Int(limit.rlim_cur)
        return max(16, min(wanted, available - reserve))
    }
}
