import Blocks
import Telemetry

/// The columns of rolled up samples, in their order at rest.
package enum RolledColumn: Int, CaseIterable, Sendable { case count = 0, minimum, maximum, sum, last }

/// Puts chunks together, which come in the order of slice, rest and group, into one sealed block.
struct SampleWriter: ~Copyable {
    private struct Page {
        var items: Int
        var bytes: Int
        var sum: UInt32
    }

    private let resolution: Resolution
    private let level: Int32
    private var values = PageEncoder()
    private var valueChunks = 0
    private var valueRows = 0
    private var valuePages: [Page] = []
    private var valueBytes: [UInt8] = []
    private var times = PageEncoder()
    private var timeSequences = 0
    private var timePages: [Page] = []
    private var timeBytes: [UInt8] = []
    private var sequenceCounts: [UInt8] = []
    private var sequenceStarts: [UInt8] = []
    private var sequenceSpans: [UInt8] = []
    private var sequences = 0
    private var lastStart: Int64 = 0
    private var slices: [(slice: Int64, chunks: Int)] = []
    private var chunkRests: [UInt8] = []
    private var chunkGroups: [UInt8] = []
    private var chunkSequences: [UInt8] = []
    private var last: (rest: Int64, group: Int64, sequence: Int64) = (0, 0, 0)
    private var count = 0
    private var earliest = Int64.max
    private var latest = Int64.min
    private var scratch: [Int64] = []
    /// Sequences that may come again: their timestamps, where each begins, and the last one with a hash.
    private var remembered: [Int64] = []
    private var rememberedAt: [UInt64: (sequence: Int, range: Range<Int>)] = [:]

    init(resolution: Resolution, level: Int32) { (self.resolution, self.level) = (resolution, level) }

    /// One chunk of raw samples. `times` grow; `positions` are those of the arrivals in which they came.
    mutating func append(slice: Int64, rest: Int, group: Int, times: Span<Int64>, values: Span<Double>, positions: Span<Int64>) {
        begin(slice, rest, group, times, positions)
        self.values.append(values, scratch: &scratch)
        end(times.count)
    }

    /// One chunk of rolled up samples: a column each of ``RolledColumn``.
    mutating func append(slice: Int64, rest: Int, group: Int, times: Span<Int64>, columns: [[Double]]) {
        begin(slice, rest, group, times, [Int64]().span)
        for (column, numbers) in columns.enumerated() {
            if let same = (1..<max(1, column)).first(where: { SampleWriter.areEqual(columns[$0], numbers) }) {
                values.appendSame(as: same)
            } else if column == RolledColumn.sum.rawValue, SampleWriter.isProduct(numbers, of: columns[0], columns[1]) {
                values.appendProduct()
            } else {
                values.append(numbers.span, scratch: &scratch)
            }
        }
        end(times.count)
    }

    /// Nil when nothing was appended. `groups` and `rests` are in the order of their keys: the ranks that the chunks name.
    consuming func finish(
        groups: KeyTable,
        groupOrder: [UInt32],
        rests: KeyTable,
        restOrder: [UInt32],
        first: LogPosition,
        last: LogPosition
    ) -> SealedOutput? {
        guard count > 0 else { return nil }
        flushValues()
        flushTimes()
        var directory = [UInt8]()
        groups.encode(groupOrder, into: &directory)
        rests.encode(restOrder, into: &directory)
        directory.appendVarint(UInt64(sequences))
        directory += sequenceCounts
        directory += sequenceStarts
        directory += sequenceSpans
        for pages in [timePages, valuePages] {
            directory.appendVarint(UInt64(pages.count))
            for page in pages {
                directory.appendVarint(UInt64(page.items))
                directory.appendVarint(UInt64(page.bytes))
                directory.appendLittleEndian(page.sum)
            }
        }
        directory.appendVarint(UInt64(slices.count))
        var previous: Int64 = 0
        for slice in slices {
            directory.appendZigzag(slice.slice &- previous)
            directory.appendVarint(UInt64(slice.chunks))
            previous = slice.slice
        }
        directory += chunkRests
        directory += chunkGroups
        directory += chunkSequences
        let packed = Zstd.compress(directory, level: level) ?? directory
        var header = SampleHeader(resolution: resolution, count: count, from: earliest, to: latest, first: first, last: last)
        (header.directoryBytes, header.directoryLength) = (packed.count, directory.count)
        header.length = SampleHeader.bytes + packed.count + timeBytes.count + valueBytes.count
        var bytes = header.encode(with: packed)
        bytes.reserveCapacity(header.length)
        bytes += timeBytes
        bytes += valueBytes
        return SealedOutput(
            kind: .samples,
            resolution: resolution,
            count: count,
            from: header.from,
            to: header.to,
            first: first,
            last: last,
            bytes: bytes
        )
    }

    // MARK: Inside

    private mutating func begin(_ slice: Int64, _ rest: Int, _ group: Int, _ times: Span<Int64>, _ positions: Span<Int64>) {
        if slices.last?.slice != slice {
            precondition(slices.last.map { $0.slice < slice } ?? true, "slices grow")
            flushValues()
            slices.append((slice, 0))
            (last.rest, last.group) = (0, 0)
        }
        slices[slices.count - 1].chunks += 1
        let sequence = sequence(times, positions)
        chunkRests.appendZigzag(Int64(rest) - last.rest)
        chunkGroups.appendZigzag(Int64(group) - last.group)
        chunkSequences.appendZigzag(Int64(sequence) - last.sequence)
        last = (Int64(rest), Int64(group), Int64(sequence))
    }

    private mutating func end(_ rows: Int) {
        count += rows
        valueRows += rows
        valueChunks += 1
        if valueRows >= SampleLimits.pageSamples { flushValues() }
    }

    private mutating func sequence(_ times: Span<Int64>, _ positions: Span<Int64>) -> Int {
        var hash = UInt64(truncatingIfNeeded: times.count)
        for index in 0..<times.count { hash = (hash ^ UInt64(bitPattern: times[index])) &* 0x9E37_79B9_7F4A_7C15 ^ hash >> 29 }
        for index in 0..<positions.count { hash = (hash ^ UInt64(bitPattern: positions[index])) &* 0x9E37_79B9_7F4A_7C15 ^ hash >> 29 }
        if let known = rememberedAt[hash], known.range.count == times.count + positions.count {
            let middle = known.range.lowerBound + times.count
            if SampleWriter.areEqual(remembered.span.extracting(known.range.lowerBound..<middle), times),
                SampleWriter.areEqual(remembered.span.extracting(middle..<known.range.upperBound), positions)
            {
                return known.sequence
            }
        }
        if remembered.count + times.count + positions.count > SampleLimits.timesRemembered {
            remembered.removeAll(keepingCapacity: true)
            rememberedAt.removeAll(keepingCapacity: true)
        }
        let start = remembered.count
        for index in 0..<times.count { remembered.append(times[index]) }
        for index in 0..<positions.count { remembered.append(positions[index]) }
        rememberedAt[hash] = (sequences, start..<remembered.count)
        let (first, final) = (times[0], times[times.count - 1])
        (earliest, latest) = (min(earliest, first), max(latest, final))
        sequenceCounts.appendVarint(UInt64(times.count))
        sequenceStarts.appendZigzag(first &- lastStart)
        sequenceSpans.appendVarint(UInt64(bitPattern: final &- first))
        lastStart = first
        self.times.append(times)
        if positions.count > 0 { self.times.append(positions) }
        timeSequences += 1
        if self.times.count >= SampleLimits.pageSamples { flushTimes() }
        sequences += 1
        return sequences - 1
    }

    private mutating func flushValues() {
        guard valueChunks > 0 else { return }
        let page = values.finish(level: level)
        valuePages.append(Page(items: valueChunks, bytes: page.count, sum: SampleWriter.sum(page)))
        valueBytes += page
        (valueChunks, valueRows) = (0, 0)
    }

    private mutating func flushTimes() {
        guard timeSequences > 0 else { return }
        let page = times.finish(level: level)
        timePages.append(Page(items: timeSequences, bytes: page.count, sum: SampleWriter.sum(page)))
        timeBytes += page
        timeSequences = 0
    }

    static func sum(_ page: [UInt8]) -> UInt32 { UInt32(truncatingIfNeeded: Checksum.xxh64(page.span)) }

    private static func areEqual(_ a: Span<Int64>, _ b: Span<Int64>) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count where a[index] != b[index] { return false }
        return true
    }

    private static func areEqual(_ a: [Double], _ b: [Double]) -> Bool {
        for index in a.indices where a[index].bitPattern != b[index].bitPattern { return false }
        return true
    }

    private static func isProduct(_ numbers: [Double], of a: [Double], _ b: [Double]) -> Bool {
        for index in numbers.indices where numbers[index].bitPattern != (a[index] * b[index]).bitPattern { return false }
        return true
    }
}
