/// Calls that are to be made at their time, the earliest first.
struct WorkTimers {
    typealias Call = @Sendable () -> Void

    /// Unique, and in the order of time.
    struct ID: Comparable, Sendable {
        let deadline: UInt64
        let number: UInt64

        static func < (left: ID, right: ID) -> Bool { (left.deadline, left.number) < (right.deadline, right.number) }
    }

    private var entries: [(id: ID, call: Call)] = []
    private var added: UInt64 = 0

    /// The earliest moment; nil when there is none.
    var first: UInt64? { entries.first?.id.deadline }

    mutating func add(at deadline: UInt64, _ call: @escaping Call) -> ID {
        added += 1
        let id = ID(deadline: deadline, number: added)
        entries.insert((id, call), at: place(of: id))
        return id
    }

    mutating func remove(_ id: ID) {
        let place = place(of: id)
        if place < entries.count, entries[place].id == id { entries.remove(at: place) }
    }

    mutating func takeDue(at now: UInt64) -> [Call] {
        let count = entries.firstIndex { $0.id.deadline > now } ?? entries.count
        guard count > 0 else { return [] }
        defer { entries.removeFirst(count) }
        return entries.prefix(count).map(\.call)
    }

    private func place(of id: ID) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
