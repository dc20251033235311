import Blocks
import Telemetry

/// A sealed block of samples: its header and directory, read and verified once; its pages are read when they are asked for. Worth caching
/// (``bytesInMemory``). Everything here reads: from a thread that may block.
package final class SealedSamples: Sendable {
    struct Page {
        /// Numbers of the chunks, or sequences, in it.
        var items: Range<Int>
        var bytes: Range<Int>
        var sum: UInt32
    }

    struct Slice {
        var slice: Int64
        var chunks: Range<Int>
    }

    package let block: SealedBlock
    package let header: SampleHeader
    let groups: KeyTable
    let rests: KeyTable
    let sequenceCounts: [UInt32]
    let sequenceStarts: [Int64]
    let sequenceEnds: [Int64]
    let timePages: [Page]
    let valuePages: [Page]
    let slices: [Slice]
    /// By chunk.
    let chunkRests: [UInt32]
    let chunkGroups: [UInt32]
    let chunkSequences: [UInt32]

    package init(_ block: SealedBlock) throws(SealedError) {
        func read(_ range: Range<Int>) throws(SealedError) -> [UInt8] {
            guard range.upperBound <= block.bytes.count else { throw .damaged("sealed samples end after \(block.bytes.count) bytes") }
            do throws(LogError) { return try block.bytes.read(range) } catch { throw SealedError(reading: error) }
        }
        let head = try read(0..<SampleHeader.bytes)
        let header = try SampleHeader(decoding: head)
        guard header.length <= block.bytes.count else { throw .damaged("sealed samples of \(header.length) bytes where \(block.bytes.count) are") }
        let packed = try read(SampleHeader.bytes..<SampleHeader.bytes + header.directoryBytes)
        let whole = head + packed
        guard Checksum.xxh64(whole.span.extracting(16..<whole.count)) == BlockBytes.littleEndian64(whole, at: 8) else {
            throw .damaged("the checksum of the directory of sealed samples does not hold")
        }
        guard let bytes = header.directoryBytes == header.directoryLength ? packed : Zstd.decompress(packed, length: header.directoryLength) else {
            throw .damaged("the directory of sealed samples cannot be unpacked")
        }
        do throws(BlockError) {
            var cursor = ByteCursor(0..<bytes.count)
            groups = try KeyTable(decoding: bytes, at: &cursor)
            rests = try KeyTable(decoding: bytes, at: &cursor)
            let sequences = try cursor.count(bytesEach: 3, in: bytes.span)
            (sequenceCounts, sequenceStarts, sequenceEnds) = try SealedSamples.sequences(sequences, in: bytes, at: &cursor)
            var offset = SampleHeader.bytes + header.directoryBytes
            timePages = try SealedSamples.pages(in: bytes, at: &cursor, from: &offset)
            valuePages = try SealedSamples.pages(in: bytes, at: &cursor, from: &offset)
            guard offset == header.length, timePages.last?.items.upperBound ?? 0 == sequences else { throw .malformed("pages that do not fit") }
            slices = try SealedSamples.slices(in: bytes, at: &cursor)
            let chunks = slices.last?.chunks.upperBound ?? 0
            guard valuePages.last?.items.upperBound ?? 0 == chunks else { throw .malformed("pages of \(chunks) chunks do not fit") }
            chunkRests = try SealedSamples.codes(below: rests.count, slices, restarting: true, in: bytes, at: &cursor)
            chunkGroups = try SealedSamples.codes(below: groups.count, slices, restarting: true, in: bytes, at: &cursor)
            chunkSequences = try SealedSamples.codes(below: sequences, slices, restarting: false, in: bytes, at: &cursor)
            guard cursor.isAtEnd else { throw .malformed("bytes after the directory") }
        } catch {
            throw .damaged("the directory of sealed samples: \(error)")
        }
        (self.block, self.header) = (block, header)
    }

    package var resolution: Resolution { header.resolution }
    package var chunkCount: Int { chunkRests.count }

    /// About what it takes in memory.
    package var bytesInMemory: Int {
        groups.bytesInMemory + rests.bytesInMemory + sequenceCounts.count * 20 + (timePages.count + valuePages.count) * 40 + chunkCount * 12 + 1024
    }

    // MARK: The directory

    private static func sequences(
        _ count: Int,
        in bytes: [UInt8],
        at cursor: inout ByteCursor
    ) throws(BlockError) -> ([UInt32], [Int64], [Int64]) {
        var (counts, starts, ends) = ([UInt32](), [Int64](), [Int64]())
        counts.reserveCapacity(count)
        starts.reserveCapacity(count)
        ends.reserveCapacity(count)
        for _ in 0..<count {
            let rows = try cursor.varint(in: bytes.span)
            guard rows > 0, rows <= UInt64(SampleLimits.pageSamplesMax) else { throw .malformed("a sequence of \(rows) timestamps") }
            counts.append(UInt32(rows))
        }
        var start: Int64 = 0
        for _ in 0..<count {
            start &+= try cursor.zigzag(in: bytes.span)
            starts.append(start)
        }
        for index in 0..<count { ends.append(starts[index] &+ Int64(bitPattern: try cursor.varint(in: bytes.span))) }
        return (counts, starts, ends)
    }

    private static func pages(in bytes: [UInt8], at cursor: inout ByteCursor, from offset: inout Int) throws(BlockError) -> [Page] {
        let count = try cursor.count(bytesEach: 6, in: bytes.span)
        var pages = [Page]()
        var item = 0
        for _ in 0..<count {
            let (items, length) = (try cursor.varint(in: bytes.span), try cursor.varint(in: bytes.span))
            let sum = try cursor.littleEndian32(in: bytes.span)
            guard items > 0, items <= UInt64(SampleLimits.chunksMax), length <= 1 << 32 else {
                throw .malformed("a page of \(items) items, \(length) bytes")
            }
            pages.append(Page(items: item..<item + Int(items), bytes: offset..<offset + Int(length), sum: sum))
            item += Int(items)
            offset += Int(length)
        }
        return pages
    }

    private static func slices(in bytes: [UInt8], at cursor: inout ByteCursor) throws(BlockError) -> [Slice] {
        let count = try cursor.count(bytesEach: 2, in: bytes.span)
        var slices = [Slice]()
        var (slice, chunk): (Int64, Int) = (0, 0)
        for _ in 0..<count {
            slice &+= try cursor.zigzag(in: bytes.span)
            let chunks = try cursor.varint(in: bytes.span)
            guard chunks > 0, chunk + Int(clamping: chunks) <= SampleLimits.chunksMax else { throw .malformed("a slice of \(chunks) chunks") }
            slices.append(Slice(slice: slice, chunks: chunk..<chunk + Int(chunks)))
            chunk += Int(chunks)
        }
        return slices
    }

    private static func codes(
        below limit: Int,
        _ slices: [Slice],
        restarting: Bool,
        in bytes: [UInt8],
        at cursor: inout ByteCursor
    ) throws(BlockError) -> [UInt32] {
        var codes = [UInt32]()
        codes.reserveCapacity(min(slices.last?.chunks.upperBound ?? 0, bytes.count))
        var code: Int64 = 0
        for slice in slices {
            if restarting { code = 0 }
            for _ in slice.chunks {
                code &+= try cursor.zigzag(in: bytes.span)
                guard code >= 0, code < Int64(limit) else { throw .malformed("a chunk's code \(code) of \(limit)") }
                codes.append(UInt32(truncatingIfNeeded: code))
            }
        }
        return codes
    }
}

enum BlockBytes {
    static func littleEndian64(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        return value
    }
}
