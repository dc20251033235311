import Glibc
import Logging
import Operating
import Telemetry

/// Which files there are, under which names: as long as that stays, so does where inotify may tell of them.
struct FileLayout {
    struct Entry: Equatable {
        let path: String
        let identity: FileIdentity
        let isThere: Bool
    }

    var entries: [Entry] = []
    var madeAt = Duration.zero
    /// How many there were before.
    var number = 0
    /// Folders in which something may happen.
    var folders: Set<String> = []
}

/// Follows files: finds them, reads them in turns, and knows how far. It blocks and never awaits; ``Tailer`` runs it and carries its batches to
/// the next room, one after the other and without leaving one out. So the engine may be a batch ahead: what it handed out is either stored or,
/// after a restart, read again from the position that is.
final class TailEngine {
    /// Now, by both clocks.
    struct Moment {
        let wall: Timestamp
        let monotonic: Duration

        /// Ns. A file that was changed later than this was changed while the clock was wrong.
        var latest: Int64 { wall.nanoseconds &+ 60_000_000_000 }
    }

    let configs: [TailConfig]
    let globs: [[PathGlob]]
    let excludes: [[PathGlob]]
    var makers: [LineEvents]
    let lineCounters: [LineCounters]
    let host: String
    let tags: [String]
    let logger: Logger
    let counters: TailCounters

    /// In the order in which they were found; files that were moved away stand before those that took their places.
    private(set) var order: [TailedFile] = []
    private(set) var files: [FileIdentity: TailedFile] = [:]
    /// Files by the paths at which inotify may tell of them.
    var places: [String: FileIdentity] = [:]
    /// What ``places`` was made of, and when.
    var layout = FileLayout()
    private var turn = 0
    /// What scans and rotations have to tell; goes out with the next batch.
    var pending = TailBatch()
    /// Positions of an earlier run, not yet matched to a file.
    var remembered: [ReadPosition]
    /// Patterns that were followed before: new files of theirs are read from their beginning.
    var knownPatterns: Set<UInt64>
    /// What files held that were read to their end and let go, so that they are known under another name or compressed. Not by their identity: a
    /// new file may have it.
    private(set) var finished: [ReadPosition] = []
    /// Compressed files that match a pattern, and when they were made: they are read when a rotation made them of a file that was followed, not
    /// for themselves.
    var compressed: [FileIdentity: Int64] = [:]
    /// Paths that match and are not read, and why.
    var refused: [String: (tail: Int, problem: String)] = [:]
    /// An earlier spool was lost: files of which nothing is known may have been read, and are flagged. Only during the first scan.
    var isResuming = false
    /// Paths of which the aggregator knows a file: another one there came after it.
    var resumedPaths: Set<String> = []
    /// Files that are begun although nobody has said where they stood; nil: that is known.
    var begun: [FileMemory.Start]?
    let openFilesMax: Int
    var buffer = [UInt8](repeating: 0, count: TailingLimits.chunkBytes)

    init(
        _ configs: [TailConfig],
        host: String,
        tags: [String],
        checkpoint: [ReadPosition],
        counters: TailCounters,
        lineCounters: [LineCounters],
        openFilesMax: Int = TailingLimits.openFilesMax,
        logger: Logger
    ) {
        self.configs = configs
        globs = configs.map { $0.paths.map { PathGlob(pattern: $0) } }
        excludes = configs.map { $0.exclude.map { PathGlob(pattern: $0) } }
        makers = zip(configs, lineCounters).map { LineEvents($0, host: host, tags: tags, counters: $1) }
        remembered = checkpoint.filter { !PatternMark.isMark($0) && !$0.isFinished }
        knownPatterns = Set(checkpoint.filter { PatternMark.isMark($0) }.map(\.inode))
        (self.host, self.tags, self.counters, self.lineCounters) = (host, tags, counters, lineCounters)
        (self.openFilesMax, self.logger) = (openFilesMax, logger)
    }

    func add(_ file: TailedFile, isFirst: Bool = false) {
        if configs[file.tail].collapse != nil, file.collapse == nil { file.collapse = configs[file.tail].collapse.map { Collapse(window: $0) } }
        files[file.identity] = file
        order.insert(file, at: isFirst ? 0 : order.count)
    }

    func drop(_ file: TailedFile) {
        file.closeContent()
        files[file.identity] = nil
        order.removeAll { $0 === file }
    }

    /// Remembers what a file held that was read to its end.
    func remember(finished position: ReadPosition) {
        guard position.headLength > 0 else { return }
        if finished.count >= TailingLimits.finishedMax { finished.removeFirst() }
        finished.append(position)
    }

    /// A position that is not needed any more; its number may be another file's by now.
    func forget(_ position: ReadPosition) {
        guard files[position.identity] == nil else { return }
        var done = position
        done.isFinished = true
        pending.positions[position.identity] = done
        pending.reads.append(ReadRange(from: done.offset, to: done))
    }

    // MARK: Hints

    /// Something was written to the file of this name; what it was is found out by looking.
    func touch(_ path: String) {
        if let identity = places[path] { files[identity]?.isDirty = true }
    }

    /// Anything may have been written to.
    func touchAll() {
        for file in order { file.isDirty = true }
    }

    // MARK: Reading

    /// The next batch: what lies ready in the files, a chunk of each in turn, up to the limits of a batch. Empty: everything is read.
    func fill(at now: Moment) -> TailBatch {
        var batch = pending
        pending = TailBatch()
        var quiet = 0
        while !batch.isFull, !order.isEmpty, quiet < order.count {
            turn = (turn + 1) % order.count
            let file = order[turn]
            guard mayHaveMore(file, at: now) else {
                quiet += 1
                continue
            }
            quiet = read(file, into: &batch, at: now) ? 0 : quiet + 1
        }
        tellCollapsed(into: &batch, at: now)
        finishRotated(into: &batch, at: now)
        closeQuietFiles()
        return batch
    }

    private func mayHaveMore(_ file: TailedFile, at now: Moment) -> Bool {
        if file.isDirty || file.rotatedAt != nil || file.hasMore || file.predecessor != nil { return true }
        return waitIsOver(file, at: now)
    }

    /// Whether what lies behind the position has waited long enough for what is missing.
    func waitIsOver(_ file: TailedFile, at now: Moment) -> Bool {
        waitEnd(of: file).map { now.monotonic >= $0 } ?? false
    }

    private func waitEnd(of file: TailedFile) -> Duration? {
        switch file.waiting {
        case nil: nil
        case .group: file.lastGrowth + (configs[file.tail].multiline?.timeout ?? .zero)
        case .halfLine: file.lastGrowth + configs[file.tail].halfLineTimeout
        }
    }

    /// Reads one chunk of one file. False: there is nothing to read now.
    private func read(_ file: TailedFile, into batch: inout TailBatch, at now: Moment) -> Bool {
        if let before = file.predecessor {
            // Lines of the file that was here before come first.
            if let older = files[before], !older.isDrained, older.problem == nil { return false }
            file.predecessor = nil
        }
        guard file.isOpen || open(file, at: now) else {
            file.isDirty = false
            return false
        }
        guard let content = file.content, file.look(at: now.monotonic) else {
            file.closeContent()
            return false
        }
        file.isDirty = false
        if file.wasReplaced() {
            replace(file, at: now)
            // In one transaction: the file's new beginning, and where what it held before is read.
            batch.add(pending)
            pending = TailBatch()
            return true
        }
        if file.hasUnknownPast {
            lookBehind(file, at: now)
            batch.add(pending)
            pending = TailBatch()
            if file.predecessor != nil { return true }
        }
        let isDue = file.isFinished(at: now.monotonic)
        let isOver = waitIsOver(file, at: now)
        guard file.hasMore || (isOver || isDue) && file.size > file.offset else {
            // Whoever waits for this file has his turn now.
            defer { file.isDrained = true }
            return file.rotatedAt != nil && !file.isDrained
        }
        if let searched = file.longLineSearched { return readLongLine(file, content, from: searched, isLast: isDue || isOver, into: &batch, at: now) }
        let count = content.read(at: file.offset, into: &buffer, count: TailingLimits.chunkBytes)
        guard count > 0 else {
            note(file, count < 0 ? "cannot be read: \(words(errno)); reading goes on when it can" : nil)
            file.searched = file.size
            file.isDrained = true
            return false
        }
        file.problem = nil
        let isEnd = count < TailingLimits.chunkBytes
        let ends = LineEnds(
            groups: !isEnd || isDue || isOver && file.waiting == .group,
            halfLine: isEnd && (isDue || isOver && file.waiting == .halfLine)
        )
        let consumed = split(count, of: file, ends, into: &batch, at: now)
        if consumed > 0 { advance(file, by: consumed, read: buffer[..<consumed], into: &batch) }
        if isEnd, !batch.isCrowded {
            // What is left is half a line, or a group that may go on.
            file.searched = file.offset + UInt64(count - consumed)
            file.waiting = waiting(consumed..<count)
        } else if consumed == 0, !isEnd {
            file.searched = file.offset + UInt64(count)
            (file.longLineSearched, file.waiting) = (file.searched, .halfLine)
        } else {
            file.waiting = nil
        }
        if consumed == 0 { file.isDrained = isEnd }
        return consumed > 0 || !isEnd
    }

    private func waiting(_ rest: Range<Int>) -> TailedFile.Waiting? {
        if rest.isEmpty { return nil }
        return buffer[rest].contains(UInt8(ascii: "\n")) ? .group : .halfLine
    }

    // MARK: Waiting

    /// When something is due though nothing happens: a multiline event to complete, half a line to give up, a rotated file to finish, counted
    /// lines to tell. Nil: nothing.
    func nextDue(at now: Moment) -> Duration? {
        var due: Duration?
        for file in order {
            for end in [file.finishedAt, waitEnd(of: file), file.collapse?.nextDue(at: now.wall).map { now.monotonic + $0 }] {
                if let end { due = min(due ?? end, end) }
            }
        }
        return due
    }

    /// What is followed and what is not, by path.
    func status() -> [TailStatus] {
        let current = order.filter { $0.rotatedAt == nil || $0.hasMore }
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
