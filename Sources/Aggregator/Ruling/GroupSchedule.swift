import Telemetry

/// When a group is evaluated: on a grid of its own that does not move with restarts, as in Prometheus. Different groups of one interval have different grids,
/// so that they do not all ask at once. Pure.
struct GroupSchedule: Sendable, Hashable {
    /// An evaluation that is due.
    struct Turn: Sendable, Hashable {
        /// The moment that it is for.
        var moment: Timestamp
        /// Moments of the grid since the last one that had no evaluation.
        var missed: UInt64
    }

    let interval: Duration
    /// 0 ..< interval.
    private let offset: Int64
    /// The moment evaluated last.
    private(set) var last: Timestamp?

    /// - Parameter name: of the group, with its file: says where the grid lies.
    init(interval: Duration, name: String, last: Timestamp? = nil) {
        self.interval = interval
        let spread = UInt64(max(1, interval.wholeNanoseconds))
        offset = Int64(Labels([Label("group", name)]).fingerprint % spread)
        self.last = last
    }

    /// The latest moment of the grid that is not after `now`.
    func moment(at now: Timestamp) -> Timestamp {
        let step = max(1, interval.wholeNanoseconds)
        let since = now.nanoseconds - offset
        let index = since >= 0 ? since / step : (since - step + 1) / step
        return Timestamp(nanoseconds: index * step + offset)
    }

    /// The evaluation that is due, if one is; it counts as begun. The first one is due at once. After a clock that was set back by more than an interval
    /// the grid is followed from there.
    mutating func begin(at now: Timestamp) -> Turn? {
        let moment = moment(at: now)
        guard let last else {
            // What is known now, and not what was known up to an interval ago.
            self.last = moment
            return Turn(moment: now, missed: 0)
        }
        if moment < last.advanced(by: .zero - interval) {
            self.last = moment
            return Turn(moment: moment, missed: 0)
        }
        guard moment > last else { return nil }
        let passed = UInt64(moment.duration(since: last).wholeNanoseconds / max(1, interval.wholeNanoseconds))
        self.last = moment
        return Turn(moment: moment, missed: passed > 0 ? passed - 1 : 0)
    }

    /// When ``begin(at:)`` has something: now, if it is due.
    func next(at now: Timestamp) -> Timestamp {
        let moment = moment(at: now)
        guard let last, moment <= last, moment >= last.advanced(by: .zero - interval) else { return now }
        return moment.advanced(by: interval)
    }

    /// The wall clock was set: the last moment moves with it, onto the grid.
    mutating func shiftClock(by jump: Duration) { last = last.map { moment(at: $0.advanced(by: jump)) } }
}
