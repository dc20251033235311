/// Where each column of a block lies, by its id: at most 255, and some ten in fact.
struct ColumnPlaces: Sendable, Hashable {
    private struct Place: Sendable, Hashable {
        var id: UInt8
        var start: Int
        var end: Int
    }

    private var places: [Place] = []

    init(capacity: Int) { places.reserveCapacity(min(capacity, 255)) }

    /// The highest id; nil without a column.
    var last: UInt8? { places.last?.id }

    /// - Precondition: the ids ascend.
    mutating func append(_ id: UInt8, _ range: Range<Int>) {
        precondition(id > last ?? 0, "columns out of order")
        places.append(Place(id: id, start: range.lowerBound, end: range.upperBound))
    }

    subscript(id: UInt8) -> Range<Int>? {
        for place in places where place.id == id { return place.start..<place.end }
        return nil
    }
}
