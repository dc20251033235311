import Sealing
import Telemetry

/// The segments and what is written into them. Belongs to the sealer: one thread. What it writes is on disk when a call returns; nothing of it counts
/// before the journal names it.
struct SegmentStore {
    /// What a segment is of: one file a day of arrival and each of these.
    struct Key: Hashable {
        var kind: BlockKind
        var resolution: Resolution
        /// Empty, or the source whose events have a retention of their own.
        var retentionClass: String
    }

    private let files: any SegmentFiles
    private let bytesMax: Int
    private(set) var segments: [UInt64: SegmentRow] = [:]
    private var open: [UInt64: any SegmentFile] = [:]
    /// The segment that the next block of a key goes into.
    private var current: [Key: UInt64] = [:]
    private var lastID: UInt64 = 0
    private var lastNumber: UInt64 = 0
    /// Filters that wait for a group, by segment.
    private var waiting: [UInt64: [(number: UInt64, filter: WordFilter)]] = [:]

    init(_ files: any SegmentFiles, bytesMax: Int) { (self.files, self.bytesMax) = (files, bytesMax) }

    /// Opens what the journal names, cuts off what a crash left behind it, and removes files that it does not name.
    /// - Returns: the catalog's part, and what is missing.
    mutating func load(_ opened: Committer.Opened) throws(LogError) -> (CatalogChange, lost: [(SealedRow, detail: String)]) {
        lastNumber = opened.lastNumber
        var problems: [UInt64: String] = [:]
        for segment in opened.segments {
            segments[segment.id] = segment
            lastID = max(lastID, segment.id)
            do throws(LogError) {
                let file = try files.open(segment.name)
                if file.count > segment.bytes { try file.truncate(to: segment.bytes) }
                open[segment.id] = file
            } catch { problems[segment.id] = "\(error)" }
        }
        let names = Set(opened.segments.map(\.name))
        for name in try files.names() where name.hasSuffix(".blocks") && !names.contains(name) { try files.remove(name) }
        var change = CatalogChange()
        var lost: [(SealedRow, detail: String)] = []
        for row in opened.sealed {
            guard let file = open[row.segment] else {
                lost.append((row, problems[row.segment] ?? "its segment \(row.segment) is not known"))
                continue
            }
            guard row.range.upperBound <= file.count else {
                lost.append((row, "its segment ends at byte \(file.count), before its end at \(row.range.upperBound)"))
                continue
            }
            change.sealed.append(row.block(in: file))
        }
        for (number, segment, filter) in opened.filters {
            waiting[segment, default: []].append((number, filter))
            change.filters[number] = filter
        }
        for group in opened.groups {
            guard let file = open[group.segment], group.range.upperBound <= file.count else { continue }
            change.words.append(WordGroup(blocks: group.blocks, bitCount: group.bitCount, rows: SegmentSlice(file: file, range: group.range)))
        }
        // The newest of each key goes on, when it is whole.
        for segment in opened.segments where segment.bytes < bytesMax && open[segment.id]?.count == segment.bytes {
            current[segment.key] = segment.id
        }
        return (change, lost)
    }

    /// Appends blocks and what groups of words are complete, and syncs.
    /// - Parameter receivedAt: when the last of the rows arrived.
    mutating func write(
        _ outputs: [(key: Key, output: SealedOutput)],
        receivedAt: Timestamp,
        into directory: inout DirectoryChange,
        _ catalog: inout CatalogChange
    ) throws(LogError) {
        var touched: Set<UInt64> = []
        do throws(LogError) {
            for (key, output) in outputs {
                let segment = try segment(for: key, receivedAt, into: &directory, &catalog, &touched)
                guard let file = open[segment] else { throw .failed("segment \(segment) is not open") }
                lastNumber += 1
                let row = SealedRow(number: lastNumber, segment: segment, range: try file.append(output.bytes), of: output)
                directory.sealed.append(row)
                catalog.sealed.append(row.block(in: file))
                if let words = output.words {
                    waiting[segment, default: []].append((row.number, words))
                    directory.filters.append((row.number, segment, words))
                    catalog.filters[row.number] = words
                }
                touched.insert(segment)
                try group(segment, isClosing: false, into: &directory, &catalog)
            }
            for segment in touched {
                guard let file = open[segment], var row = segments[segment] else { continue }
                try file.sync()
                row.bytes = file.count
                row.receivedAt = max(row.receivedAt, receivedAt)
                segments[segment] = row
                directory.segments.append(row)
            }
        } catch {
            // What lies behind the recorded end is not certain any more: the next block goes into another file.
            for segment in touched { giveUp(segment) }
            throw error
        }
    }

    /// The journal did not take it: the bytes lie behind the recorded end, and the next block goes into another file.
    mutating func undo(_ directory: DirectoryChange) {
        for segment in directory.segments { giveUp(segment.id) }
    }

    private mutating func giveUp(_ segment: UInt64) {
        current = current.filter { $0.value != segment }
        waiting[segment] = nil
    }

    /// The file of a segment was given up or it is gone: nothing holds it open but snapshots.
    mutating func remove(_ ids: [UInt64]) throws(LogError) {
        for id in ids {
            guard let segment = segments.removeValue(forKey: id) else { continue }
            giveUp(id)
            open[id] = nil
            try files.remove(segment.name)
        }
    }

    func holds(_ block: SealedBlock, segment id: UInt64) -> Bool {
        guard let slice = block.bytes as? SegmentSlice, let file = open[id] else { return false }
        return slice.file === file
    }

    // MARK: Inside

    /// The segment for the next block of a key: the current one, unless its day is over or it is full.
    private mutating func segment(
        for key: Key,
        _ receivedAt: Timestamp,
        into directory: inout DirectoryChange,
        _ catalog: inout CatalogChange,
        _ touched: inout Set<UInt64>
    ) throws(LogError) -> UInt64 {
        let day = receivedAt.nanoseconds / 86_400_000_000_000
        if let id = current[key], let segment = segments[id] {
            if segment.day == day, let file = open[id], file.count < bytesMax { return id }
            touched.insert(id)
            try group(id, isClosing: true, into: &directory, &catalog)
            current[key] = nil
        }
        lastID += 1
        let segment = SegmentRow(
            id: lastID,
            kind: key.kind,
            resolution: key.resolution,
            retentionClass: key.retentionClass,
            day: day,
            bytes: 0,
            receivedAt: receivedAt
        )
        open[segment.id] = try files.create(segment.name)
        segments[segment.id] = segment
        current[key] = segment.id
        return segment.id
    }

    /// Cuts 64 filters of one size into rows; all that are left when the segment gets no more blocks.
    private mutating func group(
        _ segment: UInt64,
        isClosing: Bool,
        into directory: inout DirectoryChange,
        _ catalog: inout CatalogChange
    ) throws(LogError) {
        guard let file = open[segment] else { return }
        for (bitCount, members) in Dictionary(grouping: waiting[segment] ?? [], by: \.filter.bitCount) {
            guard members.count >= WordGroup.blocksMax || isClosing else { continue }
            let range = try file.append(WordGroup.encode(members.map(\.filter)))
            let row = WordGroupRow(segment: segment, range: range, bitCount: bitCount, blocks: members.map(\.number))
            directory.groups.append(row)
            catalog.words.append(WordGroup(blocks: row.blocks, bitCount: bitCount, rows: SegmentSlice(file: file, range: range)))
            waiting[segment]?.removeAll { $0.filter.bitCount == bitCount }
        }
    }
}

extension SegmentRow {
    var key: SegmentStore.Key { SegmentStore.Key(kind: kind, resolution: resolution, retentionClass: retentionClass) }
}
