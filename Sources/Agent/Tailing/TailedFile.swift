import Glibc
import JSON
import Telemetry

/// One file that is followed: where it is, how far it was read, and what was last seen of it.
final class TailedFile {
    let identity: FileIdentity
    /// Which entry of the configuration it belongs to.
    let tail: Int
    let source: String
    /// Where it was last seen.
    var path: String { didSet { dataPrefix = TailedFile.dataPrefix(path) } }
    /// `{"path":"…","offset":`
    private(set) var dataPrefix: [UInt8]

    /// -1 when closed.
    private(set) var descriptor: Int32 = -1
    /// The first byte that is not yet handed on.
    var offset: UInt64
    var head: FileHead
    /// Up to here there is no complete event after `offset`: not read again before the file is longer.
    var searched: UInt64
    /// The line at `offset` does not fit into a chunk; up to here it has no end.
    var longLineSearched: UInt64?

    var size: UInt64 = 0
    /// Size and time of change when the head was last compared.
    private var verified: (size: UInt64, modified: Int64)?
    private(set) var links = 1
    /// When it was last seen to have changed.
    private(set) var lastGrowth: Duration
    /// Whether what lies there was looked at since it is quiet: an incomplete line is not looked at again and again.
    var isIdleHandled = false
    /// Since when its path belongs to another file or to none; nil while it is where it was.
    var rotatedAt: Duration?
    /// Whether it was read to its end since it was rotated.
    var isDrained = false
    /// A file that was at this path before, and is read first.
    var predecessor: FileIdentity?
    var problem: String?

    init(_ identity: FileIdentity, path: String, tail: Int, source: String, offset: UInt64, head: FileHead, at now: Duration) {
        (self.identity, self.path, self.tail, self.source) = (identity, path, tail, source)
        (self.offset, self.head, searched, lastGrowth) = (offset, head, offset, now)
        dataPrefix = TailedFile.dataPrefix(path)
    }

    deinit { closeDescriptor() }

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

    // MARK: The descriptor

    var isOpen: Bool { descriptor >= 0 }

    /// Opens a path without ever waiting for a FIFO's writer. Nil with the reason in `errno`, or when it is no regular file.
    static func open(_ path: String) -> (descriptor: Int32, information: FileInformation)? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        guard let information = FileInformation(descriptor: descriptor), information.isRegular else {
            close(descriptor)
            errno = EINVAL
            return nil
        }
        return (descriptor, information)
    }

    func take(_ descriptor: Int32) {
        closeDescriptor()
        self.descriptor = descriptor
    }

    func closeDescriptor() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    // MARK: What was seen

    /// Looks at the open file. False: it can no longer be looked at.
    func look(at now: Duration) -> Bool {
        guard let information = FileInformation(descriptor: descriptor) else { return false }
        if information.size != size || modified != information.modified { (lastGrowth, isIdleHandled) = (now, false) }
        if information.size < size { hasShrunk = true }
        (size, links, modified) = (information.size, information.links, information.modified)
        return true
    }

    private(set) var modified: Int64 = 0
    private var hasShrunk = false

    /// When the content that was read had last changed, as far as it is known.
    var readModified: Int64? { verified?.modified }

    /// Whether what was read is no longer what the file holds: it is shorter, or it begins with other bytes. Compared once a change.
    func wasReplaced() -> Bool {
        if size < offset || hasShrunk { return true }
        if let verified, verified == (size, modified) { return false }
        guard head.matches(descriptor) else { return true }
        verified = (size, modified)
        return false
    }

    /// Begins anew at the file's first byte.
    func rewind() {
        (offset, searched, head, longLineSearched, verified) = (0, 0, .empty, nil, nil)
        hasShrunk = false
    }

    /// Moves on to `newOffset`, and takes more of the beginning into the hash as long as it is short.
    func advance(to newOffset: UInt64) {
        (offset, searched) = (newOffset, newOffset)
        let wanted = Int(min(newOffset, UInt64(TailingLimits.headBytesMax)))
        if wanted > Int(head.length), let longer = FileHead(of: descriptor, length: wanted) { head = longer }
    }

    var hasMore: Bool { size > searched }

    /// Moved away or deleted, read to its end, and quiet for so long that no writer holds it any more.
    func isFinished(at now: Duration) -> Bool {
        guard let due = finishedAt else { return false }
        return !hasMore && now >= due
    }

    var finishedAt: Duration? {
        rotatedAt.map { max($0, lastGrowth) + (links == 0 ? TailingLimits.deletedIdle : TailingLimits.rotatedIdle) }
    }

    func position(isFinished: Bool = false) -> ReadPosition {
        ReadPosition(
            path: path,
            device: identity.device,
            inode: identity.inode,
            offset: offset,
            headHash: head.hash,
            headLength: head.length,
            isFinished: isFinished
        )
    }
}
