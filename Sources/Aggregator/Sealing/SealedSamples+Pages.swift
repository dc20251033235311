import Blocks
import Telemetry

extension SealedSamples {
    /// Columns of one chunk: one of values, or five of ``RolledColumn``.
    typealias Columns = [[Double]]

    private func page(_ page: Page) throws(SealedError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(LogError) { bytes = try block.bytes.read(page.bytes) } catch { throw SealedError(reading: error) }
        guard SampleWriter.sum(bytes) == page.sum else {
            throw .damaged("the checksum of a page of samples at byte \(page.bytes.lowerBound) does not hold")
        }
        return bytes
    }

    /// The chunks of a value page, up to and with number `last`.
    func chunks(of page: Page, through last: Int) throws(SealedError) -> [Columns] {
        var decoder = try PageDecoder(try self.page(page))
        var chunks = [Columns]()
        chunks.reserveCapacity(last - page.items.lowerBound + 1)
        var scratch = [Int64]()
        let columnCount = resolution == .raw ? 1 : RolledColumn.allCases.count
        do throws(BlockError) {
            for chunk in page.items.lowerBound...last {
                let rows = Int(sequenceCounts[Int(chunkSequences[chunk])])
                var columns = Columns()
                columns.reserveCapacity(columnCount)
                for _ in 0..<columnCount { columns.append(try decoder.values(rows, columns: columns, scratch: &scratch)) }
                chunks.append(columns)
            }
            guard last + 1 < page.items.upperBound || decoder.isAtEnd else { throw .malformed("bytes after the last chunk") }
        } catch {
            throw .damaged("a page of samples at byte \(page.bytes.lowerBound): \(error)")
        }
        return chunks
    }

    /// Timestamps that series share, and where they came from.
    struct Sequence {
        var times: [Int64]
        /// Positions of the arrivals; nil for rolled up rows. Samples that were sealed without them count as those of the block's last arrival.
        var positions: [Int64]?
    }

    /// The sequences of a time page.
    func sequences(of page: Page) throws(SealedError) -> [Sequence] {
        var decoder = try PageDecoder(try self.page(page))
        var sequences = [Sequence]()
        do throws(BlockError) {
            for sequence in page.items {
                var times = [Int64]()
                try decoder.numbers(Int(sequenceCounts[sequence]), into: &times)
                guard times.first == sequenceStarts[sequence], times.last == sequenceEnds[sequence] else {
                    throw .malformed("timestamps that are not those of the directory")
                }
                for index in 1..<max(1, times.count) where times[index] <= times[index - 1] { throw .malformed("timestamps that do not grow") }
                var positions: [Int64]?
                if header.hasPositions {
                    var found = [Int64]()
                    try decoder.numbers(times.count, into: &found)
                    let range = header.first...max(header.first, header.last)
                    guard found.allSatisfy({ range.contains(UInt64(bitPattern: $0)) }) else {
                        throw .malformed("positions that are not those of the block")
                    }
                    positions = found
                } else if resolution == .raw {
                    positions = [Int64](repeating: Int64(bitPattern: header.last), count: times.count)
                }
                sequences.append(Sequence(times: times, positions: positions))
            }
            guard decoder.isAtEnd else { throw .malformed("bytes after the last sequence") }
        } catch {
            throw .damaged("a page of timestamps at byte \(page.bytes.lowerBound): \(error)")
        }
        return sequences
    }
}

/// Timestamps of a block's chunks, unpacked once each page.
struct SequenceReader {
    private let samples: SealedSamples
    private var pages: [Int: [SealedSamples.Sequence]] = [:]
    private var held = 0

    init(_ samples: SealedSamples) { self.samples = samples }

    mutating func times(ofChunk chunk: Int) throws(SealedError) -> [Int64] { try sequence(ofChunk: chunk).times }

    mutating func sequence(ofChunk chunk: Int) throws(SealedError) -> SealedSamples.Sequence {
        let sequence = Int(samples.chunkSequences[chunk])
        // The first page that ends behind it.
        var (low, high) = (0, samples.timePages.count)
        while low < high {
            let middle = (low + high) / 2
            if samples.timePages[middle].items.upperBound <= sequence { low = middle + 1 } else { high = middle }
        }
        let page = samples.timePages[low]
        if let known = pages[low] { return known[sequence - page.items.lowerBound] }
        let fresh = try samples.sequences(of: page)
        held += fresh.reduce(0) { $0 + $1.times.count + ($1.positions?.count ?? 0) }
        // Where every series has times of its own they are not kept.
        if held > SampleLimits.timesRemembered {
            pages.removeAll()
            held = 0
        }
        pages[low] = fresh
        return fresh[sequence - page.items.lowerBound]
    }
}

/// Goes through the chunks of one slice of a block, in their order, a page at a time.
struct ChunkRun {
    let samples: SealedSamples
    private(set) var chunk: Int
    private let end: Int
    private var page: Int
    private var decoded: [SealedSamples.Columns] = []
    private var times: SequenceReader

    /// - Precondition: the chunks are those of one slice.
    init(_ samples: SealedSamples, _ chunks: Range<Int>) {
        (self.samples, chunk, end) = (samples, chunks.lowerBound, chunks.upperBound)
        page = (samples.valuePages.firstIndex { $0.items.contains(chunks.lowerBound) } ?? 0) - 1
        times = SequenceReader(samples)
    }

    var isAtEnd: Bool { chunk == end }
    var rest: Int { Int(samples.chunkRests[chunk]) }
    var group: Int { Int(samples.chunkGroups[chunk]) }

    /// The chunk here; goes on to the next one.
    mutating func next() throws(SealedError) -> (times: [Int64], columns: SealedSamples.Columns, positions: [Int64]?) {
        if page < 0 || !samples.valuePages[page].items.contains(chunk) || decoded.isEmpty {
            if page < 0 || !samples.valuePages[page].items.contains(chunk) { page += 1 }
            let next = samples.valuePages[page]
            decoded = try samples.chunks(of: next, through: next.items.upperBound - 1)
        }
        let columns = decoded[chunk - samples.valuePages[page].items.lowerBound]
        let sequence = try times.sequence(ofChunk: chunk)
        chunk += 1
        return (sequence.times, columns, sequence.positions)
    }
}
