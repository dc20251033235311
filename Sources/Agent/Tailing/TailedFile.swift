import Glibc
import JSON
import Telemetry

/// One file that is followed: where it is, how far it was read, and what was last seen of it.
final class TailedFile {
    /// What lies behind the position and is not complete.
    enum Waiting { case group, halfLine }

    let identity: FileIdentity
    /// Which entry of the configuration it belongs to.
    let tail: Int
    let source: String
    /// Where it was last seen.
    var path: String { didSet { dataPrefix = TailedFile.dataPrefix(path) } }
    /// `{"path":"…","offset":`
    private(set) var dataPrefix: [UInt8]

    /// Nil when closed.
    private(set) var content: FileContent?
    /// The first byte that is not yet handed on.
    private(set) var offset: UInt64 = 0
    private(set) var marks = FileMarks()
    /// Whether `offset` lies within a line whose beginning was handed on alone.
    var isMidLine = false
    /// Up to here there is no complete event after `offset`: not read again before the file is longer, or its time has come.
    var searched: UInt64 = 0
    /// The line at `offset` does not fit into a chunk; up to here it has no end.
    var longLineSearched: UInt64?
    var waiting: Waiting?
    /// Nil: repeated lines are not counted.
    var collapse: Collapse?

    var size: UInt64 = 0
    /// Size and time of change when the marks were last compared.
    private var verified: (size: UInt64, modified: Int64)?
    private(set) var links = 1
    /// When it was last seen to have changed.
    private(set) var lastGrowth: Duration
    /// Whether something may have happened to it since it was read.
    var isDirty = true
    /// Since when its path belongs to another file or to none; nil while it is where it was.
    var rotatedAt: Duration?
    /// Whether it was read to its end since it was rotated.
    var isDrained = false
    /// A file that was at this path before, and is read first.
    var predecessor: FileIdentity?
    var problem: String?

    /// When it was empty; counts as long as nothing of it is known.
    private(set) var emptyAt: Timestamp
    /// The change for which what may have been moved out of it was looked for.
    private var behindLookedAt: Int64 = 0

    init(_ identity: FileIdentity, path: String, tail: Int, source: String, at now: TailEngine.Moment) {
        (self.identity, self.path, self.tail, self.source) = (identity, path, tail, source)
        (lastGrowth, emptyAt) = (now.monotonic, now.wall)
        dataPrefix = TailedFile.dataPrefix(path)
    }

    /// What the lines' `source` is when the configuration names none: `/var/log/nginx/access.log` is `access`.
    static func source(of path: String) -> String {
        let name = PathGlob.name(of: path)
        return name.hasSuffix(".log") && name.utf8.count > 4 ? String(name.dropLast(4)) : name
    }

    private static func dataPrefix(_ path: String) -> [UInt8] {
        var writer = JSONWriter(reserving: path.utf8.count + 32)
        writer.beginObject()
        writer.member("path", path)
        return writer.bytes + Array(",\"offset\":".utf8)
    }

    // MARK: Open and closed

    var isOpen: Bool { content != nil }
    func take(_ content: FileContent) { self.content = content }
    func closeContent() { content = nil }

    // MARK: What was seen

    /// Looks at the open file. False: it can no longer be looked at.
    func look(at now: Duration) -> Bool {
        guard let information = content?.information() else { return false }
        if information.size != size || modified != information.modified { lastGrowth = now }
        if information.size < size { hasShrunk = true }
        (size, links, modified) = (information.size, information.links, information.modified)
        return true
    }

    private(set) var modified: Int64 = 0
    private var hasShrunk = false

    /// When the content that was read had last changed, as far as it is known. Not when it was looked at last: what came between a copy and a look
    /// may be emptied away before it is read, and the copy is older than that look.
    private(set) var readModified: Int64?

    /// Whether a look at its name says something else than what was last seen.
    func differs(from information: FileInformation) -> Bool { information.size != size || information.modified != modified }

    /// Whether what was read is no longer what the file holds: it is shorter, or other bytes stand there. Compared once a change.
    func wasReplaced() -> Bool {
        guard let content else { return false }
        if size < offset || hasShrunk { return true }
        if let verified, verified == (size, modified) { return false }
        guard marks.match(content, at: offset) else { return true }
        verified = (size, modified)
        if size == offset { readModified = modified }
        return false
    }

    // MARK: The position

    /// Begins anew at the file's first byte.
    func rewind(at now: Timestamp) {
        emptyAt = now
        (offset, searched, marks, longLineSearched, verified, readModified) = (0, 0, FileMarks(), nil, nil, nil)
        (hasShrunk, isMidLine, waiting) = (false, false, nil)
        if let content { marks.extendHead(of: content, upTo: size) }
    }

    /// Goes on at a position of an earlier run, or of the file that this one is a copy of.
    func goOn(at offset: UInt64, marks: FileMarks, isMidLine: Bool, state: [UInt8]) {
        (self.offset, searched, self.marks, self.isMidLine) = (offset, offset, marks, isMidLine)
        if !state.isEmpty { collapse?.restore(state) }
    }

    /// Moves to a place that was not read up to.
    func skip(to newOffset: UInt64, isMidLine: Bool) {
        (offset, searched, self.isMidLine) = (newOffset, newOffset, isMidLine)
        guard let content else { return }
        marks.extendHead(of: content, upTo: max(newOffset, size))
        marks.setTail(of: content, at: newOffset)
    }

    /// Moves on behind bytes that were handed on.
    /// - Parameter read: those bytes, or the last of them.
    func advance(to newOffset: UInt64, read: ArraySlice<UInt8>) {
        (offset, searched, readModified) = (newOffset, newOffset, modified)
        if let content { marks.extendHead(of: content, upTo: newOffset) }
        marks.setTail(read)
    }

    /// Knows the file's beginning before anything of it is handed on.
    func markHead() {
        if let content { marks.extendHead(of: content, upTo: size) }
    }

    /// Nothing of it was read, nor is there anything to know it by.
    var isUnmarked: Bool { offset == 0 && marks.isEmpty }

    /// Whether it has changed since it was empty, and nothing is known of what it got.
    var hasUnknownPast: Bool { rotatedAt == nil && isUnmarked && modified >= emptyAt.nanoseconds && modified != behindLookedAt }

    func sawEmpty(at now: Timestamp) { emptyAt = now }

    func lookedBehind(at now: Timestamp) {
        behindLookedAt = modified
        // Known by its beginning from now on: what was found behind it is not looked for again after a restart.
        if size == 0 { emptyAt = now } else { markHead() }
    }

    var hasMore: Bool { size > searched }

    /// Moved away or deleted, read to its end, and quiet for so long that no writer holds it any more.
    func isFinished(at now: Duration) -> Bool {
        guard let due = finishedAt else { return false }
        return !hasMore && now >= due
    }

    var finishedAt: Duration? {
        guard let rotatedAt else { return nil }
        // Nobody writes into a compressed file.
        if let content, content.form != .plain { return rotatedAt }
        return max(rotatedAt, lastGrowth) + (links == 0 ? TailingLimits.deletedIdle : TailingLimits.rotatedIdle)
    }

    func position(isFinished: Bool = false) -> ReadPosition {
        ReadPosition(
            path: path,
            device: identity.device,
            inode: identity.inode,
            offset: offset,
            headHash: isUnmarked ? UInt64(max(0, emptyAt.nanoseconds)) : marks.head.hash,
            headLength: marks.head.length,
            tailHash: marks.tail.hash,
            tailLength: marks.tail.length,
            state: collapse?.encoded ?? [],
            isFinished: isFinished
        )
    }
}

extension ReadPosition {
    /// Of a file that was empty when this was stored: when that was, in nanoseconds since the epoch. It stands where the hash of the file's
    /// beginning would. Nil: something was read, or an older version did not say.
    var emptyAt: Int64? { offset == 0 && headLength == 0 && headHash > 0 ? Int64(clamping: headHash) : nil }
}
