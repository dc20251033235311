import Telemetry

/// What goes, and in which order. Pure.
enum RetentionPlan {
    /// How much of its time a segment has had: 1 when its retention is over.
    static func share(of segment: SegmentRow, at now: Timestamp, retention: Duration) -> Double {
        let nanoseconds = { (duration: Duration) in duration / .nanoseconds(1) }
        return nanoseconds(now.duration(since: segment.receivedAt)) / max(1, nanoseconds(retention))
    }

    /// Which segment goes first when the log is too large: the one that is nearest to its own end. What was to be kept for 400 days does not go before what
    /// had a day left to live; of two with equal shares the older one goes.
    static func firstToGo(of segments: some Collection<SegmentRow>, at now: Timestamp, retention: (SegmentStore.Key) -> Duration) -> SegmentRow? {
        segments.max { left, right in
            let shares = (share(of: left, at: now, retention: retention(left.key)), share(of: right, at: now, retention: retention(right.key)))
            return shares.0 != shares.1 ? shares.0 < shares.1 : (left.receivedAt, left.id) > (right.receivedAt, right.id)
        }
    }
}
