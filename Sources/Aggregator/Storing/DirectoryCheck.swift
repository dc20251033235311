import Sealing
import Telemetry

/// Holds the journal's directory against the segments, at each start: a few bytes of each block. SQLite has no checksums, so a bit that turned in the journal
/// would make the log read a block where none is; and a journal that was put back from an older copy would make it cut off what came later.
enum DirectoryCheck {
    /// What makes the journal unfit to be followed; nil: nothing. Damage of the segments themselves is none of that.
    static func problem(_ opened: Committer.Opened, _ folder: any SegmentFiles) throws(LogError) -> String? {
        var rows: [UInt64: [SealedRow]] = [:]
        for row in opened.sealed + opened.sealedAside { rows[row.segment, default: []].append(row) }
        let groups = Dictionary(grouping: opened.groups, by: \.segment)
        let names = Set(try folder.names())
        for segment in opened.segments where names.contains(segment.name) {
            let file: any SegmentFile
            // One that cannot be opened is a loss of its own.
            do throws(LogError) { file = try folder.open(segment.name) } catch { continue }
            let blocks = rows[segment.id] ?? []
            if let problem = try problem(segment, blocks, in: file) { return problem }
            if file.count > segment.bytes {
                let tail = try SegmentScan(file, from: max(0, segment.bytes))
                if let problem = unnamed(tail.blocks, of: segment.id, opened) { return problem }
            }
            let starts = Dictionary(blocks.map { ($0.number, $0.range.lowerBound) }) { first, _ in first }
            for group in groups[segment.id] ?? [] where try !isPlausible(group, starts, in: file) {
                return "the words of sealed blocks \(group.blocks) are not where the journal says, in segment \(segment.id)"
            }
            if let place = try unlisted(segment, blocks, groups[segment.id] ?? [], in: file) {
                return "a sealed block at byte \(place) of segment \(segment.id) is not in the list"
            }
        }
        let known = Set(opened.segments.map(\.id))
        if let row = opened.sealed.first(where: { !known.contains($0.segment) }) {
            return "sealed block \(row.number) lies in segment \(row.segment), which is not in its list"
        }
        for id in names.compactMap(SegmentRow.number(ofName:)) where !known.contains(id) {
            // What a crash left was taken from arrivals or from other segments, and no position in it is new. Each block is looked at: what an older
            // journal does not know may begin with what it saw arrive.
            let scan = try SegmentScan(folder.open(SegmentRow.name(id)))
            if let problem = unnamed(scan.blocks, of: id, opened) { return problem }
        }
        for (kind, first) in opened.firstArrivals {
            if let row = opened.sealed.first(where: { $0.kind == kind && $0.last >= first }) {
                return "arrival \(first) waits to be sealed, and sealed block \(row.number) has what came up to \(row.last): "
                    + "the journal's pages are of different times"
            }
        }
        return nil
    }

    /// What a crash leaves behind the end of a segment was taken from arrivals that are still there, or from sealed blocks that are named or expired. Anything
    /// else the journal has forgotten.
    private static func unnamed(_ blocks: [SegmentScan.Block], of segment: UInt64, _ opened: Committer.Opened) -> String? {
        for block in blocks.map(\.sealed) {
            if block.last > opened.end {
                return "segment \(segment) holds position \(block.last), and the journal ends at \(opened.end) without naming it: "
                    + "it is older than the segments"
            }
            let isWaiting = opened.firstArrivals[block.kind].map { $0 <= block.last } ?? false
            let isNamed = (opened.sealed + opened.sealedAside).contains { $0.kind == block.kind && $0.first <= block.last && block.last <= $0.last }
            let isPurged = opened.purged[block.kind]?.spans.contains { $0.first <= block.last && block.last <= $0.last } ?? false
            if !isWaiting, !isNamed, !isPurged {
                return "segment \(segment) holds position \(block.last), which the journal has neither as an arrival nor in a sealed block"
            }
        }
        return nil
    }

    /// Where a block lies that the journal does not name; nil: nowhere. What is between the things that it names must be parts. Not for samples, of which some
    /// blocks of a file may be rolled up already; and not for older segments, where nothing says what lies between.
    private static func unlisted(
        _ segment: SegmentRow,
        _ rows: [SealedRow],
        _ groups: [WordGroupRow],
        in file: any SegmentFile
    ) throws(LogError) -> Int? {
        guard segment.kind != .samples, let head = try SegmentHead.length(file.read(0..<min(32, file.count))) else { return nil }
        let end = min(segment.bytes, file.count)
        let words = groups.map { max(0, $0.range.lowerBound - SegmentPart.headBytes - 8 * $0.blocks.count)..<$0.range.upperBound }
        var offset = head
        for range in (rows.map(\.range) + words).sorted(by: { $0.lowerBound < $1.lowerBound }) + [end..<end] {
            // A file that was cut ends before what the journal names.
            while offset < min(range.lowerBound, end) {
                let bytes = try file.read(offset..<min(end, offset + SampleHeader.bytes))
                if let length = SegmentPart.length(bytes), length <= end - offset {
                    offset += length
                } else {
                    if SealedHeader(bytes) != nil { return offset }
                    // Damage: what lies behind it cannot be told.
                    break
                }
            }
            offset = max(offset, range.upperBound)
        }
        return nil
    }

    /// Words in the wrong place would hide what is there. The head of their part names the blocks; an older segment has none.
    private static func isPlausible(_ group: WordGroupRow, _ starts: [UInt64: Int], in file: any SegmentFile) throws(LogError) -> Bool {
        // Cut off: then its blocks are looked into.
        guard group.range.upperBound <= file.count else { return true }
        let length = SegmentPart.headBytes + 8 * group.blocks.count
        let first = try file.read(0..<min(4, file.count))
        guard group.range.lowerBound >= length, first == SegmentHead.magic else { return first != SegmentHead.magic }
        let bytes = try file.read(group.range.lowerBound - length..<group.range.lowerBound)
        guard SegmentPart.length(bytes) == length + group.range.count,
            bytes.littleEndian(at: 24) == UInt64(group.bitCount) | UInt64(group.blocks.count) << 32
        else { return false }
        return group.blocks.enumerated().allSatisfy { index, number in
            guard let start = starts[number] else { return true }
            return bytes.littleEndian(at: SegmentPart.headBytes + 8 * index) == UInt64(start)
        }
    }

    private static func problem(
        _ segment: SegmentRow,
        _ rows: [SealedRow],
        in file: any SegmentFile
    ) throws(LogError) -> String? {
        var strange: SealedRow?
        for row in rows {
            let isInside = row.range.lowerBound >= 0 && row.range.upperBound <= min(file.count, segment.bytes)
            let bytes = isInside ? try file.read(row.range.lowerBound..<min(row.range.upperBound, row.range.lowerBound + SampleHeader.bytes)) : []
            if SealedHeader(bytes)?.agrees(with: row) != true { strange = row }
        }
        if let strange {
            // Who is wrong? The segment says of each block that is whole where it lies.
            let listed = Set(rows.map(\.range))
            if let found = try SegmentScan(file).blocks.first(where: {
                !listed.contains($0.range) && $0.range.lowerBound < segment.bytes || $0.range == strange.range
            }) {
                return "sealed block \(strange.number) is not where the journal says; segment \(segment.id) has one at byte \(found.range.lowerBound)"
            }
        }
        return nil
    }
}
