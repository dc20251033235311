import Blocks
import Sealing
import Telemetry

/// A stretch of the log that a search looks at as one: an arrival, or a sealed block.
enum SearchUnit: Sendable {
    case arrival(Arrival)
    case sealed(SealedBlock)

    var from: Timestamp {
        switch self {
        case .arrival(let arrival): arrival.block.from
        case .sealed(let block): block.from
        }
    }

    var to: Timestamp {
        switch self {
        case .arrival(let arrival): arrival.block.to
        case .sealed(let block): block.to
        }
    }

    /// Position of the first row that may be in it.
    var first: LogPosition {
        switch self {
        case .arrival(let arrival): arrival.position
        case .sealed(let block): block.first
        }
    }
}

extension Catalog {
    /// Units of events that overlap `[start, end)`, by their first row in the order of the search. Not those that `without` names.
    func units(overlapping start: Timestamp, _ end: Timestamp, newestFirst: Bool, without: Set<UInt64> = []) -> [SearchUnit] {
        var units = [SearchUnit]()
        for arrival in arrivals where arrival.block.kind == .events && arrival.block.to >= start && arrival.block.from < end {
            units.append(.arrival(arrival))
        }
        for block in sealed where block.kind == .events && block.to >= start && block.from < end && !without.contains(block.number) {
            units.append(.sealed(block))
        }
        units.sort { newestFirst ? $0.to > $1.to : $0.from < $1.from }
        return units
    }
}
