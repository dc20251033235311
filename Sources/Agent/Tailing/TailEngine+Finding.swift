import Telemetry

/// Finding again what rotations made of files: by what they hold, and by when they were changed.
extension TailEngine {
    /// A file that was empty when it was last seen has changed. What it got may have been moved out of it again, by a copy with truncation or by a
    /// rotation that left its inode to the next file: that is read first.
    func lookBehind(_ file: TailedFile, at now: Moment) {
        let since = file.emptyAt.nanoseconds
        let last = followUnknown(of: file.path, tail: file.tail, changedSince: since, until: now.latest, after: file.identity, at: now)
        file.lookedBehind(at: now.wall)
        if let last { file.predecessor = last }
        tellPlace(of: file)
    }

    /// Files named after a path by a rotation, changed since a time (ns), that hold nothing that was read or is followed: read whole, in the order
    /// in which they were written.
    /// - Parameter predecessor: the file that is read before them.
    /// - Returns: the last of them; nil: there is none.
    @discardableResult
    func followUnknown(
        of path: String,
        tail: Int,
        changedSince: Int64,
        until: Int64 = .max,
        in folder: String? = nil,
        after predecessor: FileIdentity? = nil,
        at now: Moment
    ) -> FileIdentity? {
        var last: FileIdentity?
        let changed = RotatedFiles.siblings(of: path, in: folder).filter {
            $0.information.modified >= changedSince && $0.information.modified <= until && $0.information.identity != predecessor
                && $0.information.size > 0
        }
        for sibling in changed.sorted(by: { $0.information.modified < $1.information.modified }) {
            let identity = sibling.information.identity
            if files[identity] != nil { continue }
            if isMatched(sibling.path), !sibling.isCompressed { continue }
            guard let content = FileContent(path: sibling.path), sibling.isRead(content), let information = content.information(),
                information.identity == identity,
                !order.contains(where: { $0.rotatedAt != nil && $0.path == path && isCopy(content, information, of: $0) }),
                !isRemembered(content, information)
            else { continue }
            let done = finishedPosition(content, information)
            if let done, done.offset >= information.size { continue }
            let next = makeFile(information.identity, path: path, tail: tail, at: now)
            next.take(content)
            // A file that is where it was is read after them.
            (next.rotatedAt, next.predecessor) = (now.monotonic, last ?? predecessor.flatMap { files[$0]?.rotatedAt == nil ? nil : $0 })
            _ = next.look(at: now.monotonic)
            next.markHead()
            add(next)
            // Written to after it had been let go: on from there.
            if let done { next.goOn(at: done, content) }
            tellPlace(of: next)
            if content.isDamaged { tellDamaged(sibling.path, after: information.size, at: now) }
            last = next.identity
        }
        return last
    }

    /// After a file of which more was read than its copy holds (what was written while it was compressed, or between copytruncate's copy and its
    /// truncation): the files that took its place one after the other, before anybody saw them there.
    /// - Returns: the last of them; nil: there is none, or no such copy.
    func followSuccessors(of position: ReadPosition, tail: Int, before file: FileIdentity? = nil, at now: Moment) -> FileIdentity? {
        for sibling in RotatedFiles.siblings(of: position.path) where sibling.isCompressed || !isMatched(sibling.path) {
            guard let content = FileContent(path: sibling.path), let information = content.information(),
                isBeginning(content, information, of: position)
            else { continue }
            let folder = PathGlob.folder(of: sibling.path)
            return followUnknown(of: position.path, tail: tail, changedSince: information.modified, in: folder, after: file, at: now)
        }
        return nil
    }

    /// A sibling that holds what was read of the file, and perhaps more: its copy from before it was emptied.
    func copy(of file: TailedFile) -> (content: FileContent, information: FileInformation, path: String)? {
        guard !file.marks.isEmpty else { return nil }
        let siblings = RotatedFiles.siblings(of: file.path).sorted { $0.information.modified > $1.information.modified }
        for sibling in siblings where files[sibling.information.identity] == nil {
            // Older than what was read: the copy of an earlier time that begins with the same line. But logrotate gives a copy the time that the log
            // had when it began to look at it.
            if let read = file.readModified, sibling.information.modified < read - TailingLimits.copyDuration { continue }
            guard let content = FileContent(path: sibling.path), sibling.isRead(content), let information = content.information(),
                information.size >= file.offset
            else { continue }
            guard file.marks.match(content, at: file.offset) else { continue }
            if let done = finishedPosition(content, information), done.offset >= information.size { continue }
            return (content, information, sibling.path)
        }
        return nil
    }

    /// Whether a file holds what another one holds, or the beginning of it: it was copied or compressed while there was still written to it.
    /// Short files may begin alike; their copies are of the same time.
    func isCopy(_ content: FileContent, _ information: FileInformation, of file: TailedFile) -> Bool {
        guard let other = file.content else { return false }
        let common = min(information.size, file.size)
        let isSameTime = information.modified / 1_000_000_000 == file.modified / 1_000_000_000
        guard common >= 64 || common > 0 && isSameTime && information.size == file.size else { return false }
        let (head, tail) = (Int(min(common, UInt64(TailingLimits.headBytesMax))), Int(min(common, UInt64(TailingLimits.tailBytesMax))))
        return FileMarks.mark(of: content, at: 0, length: head) == FileMarks.mark(of: other, at: 0, length: head)
            && FileMarks.mark(of: content, at: common - UInt64(tail), length: tail)
                == FileMarks.mark(of: other, at: common - UInt64(tail), length: tail)
    }

    /// Whether a position of an earlier run is this file's, which is followed from there in its turn. What was compressed has another identity,
    /// and an identity may have become another file's: what the file holds decides.
    func isRemembered(_ content: FileContent, _ information: FileInformation) -> Bool {
        remembered.contains { position in
            let isSame = position.device == information.identity.device && position.inode == information.identity.inode
            guard information.size >= position.offset else { return isBeginning(content, information, of: position) }
            return (isSame || position.headLength > 0) && FileMarks(position).match(content, at: position.offset)
        }
    }

    /// How far the file was read that was let go in this run and held the same; nil: it is another one.
    func finishedPosition(_ content: FileContent, _ information: FileInformation) -> ReadPosition? {
        finished.last {
            information.size >= $0.offset ? FileMarks($0).match(content, at: $0.offset) : isBeginning(content, information, of: $0)
        }
    }

    /// Whether a file holds less than was read of the file that it was made of: compressed while its writer had it open still, or copied a moment before
    /// that was emptied. Only the beginning can tell, so a copy that is not compressed must begin with a whole head, and the file must be where it was: one
    /// that was moved away is found by its inode, and the next one may begin with the same words.
    func isBeginning(_ content: FileContent, _ information: FileInformation, of position: ReadPosition) -> Bool {
        guard information.size < position.offset, information.size >= UInt64(position.headLength) else { return false }
        if content.isReadableCompressed { return position.headLength >= 64 && FileMarks(position).matchHead(content) }
        guard position.headLength >= UInt32(TailingLimits.headBytesMax), information.identity != position.identity else { return false }
        return FileInformation(path: position.path)?.identity == position.identity && FileMarks(position).matchHead(content)
    }

    /// Found by a pattern, and followed for itself.
    func isMatched(_ path: String) -> Bool { globs.joined().contains { $0.matches(path) } }
}
