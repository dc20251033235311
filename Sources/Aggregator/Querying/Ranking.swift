import Telemetry

/// The best rows so far, by their places: blocks are not held.
struct Ranking {
    /// A row: its key in the order of the pages, the unit of the search that holds it, and its row there.
    struct Hit {
        let key: EventCursor
        let unit: Int
        let row: Int
    }

    let count: Int
    let newestFirst: Bool
    let cursor: EventCursor?
    private var hits: [Hit] = []
    private var isSorted = true
    /// The worst of a full ranking: what is not better need not be kept.
    private var worst: EventCursor?

    init(count: Int, newestFirst: Bool, cursor: EventCursor?) { (self.count, self.newestFirst, self.cursor) = (count, newestFirst, cursor) }

    private func precedes(_ a: EventCursor, _ b: EventCursor) -> Bool { newestFirst ? a > b : a < b }

    /// Whether a row of this time may be kept, as far as times tell: asked before anything else of the row is looked at.
    func mayKeep(_ timestamp: Int64) -> Bool {
        if let cursor, newestFirst ? timestamp > cursor.timestamp.nanoseconds : timestamp < cursor.timestamp.nanoseconds { return false }
        guard let worst else { return true }
        return newestFirst ? timestamp >= worst.timestamp.nanoseconds : timestamp <= worst.timestamp.nanoseconds
    }

    mutating func insert(_ key: EventCursor, unit: Int, row: Int) {
        if let cursor, !precedes(cursor, key) { return }
        if let worst, !precedes(key, worst) { return }
        hits.append(Hit(key: key, unit: unit, row: row))
        isSorted = false
        if hits.count >= count * 2 + 64 { trim() }
    }

    private mutating func trim() {
        if !isSorted {
            let newestFirst = newestFirst
            hits.sort { newestFirst ? $0.key > $1.key : $0.key < $1.key }
        }
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

    /// What is certain when the search stops before units whose first row is at `edge`. Nil when that would be no step forward.
    mutating func stop(before edge: Timestamp) -> (hits: [Hit], stoppedAt: EventCursor?)? {
        let place =
            newestFirst
            ? EventCursor(timestamp: edge, position: .max, row: .max) : EventCursor(timestamp: edge, position: 0, row: 0)
        if let cursor, !precedes(cursor, place) { return nil }
        trim()
        return (hits.filter { precedes($0.key, place) }, place)
    }
}
