import Blocks
package import Telemetry

/// Rows of one series in one slice of time, as a block holds them.
package struct SampleRows: Sendable {
    /// Nanoseconds, growing. Of rolled up rows: of the last sample in each.
    package var times: [Int64]
    /// One column of values; of rolled up samples the five of ``RolledColumn``.
    package var columns: [[Double]]
}

extension SealedSamples {
    /// Which series are wanted, and when.
    package struct Selection {
        /// Only these metric names; nil: any.
        package var names: Set<String>?
        /// Asked once for each group of labels (``SeriesKey/groupNames``), and once for each of the others with the metric name.
        package var wantsGroup: (Labels) -> Bool
        package var wantsRest: (Labels) -> Bool
        /// Nanoseconds, both inclusive.
        package var from: Int64
        package var to: Int64

        package init(
            names: Set<String>?,
            from: Int64,
            to: Int64,
            wantsGroup: @escaping (Labels) -> Bool,
            wantsRest: @escaping (Labels) -> Bool
        ) {
            (self.names, self.from, self.to, self.wantsGroup, self.wantsRest) = (names, from, to, wantsGroup, wantsRest)
        }
    }

    /// Gives each wanted chunk that overlaps the time, whole, with its series' number in `index`; false from `take` ends it.
    package func read(
        _ selection: Selection,
        index: inout SeriesIndex,
        take: (_ series: UInt32, _ rows: SampleRows) -> Bool
    ) throws(SealedError) {
        guard header.from.nanoseconds <= selection.to, header.to.nanoseconds >= selection.from else { return }
        let wantedRests = wanted(rests: selection)
        guard wantedRests.contains(true) else { return }
        let wantedGroups = (0..<groups.count).map { selection.wantsGroup(labels(group: $0)) }
        guard wantedGroups.contains(true) else { return }
        var groupNumbers = [UInt32?](repeating: nil, count: groups.count)
        var restNumbers = [UInt32?](repeating: nil, count: rests.count)
        var times = SequenceReader(self)
        for page in valuePages {
            var (wanted, last) = ([Int](), -1)
            for chunk in page.items where wantedRests[Int(chunkRests[chunk])] && wantedGroups[Int(chunkGroups[chunk])] {
                let sequence = Int(chunkSequences[chunk])
                guard sequenceStarts[sequence] <= selection.to, sequenceEnds[sequence] >= selection.from else { continue }
                wanted.append(chunk)
                last = chunk
            }
            guard last >= 0 else { continue }
            let chunks = try chunks(of: page, through: last)
            for chunk in wanted {
                let (group, rest) = (Int(chunkGroups[chunk]), Int(chunkRests[chunk]))
                let groupNumber = groupNumbers[group] ?? index.groupNumber(of: groups.key(group))
                let restNumber = restNumbers[rest] ?? index.restNumber(of: rests.key(rest))
                (groupNumbers[group], restNumbers[rest]) = (groupNumber, restNumber)
                let rows = SampleRows(times: try times.times(ofChunk: chunk), columns: chunks[chunk - page.items.lowerBound])
                guard take(index.number(groupNumber, restNumber), rows) else { return }
            }
        }
    }

    /// Samples behind a position as one wire block, series after series: for readers who are behind the sealing.
    ///
    /// Of a large block a part: up to a position before which about `rowsMax` samples lie, so that a reader goes through it in some steps.
    /// - Precondition: raw samples, and positions below 2^63.
    /// - Returns: nil when none lie behind `position` and up to `end`.
    package func wireBlock(after position: LogPosition, through end: LogPosition = .max, rowsMax: Int = .max) throws(SealedError) -> WirePart? {
        precondition(resolution == .raw && rowsMax > 0, "only raw samples travel")
        let after = Int64(bitPattern: position)
        let through = try part(after: after, through: Int64(bitPattern: min(end, header.last)), rowsMax: rowsMax)
        var encoder = SampleBlockEncoder()
        var (count, from, to) = (0, Int64.max, Int64.min)
        for slice in slices {
            var run = ChunkRun(self, slice.chunks)
            while !run.isAtEnd {
                let (group, rest) = (run.group, run.rest)
                let (times, columns, positions) = try run.next()
                guard let positions, positions.contains(where: { $0 > after && $0 <= through }) else { continue }
                let labels = labels(group: group, rest: rest)
                for row in times.indices where positions[row] > after && positions[row] <= through {
                    encoder.append(Sample(series: labels, timestamp: Timestamp(nanoseconds: times[row]), value: columns[0][row]))
                    (count, from, to) = (count + 1, min(from, times[row]), max(to, times[row]))
                }
            }
        }
        guard count > 0 else { return nil }
        return WirePart(
            bytes: encoder.finish(),
            count: count,
            from: Timestamp(nanoseconds: from),
            to: Timestamp(nanoseconds: to),
            position: LogPosition(bitPattern: through)
        )
    }

    /// A part of the samples in the order of the log.
    package struct WirePart: Sendable {
        package var bytes: [UInt8]
        package var count: Int
        package var from: Timestamp
        package var to: Timestamp
        /// All samples up to here are in it, or were before it.
        package var position: LogPosition
    }

    /// Up to which position about `rowsMax` samples lie behind `after`; at least one position is passed.
    private func part(after: Int64, through last: Int64, rowsMax: Int) throws(SealedError) -> Int64 {
        if header.count <= rowsMax || !header.hasPositions { return last }
        var seriesOf = [Int](repeating: 0, count: sequenceCounts.count)
        for sequence in chunkSequences { seriesOf[Int(sequence)] += 1 }
        var rows: [Int64: Int] = [:]
        for page in timePages {
            for (index, sequence) in try sequences(of: page).enumerated() {
                for position in sequence.positions ?? [] where position > after && position <= last {
                    rows[position, default: 0] += seriesOf[page.items.lowerBound + index]
                }
            }
        }
        var sum = 0
        for position in rows.keys.sorted() {
            sum += rows[position] ?? 0
            if sum >= rowsMax { return position }
        }
        return last
    }

    /// Reads and unpacks every page; throws at the first that is damaged. Tells how many rows there are.
    @discardableResult
    package func verify() throws(SealedError) -> Int {
        for page in timePages { _ = try sequences(of: page) }
        var rows = 0
        for page in valuePages {
            for chunk in try chunks(of: page, through: page.items.upperBound - 1) { rows += chunk[0].count }
        }
        guard rows == header.count else { throw .damaged("\(rows) rows where the header says \(header.count)") }
        return rows
    }

    // MARK: Inside

    private func wanted(rests selection: Selection) -> [Bool] {
        var wanted = [Bool](repeating: false, count: rests.count)
        if let names = selection.names {
            for name in names {
                for rest in restRange(ofName: name) where selection.wantsRest(labels(rest: rest)) { wanted[rest] = true }
            }
        } else {
            for rest in 0..<rests.count where selection.wantsRest(labels(rest: rest)) { wanted[rest] = true }
        }
        return wanted
    }

    /// The rests of one metric, which lie together.
    private func restRange(ofName name: String) -> Range<Int> {
        var key = Array(name.utf8)
        key.append(SeriesKey.labelMark)
        func firstIndex(where isBehind: ([UInt8]) -> Bool) -> Int {
            var (low, high) = (0, rests.count)
            while low < high {
                let middle = (low + high) / 2
                if isBehind(rests.key(middle)) { high = middle } else { low = middle + 1 }
            }
            return low
        }
        let first = firstIndex { !SeriesKey.precedes($0.span, key.span) }
        let end = firstIndex { !SeriesKey.precedes($0.span, key.span) && !$0.starts(with: key) }
        return first..<max(first, end)
    }

    private func labels(group: Int) -> Labels { SeriesKey.labels(group: groups.key(group), rest: [SeriesKey.labelMark]) }
    private func labels(rest: Int) -> Labels { SeriesKey.labels(group: [], rest: rests.key(rest)) }
    func labels(group: Int, rest: Int) -> Labels { SeriesKey.labels(group: groups.key(group), rest: rests.key(rest)) }
}
