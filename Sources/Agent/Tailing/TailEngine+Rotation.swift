import Glibc
import Logging
import Operating
import Telemetry

/// What happens to files that are read: they are renamed, deleted, emptied, compressed.
extension TailEngine {
    /// The file's path belongs to another file now, or to none. It is read to its end by its descriptor, wherever it went.
    func moveAway(_ file: TailedFile, at now: Moment) {
        if file.isOpen { _ = file.look(at: now.monotonic) }
        file.rotatedAt = now.monotonic
        file.isDrained = false
        counters.rotations.increment()
        logger.debug("file was moved away", metadata: ["path": "\(file.path)", "inode": "\(file.identity.inode)"])
        if file.isOpen {
            // Nothing was read of it: its beginning tells its copies from other files.
            if file.marks.isEmpty { file.markHead() }
            let found = RotatedFiles.renamed(file.identity, from: file.path)
            if found != nil || !file.marks.isEmpty { followBetween(file, in: found?.path, at: now) }
            return
        }
        if let (content, path) = RotatedFiles.renamed(file.identity, from: file.path) {
            file.take(content)
            _ = file.look(at: now.monotonic)
            followBetween(file, in: path, at: now)
            return
        }
        let position = file.position()
        drop(file)
        if !followCompressed(position, tail: file.tail, at: now) { tellLost(position, size: file.size, at: now) }
    }

    /// Positions of an earlier run whose files have other names now: rotated while the agent was away.
    func followRemembered(present: Set<FileIdentity>, at now: Moment) {
        var kept: [ReadPosition] = []
        for position in remembered {
            let identity = FileIdentity(device: position.device, inode: position.inode)
            let folder = FileInformation(path: PathGlob.folder(of: position.path))
            // Present: matched when it is adopted. Another device than before: not mounted yet, or numbered anew.
            if present.contains(identity) || folder?.identity.device != position.device {
                kept.append(position)
                continue
            }
            // No longer configured: its position may wait for a day when it is.
            guard let tail = globs.firstIndex(where: { $0.contains { $0.matches(position.path) } }) else { continue }
            let marks = FileMarks(position)
            guard let (content, path) = RotatedFiles.renamed(identity, from: position.path), let information = content.information(),
                information.size >= position.offset, marks.match(content, at: position.offset)
            else {
                if !followCompressed(position, tail: tail, at: now) { tellLost(position, at: now) }
                continue
            }
            follow(content, information, found: path, from: position, tail: tail, at: now)
        }
        remembered = kept
    }

    /// Looks for the file among the compressed siblings of its old path. False: none of them holds what was read of it.
    func followCompressed(_ position: ReadPosition, tail: Int, at now: Moment) -> Bool {
        let marks = FileMarks(position)
        guard !marks.isEmpty else { return false }
        for sibling in RotatedFiles.siblings(of: position.path) where sibling.isCompressed {
            guard files[sibling.information.identity] == nil, !finished.contains(sibling.information.identity),
                let content = FileContent(path: sibling.path), content.form == (sibling.isCompressed ? .gzip : .plain),
                let information = content.information(),
                information.size >= position.offset, marks.match(content, at: position.offset)
            else { continue }
            var old = position
            old.isFinished = true
            pending.positions[FileIdentity(device: position.device, inode: position.inode)] = old
            if content.isDamaged { tellDamaged(sibling.path, after: information.size, at: now) }
            follow(content, information, found: sibling.path, from: position, tail: tail, at: now)
            return true
        }
        return false
    }

    private func follow(
        _ content: FileContent,
        _ information: FileInformation,
        found path: String,
        from position: ReadPosition,
        tail: Int,
        at now: Moment
    ) {
        let file = makeFile(information.identity, path: position.path, tail: tail, at: now)
        file.take(content)
        file.rotatedAt = now.monotonic
        add(file)
        file.goOn(at: position, content)
        _ = file.look(at: now.monotonic)
        pending.positions[file.identity] = file.position()
        // With a file at the path that was followed before, this one is a copy (copytruncate) or was rotated before that: nothing between.
        let current = FileInformation(path: position.path)?.identity
        let isKnown = current.map { current in remembered.contains { $0.device == current.device && $0.inode == current.inode } } ?? false
        if !isKnown { followBetween(file, in: path, at: now) }
    }

    /// Files that took the path and were moved away again before we saw them there: named after it, changed after the file that we know, and
    /// not followed. They are read whole, in the order in which they were written.
    /// - Parameter place: where the file is now: what came after it lies in the same folder. Nil: where it was.
    private func followBetween(_ file: TailedFile, in place: String?, at now: Moment) {
        var chain = [file]
        let folder = place.map { PathGlob.folder(of: $0) }
        let between = RotatedFiles.siblings(of: file.path, in: folder).filter {
            $0.information.modified >= file.modified && $0.information.identity != file.identity && $0.information.size > 0
        }
        for sibling in between.sorted(by: { $0.information.modified < $1.information.modified }) {
            let identity = sibling.information.identity
            let isKnown = remembered.contains { $0.device == identity.device && $0.inode == identity.inode }
            if isKnown || finished.contains(identity) || files[identity] != nil { continue }
            if isMatched(sibling.path), !sibling.isCompressed { continue }
            guard let content = FileContent(path: sibling.path), content.form == (sibling.isCompressed ? .gzip : .plain),
                let information = content.information(),
                information.identity == identity, !chain.contains(where: { isCopy(content, information, of: $0, isFirst: $0 === file) })
            else { continue }
            let next = makeFile(information.identity, path: file.path, tail: file.tail, at: now)
            next.take(content)
            (next.rotatedAt, next.predecessor) = (now.monotonic, chain[chain.count - 1].identity)
            _ = next.look(at: now.monotonic)
            next.markHead()
            add(next)
            pending.positions[next.identity] = next.position()
            if content.isDamaged { tellDamaged(sibling.path, after: information.size, at: now) }
            chain.append(next)
        }
    }

    /// What is in the file is no longer what was read: it was emptied, or emptied and filled again. If a copy of the old content lies beside it
    /// (logrotate's `copytruncate`), what was not yet read is read there and nothing is lost; else the loss is told.
    func replace(_ file: TailedFile, into batch: inout TailBatch, at now: Moment) -> Bool {
        counters.truncations.increment()
        if let (content, information) = copy(of: file) {
            if information.size > file.offset, files.count < TailingLimits.filesMax {
                let rest = makeFile(information.identity, path: file.path, tail: file.tail, at: now)
                rest.take(content)
                rest.rotatedAt = now.monotonic
                add(rest)
                rest.goOn(at: file.position(), content)
                _ = rest.look(at: now.monotonic)
                batch.positions[rest.identity] = rest.position()
                file.predecessor = rest.identity
                file.collapse = file.collapse.map { Collapse(window: $0.window) }
                if content.isDamaged { tellDamaged(file.path, after: information.size, at: now) }
            } else {
                finished.insert(information.identity)
            }
        } else {
            let detail =
                "\(file.path) became shorter than the \(file.offset) bytes that were read of it, or holds other bytes now; what was written "
                + "behind byte \(file.offset) and removed again is not known: the file is read from its beginning"
            batch.gaps.append(Gap(source: file.path, reason: .truncated, from: now.wall, to: now.wall, detail: detail))
            logger.notice("file was truncated", metadata: ["path": "\(file.path)", "offset": "\(file.offset)"])
        }
        file.rewind()
        batch.positions[file.identity] = file.position()
        return true
    }

    /// Lets go of files that were moved away, are read to their end, and are quiet.
    func finishRotated(into batch: inout TailBatch, at now: Moment) {
        for file in order where file.isFinished(at: now.monotonic) {
            // With room in the batch, what could be read of it was read just now.
            guard !batch.isFull || file.offset >= file.size else { continue }
            for run in file.collapse?.takeAll() ?? [] { tell(run, of: file, into: &batch) }
            batch.positions[file.identity] = file.position(isFinished: true)
            if finished.count > TailingLimits.filesMax { finished.removeAll() }
            finished.insert(file.identity)
            drop(file)
        }
    }

    // MARK: Telling

    /// - Parameter size: what it was when it was last looked at.
    func tellLost(_ position: ReadPosition, size: UInt64? = nil, at now: Moment) {
        var done = position
        done.isFinished = true
        pending.positions[FileIdentity(device: position.device, inode: position.inode)] = done
        if !position.state.isEmpty { tellCounted(position) }
        let unread = size.map { $0 > position.offset ? $0 - position.offset : 0 } ?? 0
        let upTo = unread > 0 ? " up to byte \(position.offset + unread) at least" : ""
        let detail = "\(position.path) (inode \(position.inode)) is gone; what was written to it from byte \(position.offset)\(upTo) on is not known"
        pending.gaps.append(Gap(source: position.path, reason: .fileLost, from: now.wall, to: now.wall, bytes: unread, detail: detail))
        logger.warning("file vanished before it was read to its end", metadata: ["path": "\(position.path)", "offset": "\(position.offset)"])
    }

    /// Lines that were counted in a file that is gone.
    private func tellCounted(_ position: ReadPosition) {
        guard let tail = globs.firstIndex(where: { $0.contains { $0.matches(position.path) } }), let window = configs[tail].collapse else { return }
        var collapse = Collapse(window: window)
        collapse.restore(position.state)
        let file = TailedFile(
            FileIdentity(device: position.device, inode: position.inode),
            path: position.path,
            tail: tail,
            source: configs[tail].source ?? TailedFile.source(of: position.path),
            at: .zero
        )
        for run in collapse.takeAll() { pending.events.append(run.event(in: file, window: window, host: host, tags: tags)) }
    }

    private func tellDamaged(_ path: String, after size: UInt64, at now: Moment) {
        let detail = "\(path) is compressed and damaged: nothing behind byte \(size) of its text can be read"
        pending.gaps.append(Gap(source: path, reason: .fileLost, from: now.wall, to: now.wall, detail: detail))
        logger.warning("compressed file is damaged", metadata: ["path": "\(path)", "readable": "\(size)"])
    }

    // MARK: Finding

    /// A sibling that holds what was read of the file, and perhaps more: its copy from before it was emptied.
    private func copy(of file: TailedFile) -> (content: FileContent, information: FileInformation)? {
        guard !file.marks.isEmpty else { return nil }
        for sibling in RotatedFiles.siblings(of: file.path) where files[sibling.information.identity] == nil {
            // Older than what was read: the copy of an earlier time that begins with the same line.
            if let read = file.readModified, sibling.information.modified < read { continue }
            guard !finished.contains(sibling.information.identity), let content = FileContent(path: sibling.path),
                content.form == (sibling.isCompressed ? .gzip : .plain),
                let information = content.information(), information.size >= file.offset
            else { continue }
            if file.marks.match(content, at: file.offset) { return (content, information) }
        }
        return nil
    }

    /// - Parameter isFirst: its copy may have grown since it was made, or have been made while it grew; of the others only the same size counts.
    private func isCopy(_ content: FileContent, _ information: FileInformation, of file: TailedFile, isFirst: Bool) -> Bool {
        guard !file.marks.isEmpty, information.size >= file.offset, information.size >= UInt64(file.marks.head.length) else { return false }
        guard isFirst && file.offset > 0 || information.size == file.size else { return false }
        return file.marks.match(content, at: file.offset)
    }

    /// Found by a pattern, and followed for itself.
    private func isMatched(_ path: String) -> Bool { globs.joined().contains { $0.matches(path) } }
}
