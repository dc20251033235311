import Blocks
import Sealing
import Telemetry

/// What a segment says of itself, when the journal cannot be asked. Blocking; reads heads and directories of blocks, and alerts whole.
struct SegmentScan: Sendable {
    /// A sealed block that was found; its header and directory are whole.
    struct Block: Sendable {
        var range: Range<Int>
        var sealed: SealedBlock
        /// Who sent its rows: the highest sequence of each agent and lane.
        var sequences: [Sender: UInt64] = [:]
        /// When the last of its rows arrived; nil when it does not say so (samples).
        var receivedAt: Timestamp?
        var sources: [String] = []
    }

    struct Sender: Sendable, Hashable {
        var agent: UUID
        var lane: Lane
    }

    struct Words: Sendable {
        var range: Range<Int>
        var bitCount: Int
        /// Where the blocks begin.
        var blocks: [Int]
    }

    struct InPlace: Sendable {
        /// Where the blocks begin that hold the rows of the others.
        var start: Int
        var places: [BlockPlace]
        var blocks: Int
    }

    private static let windowBytes = 1 << 20

    private(set) var head: SegmentHead?
    private(set) var blocks: [Block] = []
    private(set) var words: [Words] = []
    private(set) var inPlace: [InPlace] = []
    /// Bytes that are nothing that is known: rows of words of an older segment, damage, or what a crash left.
    private(set) var unknownBytes = 0

    /// - Parameter end: up to here; nil: to the end of the file.
    /// - Throws: only when the disk does not answer.
    init(_ file: any SegmentFile, from start: Int = 0) throws(LogError) {
        var offset = start
        let end = file.count
        while offset < end {
            if let next = try take(at: offset, in: file, end) {
                offset = next
            } else {
                let next = try Self.nextMagic(behind: offset, in: file, end)
                unknownBytes += next - offset
                offset = next
            }
        }
    }

    /// Takes what begins here; gives where it ends, or nil when nothing does.
    private mutating func take(at offset: Int, in file: any SegmentFile, _ end: Int) throws(LogError) -> Int? {
        let bytes = try file.read(offset..<min(end, offset + SampleHeader.bytes))
        func whole(_ length: Int?) throws(LogError) -> [UInt8]? {
            guard let length, length <= end - offset else { return nil }
            return try file.read(offset..<offset + length)
        }
        if let found = try whole(SegmentHead.length(bytes)) {
            guard let head = SegmentHead(found) else { return nil }
            self.head = head
            return offset + found.count
        }
        if let found = try whole(SegmentPart.length(bytes)) {
            guard let part = SegmentPart(found) else { return nil }
            switch part.content {
            case .words(let bitCount, let blocks):
                words.append(Words(range: offset + part.rows.lowerBound..<offset + part.rows.upperBound, bitCount: bitCount, blocks: blocks))
            case .inPlace(let places, let blocks):
                inPlace.append(InPlace(start: offset + found.count, places: places, blocks: blocks))
            }
            return offset + found.count
        }
        guard let header = SealedHeader(bytes), header.length <= end - offset else { return nil }
        let range = offset..<offset + header.length
        let sealed = SealedBlock(
            number: 0,
            kind: header.kind,
            resolution: header.resolution,
            count: header.count,
            from: header.from,
            to: header.to,
            first: header.first,
            last: header.last,
            bytes: SegmentSlice(file: file, range: range)
        )
        var block = Block(range: range, sealed: sealed)
        do throws(SealedError) { try block.readDirectory() } catch {
            if case .read(let error) = error { throw error }
            return nil
        }
        blocks.append(block)
        return range.upperBound
    }

    /// Where the next thing may begin: all magics begin with the same three letters.
    private static func nextMagic(behind offset: Int, in file: any SegmentFile, _ end: Int) throws(LogError) -> Int {
        var start = offset + 1
        while start + 3 <= end {
            let window = try file.read(start..<min(end, start + windowBytes))
            for index in 0..<max(0, window.count - 2) where window[index] == 0x54 && window[index + 1] == 0x63 && window[index + 2] == 0x53 {
                return start + index
            }
            start += max(1, window.count - 2)
        }
        return end
    }
}

extension SegmentScan.Block {
    /// Verifies the directory, and notes who sent the rows.
    fileprivate mutating func readDirectory() throws(SealedError) {
        switch sealed.kind {
        case .events:
            let events = try SealedEvents(sealed)
            for run in events.runs { note(run.origin, run.receivedAt) }
            sources = events.sources.texts
        case .alerts: for arrival in try PlainSealer.arrivals(sealed) { note(arrival.origin, arrival.receivedAt) }
        case .samples: _ = try SealedSamples(sealed)
        }
    }

    private mutating func note(_ origin: RowOrigin, _ receivedAt: Timestamp) {
        sequences[SegmentScan.Sender(agent: origin.agent, lane: origin.lane), default: 0].rise(to: origin.sequence)
        self.receivedAt = max(self.receivedAt ?? receivedAt, receivedAt)
    }
}

extension UInt64 {
    fileprivate mutating func rise(to other: UInt64) { self = Swift.max(self, other) }
}

/// What the first bytes of a sealed block of any kind say.
struct SealedHeader: Sendable, Hashable {
    var kind: BlockKind
    var resolution: Resolution
    var length: Int
    var count: Int
    var from: Timestamp
    var to: Timestamp
    var first: LogPosition
    var last: LogPosition

    /// Nil when no sealed block begins with these bytes: ``SampleHeader/bytes``, or all there are.
    init?(_ bytes: [UInt8]) {
        if let events = try? SealedEventHeader(bytes) {
            (kind, resolution, length, count) = (.events, .raw, events.blockBytes, events.count)
            (from, to, first, last) = (events.from, events.to, events.first, events.last)
        } else if let samples = try? SampleHeader(decoding: bytes) {
            (kind, resolution, length, count) = (.samples, samples.resolution, samples.length, samples.count)
            (from, to, first, last) = (samples.from, samples.to, samples.first, samples.last)
        } else if let plain = PlainSealer.header(bytes) {
            self = plain
        } else {
            return nil
        }
    }

    init(kind: BlockKind, length: Int, count: Int, from: Timestamp, to: Timestamp, first: LogPosition, last: LogPosition) {
        (self.kind, resolution, self.length, self.count) = (kind, .raw, length, count)
        (self.from, self.to, self.first, self.last) = (from, to, first, last)
    }

    func agrees(with row: SealedRow) -> Bool {
        kind == row.kind && resolution == row.resolution && length == row.range.count && count == row.count && first == row.first && last == row.last
            && from == row.from && to == row.to
    }
}
