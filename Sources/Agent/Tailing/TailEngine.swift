import Glibc
import Logging
import Matching
import Operating
import Telemetry

/// Follows files: finds them, reads them in turns, and knows how far. It blocks and never awaits; ``Tailer`` runs it and carries its batches to
/// the next room, one after the other and without leaving one out. So the engine may be a batch ahead: what it handed out is either stored or,
/// after a restart, read again from the position that is.
final class TailEngine {
    /// Now, by both clocks.
    struct Moment {
        let wall: Timestamp
        let monotonic: Duration
    }

    let configs: [TailConfig]
    let globs: [[PathGlob]]
    var makers: [LineEvents]
    let logger: Logger
    let counters: TailCounters

    /// In the order in which they were found; files that were moved away stand before those that took their places.
    var files: [FileIdentity: TailedFile] = [:]
    var order: [FileIdentity] = []
    private var turn = 0
    /// What scans and rotations have to tell; goes out with the next batch.
    var pending = TailBatch()
    /// Positions of an earlier run, not yet matched to a file.
    var remembered: [ReadPosition]
    /// Patterns that were followed before: new files of theirs are read from their beginning.
    var knownPatterns: Set<UInt64>
    /// Files read to their end and let go, so that they are not taken for new ones under another name.
    var finished: Set<FileIdentity> = []
    /// Paths that match and are not read, and why.
    var refused: [String: (tail: Int, problem: String)] = [:]
    private var buffer = [UInt8](repeating: 0, count: TailingLimits.chunkBytes)

    init(_ configs: [TailConfig], host: String, tags: [String], checkpoint: [ReadPosition], counters: TailCounters, logger: Logger) {
        self.configs = configs
        globs = configs.map { $0.paths.map { PathGlob(pattern: $0) } }
        makers = configs.map { LineEvents($0, host: host, tags: tags) }
        remembered = checkpoint.filter { !PatternMark.isMark($0) && !$0.isFinished }
        knownPatterns = Set(checkpoint.filter { PatternMark.isMark($0) }.map(\.inode))
        (self.counters, self.logger) = (counters, logger)
    }

    // MARK: Reading

    /// The next batch: what lies ready in the files, a chunk of each in turn, up to the limits of a batch. Empty: everything is read.
    func fill(at now: Moment) -> TailBatch {
        var batch = pending
        pending = TailBatch()
        var quiet = 0
        while !batch.isFull, !order.isEmpty, quiet < order.count {
            turn = (turn + 1) % order.count
            guard let file = files[order[turn]] else { continue }
            quiet = read(file, into: &batch, at: now) ? 0 : quiet + 1
        }
        finishRotated(into: &batch, at: now)
        closeQuietFiles()
        return batch
    }

    /// Reads one chunk of one file. False: there is nothing to read now.
    private func read(_ file: TailedFile, into batch: inout TailBatch, at now: Moment) -> Bool {
        if let before = file.predecessor {
            // Lines of the file that was here before come first.
            if let older = files[before], !older.isDrained, older.problem == nil { return false }
            file.predecessor = nil
        }
        guard file.isOpen || file.size > file.searched && open(file, at: now) else { return false }
        guard file.look(at: now.monotonic) else {
            file.closeDescriptor()
            return false
        }
        if file.wasReplaced() { return replace(file, into: &batch, at: now) }
        let isDue = file.isFinished(at: now.monotonic)
        let hasGroups = configs[file.tail].multilineStart != nil
        let groupIsDue = hasGroups && !file.isIdleHandled && now.monotonic - file.lastGrowth >= TailingLimits.multilineIdle
        if groupIsDue, !file.hasMore { file.isIdleHandled = true }
        guard file.hasMore || (groupIsDue || isDue) && file.size > file.offset else {
            // Whoever waits for this file has his turn now.
            defer { file.isDrained = true }
            return file.rotatedAt != nil && !file.isDrained
        }
        if let searched = file.longLineSearched { return readLongLine(file, from: searched, isLast: isDue, into: &batch, at: now) }
        let count = FileReading.read(file.descriptor, at: file.offset, into: &buffer, count: buffer.count)
        guard count > 0 else {
            note(file, count < 0 ? "cannot be read: \(words(errno)); reading goes on when it can" : nil)
            file.searched = file.size
            file.isDrained = true
            return false
        }
        file.problem = nil
        let isEnd = count < buffer.count
        let consumed = split(
            count,
            of: file,
            groupsEnd: isEnd && groupIsDue || isEnd && isDue || !isEnd,
            halfLineEnds: isEnd && isDue,
            into: &batch,
            at: now
        )
        if consumed == 0 {
            file.searched = file.offset + UInt64(count)
            if !isEnd { file.longLineSearched = file.searched }
            file.isDrained = isEnd
            return !isEnd
        }
        advance(file, by: consumed, into: &batch)
        if isEnd, batch.events.count < TailingLimits.batchEventsMax {
            // What is left is half a line, or a group that may go on.
            file.searched = file.offset + UInt64(count - consumed)
        }
        return true
    }

    /// Makes events of the buffer's lines. Returns how many bytes they are.
    private func split(
        _ count: Int,
        of file: TailedFile,
        groupsEnd: Bool,
        halfLineEnds: Bool,
        into batch: inout TailBatch,
        at now: Moment
    ) -> Int {
        let start = configs[file.tail].multilineStart
        let base = file.offset
        return unsafe buffer.withUnsafeBufferPointer { bytes in
            guard let address = bytes.baseAddress else { return 0 }
            var position = 0
            var group: (range: Range<Int>, lines: Int)?
            while position < count, batch.events.count < TailingLimits.batchEventsMax {
                let found = unsafe memchr(address + position, 10, count - position)
                let end: Int
                if let found = unsafe found {
                    end = unsafe UnsafeRawPointer(found) - UnsafeRawPointer(address)
                } else if halfLineEnds {
                    end = count
                } else {
                    break
                }
                let line = position..<end
                position = min(end + 1, count)
                guard let start else {
                    unsafe emit(UnsafeBufferPointer(rebasing: bytes[line]), at: base + UInt64(line.lowerBound), of: file, into: &batch, now)
                    continue
                }
                if let open = group {
                    let fits = line.upperBound - open.range.lowerBound <= TailingLimits.lineBytesMax && open.lines < TailingLimits.multilineLinesMax
                    if fits, unsafe !start.matches(UnsafeBufferPointer(rebasing: bytes[line]).span) {
                        group = (open.range.lowerBound..<line.upperBound, open.lines + 1)
                        continue
                    }
                    unsafe emit(
                        UnsafeBufferPointer(rebasing: bytes[open.range]),
                        at: base + UInt64(open.range.lowerBound),
                        of: file,
                        into: &batch,
                        now
                    )
                }
                group = (line, 1)
            }
            guard let open = group else { return position }
            let fills = open.range.lowerBound == 0 && groupsEnd
            let rests = halfLineEnds || groupsEnd && count < bytes.count
            guard fills || rests else { return open.range.lowerBound }
            unsafe emit(UnsafeBufferPointer(rebasing: bytes[open.range]), at: base + UInt64(open.range.lowerBound), of: file, into: &batch, now)
            return position
        }
    }

    /// Goes on looking for the end of a line that is longer than a chunk; its beginning is kept, its rest is counted.
    private func readLongLine(_ file: TailedFile, from searched: UInt64, isLast: Bool, into batch: inout TailBatch, at now: Moment) -> Bool {
        let count = FileReading.read(file.descriptor, at: searched, into: &buffer, count: buffer.count)
        let feed = count > 0 ? buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) : nil
        guard feed != nil || isLast && count < buffer.count else {
            file.searched = searched + UInt64(max(0, count))
            file.longLineSearched = file.searched
            if count < buffer.count { file.isDrained = true }
            return count == buffer.count
        }
        let end = searched + UInt64(feed ?? max(0, count))
        let next = feed == nil ? end : end + 1
        let kept = FileReading.read(file.descriptor, at: file.offset, into: &buffer, count: TailingLimits.lineBytesMax + 8)
        guard kept > 0 else { return false }
        let length = end - file.offset
        unsafe buffer.withUnsafeBufferPointer { bytes in
            unsafe emit(UnsafeBufferPointer(rebasing: bytes[..<kept]), at: file.offset, length: length, of: file, into: &batch, now)
        }
        file.longLineSearched = nil
        advance(file, by: Int(next - file.offset), into: &batch)
        return true
    }

    private func emit(
        _ line: UnsafeBufferPointer<UInt8>,
        at offset: UInt64,
        length: UInt64? = nil,
        of file: TailedFile,
        into batch: inout TailBatch,
        _ now: Moment
    ) {
        let (event, cut) = unsafe makers[file.tail].event(of: line, at: offset, length: length ?? UInt64(line.count), in: file, now: now.wall)
        batch.events.append(event)
        guard cut > 0 else { return }
        counters.cut.increment()
        // One gap a file and batch, however many lines it is about.
        if let known = batch.gaps.lastIndex(where: { $0.reason == .lineCut && $0.source == file.path }) {
            batch.gaps[known].count += 1
            batch.gaps[known].bytes += cut
            return
        }
        let detail = "lines of \(file.path) were longer than \(TailingLimits.lineBytesMax) bytes: their ends are missing"
        batch.gaps.append(Gap(source: file.path, reason: .lineCut, from: now.wall, to: now.wall, count: 1, bytes: cut, detail: detail))
    }

    /// Records that `count` bytes were handed on.
    private func advance(_ file: TailedFile, by count: Int, into batch: inout TailBatch) {
        let from = file.offset
        file.advance(to: from + UInt64(count))
        batch.bytes += count
        batch.positions[file.identity] = file.position()
        if let last = batch.reads.indices.last, batch.reads[last].inode == file.identity.inode, batch.reads[last].device == file.identity.device,
            batch.reads[last].to == from
        {
            batch.reads[last].to = file.offset
        } else {
            batch.reads.append(
                ReadRange(path: file.path, device: file.identity.device, inode: file.identity.inode, from: from, to: file.offset)
            )
        }
    }

    // MARK: Waiting

    /// When something is due though nothing happens: a multiline event to complete, a rotated file to finish. Nil: nothing.
    func nextDue() -> Duration? {
        var due: Duration?
        for file in files.values {
            if let end = file.finishedAt { due = min(due ?? end, end) }
            if configs[file.tail].multilineStart != nil, !file.isIdleHandled, file.size > file.offset {
                let end = file.lastGrowth + TailingLimits.multilineIdle
                due = min(due ?? end, end)
            }
        }
        return due
    }

    /// What is followed and what is not, by path.
    func status() -> [TailStatus] {
        let current = files.values.filter { $0.rotatedAt == nil || $0.hasMore }
        let followed = current.map {
            TailStatus(path: $0.path, source: $0.source, offset: $0.offset, size: max($0.size, $0.offset), problem: $0.problem)
        }
        let others = refused.map { path, refusal in
            let source = configs[refusal.tail].source ?? TailedFile.source(of: path)
            return TailStatus(path: path, source: source, offset: 0, size: 0, problem: refusal.problem)
        }
        return (followed + others).sorted { $0.path < $1.path }
    }

    func note(_ file: TailedFile, _ problem: String?) {
        if let problem, file.problem != problem {
            logger.warning("file is not read", metadata: ["path": "\(file.path)", "problem": "\(problem)"])
        }
        file.problem = problem
    }

    func words(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}

/// A pattern that was followed before has a mark among the read positions: device 0, which no file has, and the pattern's hash for an inode.
enum PatternMark {
    static func of(_ pattern: String) -> ReadPosition { ReadPosition(path: pattern, device: 0, inode: hash(pattern), offset: 0) }

    static func isMark(_ position: ReadPosition) -> Bool { position.device == 0 }

    /// FNV-1a, without its last bit: databases keep signed numbers.
    static func hash(_ pattern: String) -> UInt64 {
        pattern.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } >> 1
    }
}
