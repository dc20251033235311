import Blocks
import Sealing
import Telemetry

/// The blocks of events that a query may have to look into.
struct SearchScope {
    /// One block, where it is.
    struct Piece {
        enum Body {
            case arrival(Arrival)
            case sealed(SealedBlock)
        }

        let body: Body
        let from: Timestamp
        let to: Timestamp
        let position: LogPosition
    }

    private(set) var pieces: [Piece]

    /// - Parameter hashes: of words that must be in a row; sealed blocks without one of them are left out. Reads: from a thread that may block.
    init(
        _ catalog: Catalog,
        from start: Timestamp,
        to end: Timestamp,
        through: LogPosition = .max,
        hashes: [UInt64] = []
    ) throws(QueryError) {
        pieces = []
        guard start < end else { return }
        for arrival in catalog.arrivals where arrival.block.kind == .events {
            guard arrival.position <= through else { break }
            if arrival.block.to >= start, arrival.block.from < end {
                pieces.append(Piece(body: .arrival(arrival), from: arrival.block.from, to: arrival.block.to, position: arrival.position))
            }
        }
        let without = hashes.isEmpty ? [] : catalog.blocks(withoutAll: hashes)
        for block in catalog.sealed where block.kind == .events && block.to >= start && block.from < end && block.first <= through {
            if !without.contains(block.number) {
                pieces.append(Piece(body: .sealed(block), from: block.from, to: block.to, position: block.first))
            }
        }
    }

    /// Those whose rows can come first, first.
    mutating func sort(newestFirst: Bool) {
        pieces.sort { newestFirst ? ($0.to, $0.position) > ($1.to, $1.position) : ($0.from, $0.position) < ($1.from, $1.position) }
    }
}

/// A sealed block that cannot be read as it was written.
struct DamagedBlock: Sendable {
    let block: SealedBlock
    let detail: String
}

extension SealedError {
    /// Throws what the whole query fails for; gives what only the block is lost for.
    func damage(of block: SealedBlock) throws(QueryError) -> DamagedBlock {
        switch self {
        case .damaged(let detail): return DamagedBlock(block: block, detail: detail)
        case .read(let error): throw .failed("sealed block \(block.number) cannot be read: \(error)")
        }
    }
}
