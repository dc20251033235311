import Telemetry

/// A row that was found: its key, and where it is now.
struct Hit: Sendable {
    let key: EventCursor
    /// Which of the blocks that were looked into.
    let holder: Int32
    /// Its row there.
    let row: Int32
}

/// The best rows so far, by their places: texts are not held.
struct Ranking {
    let count: Int
    let newestFirst: Bool
    let cursor: EventCursor?
    private var hits: [Hit] = []
    private var isSorted = true
    /// The worst of a full ranking: what is not better need not be kept.
    private(set) var worst: EventCursor?

    init(count: Int, newestFirst: Bool, cursor: EventCursor?) { (self.count, self.newestFirst, self.cursor) = (count, newestFirst, cursor) }

    private func precedes(_ a: EventCursor, _ b: EventCursor) -> Bool { newestFirst ? a > b : a < b }

    /// Whether a row of this time can still be among the best.
    func wants(_ time: Int64) -> Bool {
        if let worst, newestFirst ? time < worst.timestamp.nanoseconds : time > worst.timestamp.nanoseconds { return false }
        guard let cursor else { return true }
        return newestFirst ? time <= cursor.timestamp.nanoseconds : time >= cursor.timestamp.nanoseconds
    }

    mutating func insert(_ hit: Hit) {
        if let cursor, !precedes(cursor, hit.key) { return }
        if let worst, !precedes(hit.key, worst) { return }
        hits.append(hit)
        isSorted = false
        if hits.count >= count * 2 + 64 { trim() }
    }

    private mutating func trim() {
        if !isSorted { if newestFirst { hits.sort { $0.key > $1.key } } else { hits.sort { $0.key < $1.key } } }
        isSorted = true
        if hits.count > count { hits.removeLast(hits.count - count) }
        if hits.count == count { worst = hits.last?.key }
    }

    /// Whether no row at or behind `edge` can be among the best.
    mutating func isComplete(before edge: Timestamp) -> Bool {
        guard hits.count >= count else { return false }
        trim()
        guard let worst else { return count == 0 }
        return newestFirst ? worst.timestamp > edge : worst.timestamp < edge
    }

    mutating func finish() -> [Hit] {
        trim()
        return hits
    }

    /// What is certain when the search stops before blocks whose first row is at `edge`. Nil when that would be no step forward.
    mutating func stop(before edge: Timestamp) -> (hits: [Hit], place: EventCursor)? {
        let place =
            newestFirst ? EventCursor(timestamp: edge, position: .max, row: .max) : EventCursor(timestamp: edge, position: 0, row: 0)
        if let cursor, !precedes(cursor, place) { return nil }
        trim()
        return (hits.filter { precedes($0.key, place) }, place)
    }
}
