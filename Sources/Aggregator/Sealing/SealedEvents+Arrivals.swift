import Blocks
package import Telemetry

/// Sealed rows as the arrivals they came in: wire blocks for readers of the log that are behind what was sealed.
extension SealedEvents {
    /// Where rows of an arrival are not here (repeats, or another class of retention), the others carry their ids and their numbers, for their places
    /// have moved.
    package func arrivals() throws(SealedError) -> [StoredBlock] {
        let (ids, numbers) = (try ids(), try arrivalRows())
        let events = try events(at: Array(0..<count))
        var blocks = [StoredBlock]()
        for run in runs {
            var rows = [(number: UInt32, event: Event)]()
            for row in run.rows {
                var event = events[row]
                if Int(numbers[row]) == row - run.rows.lowerBound { event.id = ids[UInt32(row)] }
                event.tags.removeAll { run.tags.contains($0) }
                rows.append((numbers[row], event))
            }
            let origin = StoredBlock(
                position: run.position,
                kind: .events,
                bytes: [],
                count: 0,
                from: .distantFuture,
                to: .distantPast,
                receivedAt: run.receivedAt,
                origin: run.origin,
                host: run.host,
                tags: run.tags
            )
            blocks.append(try origin.holding(rows))
        }
        return blocks
    }

    /// The same with one block of events for each position, in order: rows of one arrival can lie in several sealed blocks (each class of retention has its own),
    /// and a reader that stopped inside of an arrival goes on by its rows' numbers.
    package static func joined(_ blocks: [StoredBlock]) throws(SealedError) -> [StoredBlock] {
        var pieces = [LogPosition: [StoredBlock]]()
        for block in blocks { pieces[block.position, default: []].append(block) }
        guard pieces.count < blocks.count else { return blocks }
        var joined = [StoredBlock]()
        for (_, pieces) in pieces.sorted(by: { $0.key < $1.key }) {
            guard pieces.count > 1, let first = pieces.first, first.kind == .events else {
                joined += pieces
                continue
            }
            var rows = [(number: UInt32, event: Event)]()
            for piece in pieces {
                let block: EventBlock
                do { block = try EventBlock(decoding: piece.bytes) } catch { throw .damaged(error.description) }
                for row in 0..<block.count {
                    let number = piece.rowNumbers.isEmpty ? UInt32(row) : piece.rowNumbers[row]
                    var event = block.event(at: row)
                    if event.id == nil {
                        var origin = piece.origin
                        origin.row = number
                        event.id = .derived(at: event.timestamp, from: origin)
                    }
                    rows.append((number, event))
                }
            }
            rows.sort { $0.number < $1.number }
            joined.append(try first.holding(rows))
        }
        return joined
    }
}

extension StoredBlock {
    /// The same arrival with these rows, ascending by number.
    fileprivate func holding(_ rows: [(number: UInt32, event: Event)]) throws(SealedError) -> StoredBlock {
        var encoder = EventBlockEncoder()
        for row in rows { encoder.append(row.event) }
        var block = self
        block.bytes = encoder.finish()
        let header: BlockHeader
        do { header = try BlockHeader(decoding: block.bytes) } catch { throw .damaged(error.description) }
        (block.count, block.from, block.to) = (rows.count, header.from, header.to)
        let isPlain = rows.enumerated().allSatisfy { Int($1.number) == $0 }
        block.rowNumbers = isPlain ? [] : rows.map(\.number)
        return block
    }
}
