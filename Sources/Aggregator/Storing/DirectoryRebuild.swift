import Sealing
import Telemetry

/// The journal's directory, written again from what the segments say of themselves. Blocking; memory: what the directory takes.
struct DirectoryRebuild: Sendable {
    private(set) var segments: [SegmentRow] = []
    private(set) var sealed: [SealedRow] = []
    private(set) var groups: [WordGroupRow] = []
    /// The highest sequence of each sender that is in a sealed block. Samples do not say who sent them.
    private(set) var sequences: [SegmentScan.Sender: UInt64] = [:]
    /// When the last of the rows arrived that say so.
    private(set) var receivedAt: Timestamp?
    /// Blocks whose rows lie in others too: what a crash left in the middle of bringing them together.
    private(set) var doubles = 0
    private var files: [UInt64: any SegmentFile] = [:]

    /// - Parameter classes: sources with a retention of their own: an older segment does not say of which it is.
    /// - Throws: when a segment cannot be read: without it everything in it would be lost.
    init(_ folder: any SegmentFiles, classes: Set<String>, now: Timestamp) throws(LogError) {
        var scans: [(id: UInt64, scan: SegmentScan)] = []
        for id in try folder.names().compactMap(SegmentRow.number(ofName:)).sorted() {
            let file = try folder.open(SegmentRow.name(id))
            files[id] = file
            scans.append((id, try SegmentScan(file)))
        }
        let dead = try Self.doubles(scans)
        doubles = dead.count
        for (id, scan) in scans {
            let live = scan.blocks.filter { !dead.contains(BlockPlace(segment: id, start: $0.range.lowerBound)) }
            // Nothing of it counts any more: its file goes, as it would have gone after the crash.
            if live.isEmpty, !scan.blocks.isEmpty { continue }
            add(live, of: scan, id, classes, now)
        }
    }

    var end: LogPosition { sealed.map(\.last).max() ?? 0 }
    var rows: Int { sealed.reduce(0) { $0 + $1.count } }

    func block(_ row: SealedRow) -> SealedBlock? { files[row.segment].map { row.block(in: $0) } }

    private mutating func add(_ blocks: [SegmentScan.Block], of scan: SegmentScan, _ id: UInt64, _ classes: Set<String>, _ now: Timestamp) {
        let day: Int64 = 86_400_000_000_000
        let arrived = blocks.compactMap(\.receivedAt).max()
        // What does not say when it arrived is kept rather too long than too short: to the end of its day, or from now on.
        let receivedAt = arrived ?? scan.head.map { Timestamp(nanoseconds: min(now.nanoseconds, ($0.day + 1) * day - 1)) } ?? now
        let sources = Set(blocks.flatMap(\.sources))
        let name = sources.count == 1 && sources.isSubset(of: classes) ? sources.first : nil
        segments.append(
            SegmentRow(
                id: id,
                kind: scan.head?.kind ?? blocks.first?.sealed.kind ?? .events,
                resolution: scan.head?.resolution ?? blocks.first?.sealed.resolution ?? .raw,
                retentionClass: scan.head?.retentionClass ?? name ?? "",
                day: scan.head?.day ?? receivedAt.nanoseconds / day,
                bytes: files[id]?.count ?? 0,
                receivedAt: receivedAt,
                level: scan.head?.level ?? 0
            )
        )
        var numbers: [Int: UInt64] = [:]
        for block in blocks {
            let number = UInt64(sealed.count + 1)
            numbers[block.range.lowerBound] = number
            sealed.append(SealedRow(number: number, segment: id, range: block.range, of: block.sealed))
            for (sender, sequence) in block.sequences { sequences[sender] = max(sequences[sender] ?? 0, sequence) }
        }
        self.receivedAt = arrived.map { max($0, self.receivedAt ?? $0) } ?? self.receivedAt
        for words in scan.words {
            // A block that is gone keeps its column, under a number that no block has.
            let members = words.blocks.map { numbers[$0] ?? 0 }
            if members.contains(where: { $0 > 0 }) {
                groups.append(WordGroupRow(segment: id, range: words.range, bitCount: words.bitCount, blocks: members))
            }
        }
    }

    /// Blocks that are not to be read, because others hold the same rows. Those that take others' places were on disk before the others went, so both can be
    /// there: then the new ones count when they are whole to the last byte, and the old ones otherwise.
    private static func doubles(_ scans: [(id: UInt64, scan: SegmentScan)]) throws(LogError) -> Set<BlockPlace> {
        var there = Set<BlockPlace>()
        for (id, scan) in scans { for block in scan.blocks { there.insert(BlockPlace(segment: id, start: block.range.lowerBound)) } }
        var dead = Set<BlockPlace>()
        for (id, scan) in scans {
            for part in scan.inPlace {
                let old = there.intersection(part.places)
                guard !old.isEmpty else { continue }
                var (found, next) = ([SegmentScan.Block](), part.start)
                for block in scan.blocks where found.count < part.blocks && block.range.lowerBound == next {
                    found.append(block)
                    next = block.range.upperBound
                }
                var isWhole = found.count == part.blocks
                for block in found where isWhole { isWhole = try isSound(block.sealed) }
                dead.formUnion(isWhole ? old : Set(found.map { BlockPlace(segment: id, start: $0.range.lowerBound) }))
            }
        }
        return dead
    }

    private static func isSound(_ block: SealedBlock) throws(LogError) -> Bool {
        do throws(SealedError) {
            switch block.kind {
            case .events: try SealedEvents(block).verify()
            case .samples: _ = try SealedSamples(block).verify()
            case .alerts: _ = try PlainSealer.arrivals(block)
            }
            return true
        } catch {
            if case .read(let error) = error { throw error }
            return false
        }
    }
}

extension SegmentRow {
    /// Nil for a name that is no segment's.
    static func number(ofName name: String) -> UInt64? {
        guard name.hasSuffix(".blocks"), let id = UInt64(name.dropLast(7)), id > 0, SegmentRow.name(id) == name else { return nil }
        return id
    }
}

extension SealedRow {
    init(number: UInt64, segment: UInt64, range: Range<Int>, of block: SealedBlock) {
        (self.number, self.segment, self.range) = (number, segment, range)
        (kind, resolution, count, from, to) = (block.kind, block.resolution, block.count, block.from, block.to)
        (first, last) = (block.first, block.last)
    }
}
