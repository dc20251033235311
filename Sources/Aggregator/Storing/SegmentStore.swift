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
    private let groupBlocks: Int
    private(set) var segments: [UInt64: SegmentRow] = [:]
    private var open: [UInt64: any SegmentFile] = [:]
    /// The segment that the next block of a key goes into.
    private var current: [Key: UInt64] = [:]
    private var lastID: UInt64 = 0
    private var lastNumber: UInt64 = 0
    /// Filters that wait for a group, by segment.
    private var waiting: [UInt64: [(number: UInt64, start: Int, filter: WordFilter)]] = [:]

    /// Begun by the step that is under way: the journal does not name them yet.
    private var begun: Set<UInt64> = []

    init(_ files: any SegmentFiles, bytesMax: Int, groupBlocks: Int = WordGroup.blocksMax) {
        (self.files, self.bytesMax, self.groupBlocks) = (files, bytesMax, groupBlocks)
    }

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
        // ``DirectoryCheck`` has seen that nothing new is in them.
        for name in try files.names() where SegmentRow.number(ofName: name) != nil && !names.contains(name) { try files.remove(name) }
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
        let starts = Dictionary(uniqueKeysWithValues: opened.sealed.map { ($0.number, $0.range.lowerBound) })
        for (number, segment, filter) in opened.filters {
            // Without its block it is of no use.
            guard let start = starts[number] else { continue }
            waiting[segment, default: []].append((number, start, filter))
            change.filters[number] = filter
        }
        for group in opened.groups {
            guard let file = open[group.segment], group.range.upperBound <= file.count else { continue }
            change.words.append(WordGroup(blocks: group.blocks, bitCount: group.bitCount, rows: SegmentSlice(file: file, range: group.range)))
        }
        // The newest of each key goes on, when it is whole.
        for segment in opened.segments where segment.level == 0 && segment.bytes < bytesMax && open[segment.id]?.count == segment.bytes {
            current[segment.key] = segment.id
        }
        return (change, lost)
    }

    /// Appends blocks and what groups of words are complete, and syncs.
    /// - Parameters:
    ///   - receivedAt: when the last of the rows arrived.
    ///   - inPlaceOf: blocks whose rows the one output holds from now on.
    mutating func write(
        _ outputs: [(key: Key, output: SealedOutput)],
        receivedAt: Timestamp,
        inPlaceOf replaced: [SealedBlock] = [],
        into directory: inout DirectoryChange,
        _ catalog: inout CatalogChange
    ) throws(LogError) {
        var (touched, filled): (Set<UInt64>, Set<UInt64>) = ([], [])
        begun = []
        do throws(LogError) {
            for (key, output) in outputs {
                let segment = try segment(for: key, receivedAt, into: &directory, &catalog, &touched)
                guard let file = open[segment] else { throw .failed("segment \(segment) is not open") }
                if !replaced.isEmpty { try file.append(SegmentPart.inPlace(of: places(of: replaced), blocks: 1)) }
                lastNumber += 1
                let row = SealedRow(number: lastNumber, segment: segment, range: try file.append(output.bytes), of: output)
                directory.sealed.append(row)
                catalog.sealed.append(row.block(in: file))
                if let words = output.words {
                    waiting[segment, default: []].append((row.number, row.range.lowerBound, words))
                    directory.filters.append((row.number, segment, words))
                    catalog.filters[row.number] = words
                }
                touched.insert(segment)
                filled.insert(segment)
                try group(segment, isClosing: false, into: &directory, &catalog)
            }
            for segment in touched {
                guard let file = open[segment], var row = segments[segment] else { continue }
                try file.sync()
                row.bytes = file.count
                // One that was only closed holds nothing newer, and its retention counts from what it holds.
                if filled.contains(segment) { row.receivedAt = max(row.receivedAt, receivedAt) }
                segments[segment] = row
                directory.segments.append(row)
            }
        } catch {
            // What lies behind the recorded end is not certain any more: the next block goes into another file.
            for segment in touched { giveUp(segment) }
            removeBegun()
            throw error
        }
    }

    /// The journal did not take it, or says so: the bytes lie behind the recorded end, and the next block goes into another file. No file is removed: what the
    /// journal answered as failed it may name all the same, when it is opened again.
    mutating func undo(_ directory: DirectoryChange) {
        for segment in directory.segments { giveUp(segment.id) }
    }

    /// On a full disk a step fails again and again: the files that it begins, of which the journal was not told yet, must not fill what is left. What
    /// cannot be removed goes at the next start.
    private mutating func removeBegun() {
        for id in begun {
            giveUp(id)
            (segments[id], open[id]) = (nil, nil)
            try? files.remove(SegmentRow.name(id))
        }
        begun = []
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

    /// Which blocks lie in which segment, each in the order of the log.
    func blocksBySegment(_ blocks: [SealedBlock]) -> [UInt64: [SealedBlock]] {
        let ids = Dictionary(uniqueKeysWithValues: open.map { (ObjectIdentifier($0.value), $0.key) })
        var found: [UInt64: [SealedBlock]] = [:]
        for block in blocks {
            guard let slice = block.bytes as? SegmentSlice, let id = ids[ObjectIdentifier(slice.file)] else { continue }
            found[id, default: []].append(block)
        }
        return found.mapValues { $0.sorted { $0.first != $1.first ? $0.first < $1.first : $0.number < $1.number } }
    }

    func file(of segment: UInt64) -> (any SegmentFile)? { open[segment] }

    /// No more blocks come into them.
    mutating func retire(_ ids: [UInt64]) { current = current.filter { !ids.contains($0.value) } }

    /// A segment of its own, written at once: blocks that take the place of others, and their words.
    mutating func write(
        _ outputs: [SealedOutput],
        inPlaceOf replaced: [SealedBlock],
        key: Key,
        day: Int64,
        level: Int,
        receivedAt: Timestamp,
        into directory: inout DirectoryChange,
        _ catalog: inout CatalogChange
    ) throws(LogError) {
        lastID += 1
        var segment = SegmentRow(
            id: lastID,
            kind: key.kind,
            resolution: key.resolution,
            retentionClass: key.retentionClass,
            day: day,
            bytes: 0,
            receivedAt: receivedAt,
            level: level
        )
        begun = [segment.id]
        let file = try files.create(segment.name)
        do throws(LogError) {
            try file.append(SegmentHead(segment).encode())
            try file.append(SegmentPart.inPlace(of: places(of: replaced), blocks: outputs.count))
            open[segment.id] = file
            for output in outputs {
                lastNumber += 1
                let row = SealedRow(number: lastNumber, segment: segment.id, range: try file.append(output.bytes), of: output)
                directory.sealed.append(row)
                catalog.sealed.append(row.block(in: file))
                if let words = output.words { waiting[segment.id, default: []].append((row.number, row.range.lowerBound, words)) }
            }
            try group(segment.id, isClosing: true, into: &directory, &catalog)
            try file.sync()
        } catch {
            removeBegun()
            throw error
        }
        segment.bytes = file.count
        segments[segment.id] = segment
        directory.segments.append(segment)
    }

    private func places(of blocks: [SealedBlock]) -> [BlockPlace] {
        let ids = Dictionary(uniqueKeysWithValues: open.map { (ObjectIdentifier($0.value), $0.key) })
        return blocks.compactMap { block in
            guard let slice = block.bytes as? SegmentSlice, let id = ids[ObjectIdentifier(slice.file)] else { return nil }
            return BlockPlace(segment: id, start: slice.range.lowerBound)
        }
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
        begun.insert(segment.id)
        let file = try files.create(segment.name)
        try file.append(SegmentHead(segment).encode())
        open[segment.id] = file
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
            guard members.count >= groupBlocks || isClosing else { continue }
            let (bytes, rows) = SegmentPart.words(of: members.map(\.start), members.map(\.filter))
            let start = try file.append(bytes).lowerBound
            let range = start + rows.lowerBound..<start + rows.upperBound
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
