import Telemetry

/// Several sealed blocks of samples into one, at the same resolution or rolled up to a coarser one. Each sample is in exactly one block of a log, so the
/// output takes its inputs' place in one transaction.
package enum SampleMerge {
    /// Streams: memory is the inputs' directories, a page each, and the output. Nil when there is nothing in them.
    /// - Parameters:
    ///   - blocks: of one resolution, in the order of their positions: of two rows of a series at the same time the later one stays.
    ///   - resolution: theirs or a coarser one.
    package static func merge(_ blocks: [SealedSamples], to resolution: Resolution, level: Int32 = 3) throws(SealedError) -> SealedOutput? {
        guard let first = blocks.map(\.header.first).min(), let last = blocks.map(\.header.last).max() else { return nil }
        let source = blocks[0].resolution
        precondition(
            blocks.allSatisfy { $0.resolution == source } && source.rawValue <= resolution.rawValue,
            "blocks of one resolution, not finer after"
        )
        let groups = MergedKeys(blocks.map(\.groups))
        let rests = MergedKeys(blocks.map(\.rests))
        var writer = SampleWriter(resolution: resolution, level: level)
        let (inner, outer) = (SampleLimits.slice(of: source), SampleLimits.slice(of: resolution))
        // Slices of the inputs, by the slice of the output that they belong to.
        var runs = [Int64: [(block: Int, slice: Int64, chunks: Range<Int>)]]()
        for (number, block) in blocks.enumerated() {
            for slice in block.slices {
                let (start, overflow) = slice.slice.multipliedReportingOverflow(by: inner)
                let outerSlice = overflow ? slice.slice : start.flooredQuotient(outer)
                runs[outerSlice, default: []].append((number, slice.slice, slice.chunks))
            }
        }
        for slice in runs.keys.sorted() {
            // Later blocks behind earlier ones, so that they win.
            let ordered = runs[slice]!.sorted { $0.block != $1.block ? $0.block < $1.block : $0.slice < $1.slice }
            try merge(
                ordered.map { (ChunkRun(blocks[$0.block], $0.chunks), rests.ranks[$0.block], groups.ranks[$0.block]) },
                slice: slice,
                from: source,
                to: resolution,
                into: &writer
            )
        }
        return writer.finish(
            groups: groups.keys,
            groupOrder: groups.order,
            rests: rests.keys,
            restOrder: rests.order,
            first: first,
            last: last
        )
    }

    private static func merge(
        _ runs: [(chunks: ChunkRun, rests: [UInt32], groups: [UInt32])],
        slice: Int64,
        from source: Resolution,
        to resolution: Resolution,
        into writer: inout SampleWriter
    ) throws(SealedError) {
        var runs = runs.filter { !$0.chunks.isAtEnd }
        var ranks = runs.map { rank($0) }
        var rows = MergedRows(source: source, resolution: resolution)
        while let least = ranks.min(), least != .max {
            rows.removeAll()
            for index in runs.indices where ranks[index] == least {
                let (times, columns, positions) = try runs[index].chunks.next()
                rows.append(times, columns, positions: positions)
                ranks[index] = rank(runs[index])
            }
            let (rest, group) = (Int(least >> 32), Int(UInt32(truncatingIfNeeded: least)))
            rows.finish()
            let (times, columns) = (rows.times, rows.columns)
            if resolution == .raw {
                let values = columns[0]
                let positions = rows.positions
                writer.append(slice: slice, rest: rest, group: group, times: times.span, values: values.span, positions: positions.span)
            } else {
                writer.append(slice: slice, rest: rest, group: group, times: times.span, columns: columns)
            }
        }
    }

    private static func rank(_ run: (chunks: ChunkRun, rests: [UInt32], groups: [UInt32])) -> UInt64 {
        run.chunks.isAtEnd ? .max : UInt64(run.rests[run.chunks.rest]) << 32 | UInt64(run.groups[run.chunks.group])
    }
}

/// The keys of several blocks together, in order, and what each block's numbers are in it.
private struct MergedKeys {
    private(set) var keys = KeyTable()
    let order: [UInt32]
    /// By block, by its number: the rank among all.
    let ranks: [[UInt32]]

    init(_ tables: [KeyTable]) {
        var numbers = [[UInt32]]()
        for table in tables {
            var mine = [UInt32]()
            mine.reserveCapacity(table.count)
            for number in 0..<table.count { mine.append(keys.number(of: table.key(number).span)) }
            numbers.append(mine)
        }
        order = keys.sorted()
        let byNumber = SampleSealer.ranks(order)
        ranks = numbers.map { $0.map { byNumber[Int($0)] } }
    }
}
