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
        if !followCopy(position, tail: file.tail, at: now) { tellLost(position, size: file.size, at: now) }
    }

    /// Positions of an earlier run whose files have other names now: rotated while the agent was away.
    func followRemembered(present: Set<FileIdentity>, at now: Moment) {
        var kept: [ReadPosition] = []
        for position in remembered {
            let identity = position.identity
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
                if !followCopy(position, tail: tail, at: now) { tellLost(position, at: now) }
                continue
            }
            follow(content, information, found: path, from: position, tail: tail, at: now)
        }
        remembered = kept
    }

    /// Looks for the file among the siblings of its old path: compressed, or copied under another name (`renamecopy`). False: none of them holds what
    /// was read of it.
    func followCopy(_ position: ReadPosition, tail: Int, at now: Moment) -> Bool {
        let marks = FileMarks(position)
        guard !marks.isEmpty else {
            // It was empty: what it got meanwhile is in files that are new.
            guard let since = position.emptyAt else { return false }
            let isFound = followUnknown(of: position.path, tail: tail, changedSince: since, until: now.latest, at: now) != nil
            if isFound { forget(position) }
            return isFound
        }
        // Twice: what is being compressed may have vanished between looking and opening.
        let siblings = [0, 1].lazy.flatMap { _ in RotatedFiles.siblings(of: position.path) }
        for sibling in siblings where sibling.isCompressed || !isMatched(sibling.path) {
            guard files[sibling.information.identity] == nil,
                let content = FileContent(path: sibling.path), sibling.isRead(content), let information = content.information(),
                information.size >= position.offset, marks.match(content, at: position.offset)
            else { continue }
            forget(position)
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
        tellPlace(of: file)
        // With a file at the path that was followed before, this one is a copy (copytruncate) or was rotated before that: nothing between.
        if let current = FileContent(path: position.path), let known = current.information(), isRemembered(current, known) { return }
        followBetween(file, in: path, at: now)
    }

    /// Files that took the path and were moved away again before we saw them there: named after it, changed after the file that we know, and
    /// not followed. They are read whole, in the order in which they were written.
    /// - Parameter place: where the file is now: what came after it lies in the same folder. Nil: where it was.
    private func followBetween(_ file: TailedFile, in place: String?, at now: Moment) {
        let folder = place.map { PathGlob.folder(of: $0) }
        followUnknown(of: file.path, tail: file.tail, changedSince: file.modified, in: folder, after: file.identity, at: now)
    }

    /// What is in the file is no longer what was read: it was emptied, or emptied and filled again. If a copy of the old content lies beside it
    /// (logrotate's `copytruncate`), what was not yet read is read there and nothing is lost; else the loss is told.
    func replace(_ file: TailedFile, at now: Moment) {
        counters.truncations.increment()
        if let (content, information, path) = copy(of: file) ?? copy(of: file) {
            if files.count < TailingLimits.filesMax {
                let rest = makeFile(information.identity, path: file.path, tail: file.tail, at: now)
                rest.take(content)
                rest.rotatedAt = now.monotonic
                add(rest)
                rest.goOn(at: file.position(), content)
                _ = rest.look(at: now.monotonic)
                tellPlace(of: rest)
                file.collapse = file.collapse.map { Collapse(window: $0.window) }
                if content.isDamaged { tellDamaged(path, after: information.size, at: now) }
                // The same may have happened more than once.
                followBetween(rest, in: path, at: now)
                file.predecessor = order.last { $0.rotatedAt != nil && $0.path == file.path && $0 !== file }?.identity
            } else {
                remember(finished: file.position())
            }
        } else if file.isUnmarked,
            let last = followUnknown(
                of: file.path,
                tail: file.tail,
                changedSince: file.emptyAt.nanoseconds,
                until: now.latest,
                after: file.identity,
                at: now
            )
        {
            // Emptied again before anything of it was read.
            file.predecessor = last
        } else {
            let detail =
                "\(file.path) became shorter than the \(file.offset) bytes that were read of it, or holds other bytes now; what was written "
                + "behind byte \(file.offset) and removed again is not known: the file is read from its beginning"
            pending.gaps.append(Gap(source: file.path, reason: .truncated, from: now.wall, to: now.wall, detail: detail))
            logger.notice("file was truncated", metadata: ["path": "\(file.path)", "offset": "\(file.offset)"])
            // Not the file that was read, when its inode was used again.
            remember(finished: file.position())
            passShortCopy(of: file, at: now)
            file.predecessor = followSuccessors(of: file.position(), tail: file.tail, before: file.identity, at: now) ?? file.predecessor
        }
        file.rewind(at: now.wall)
        tellPlace(of: file)
    }

    /// Of the file more was read than its copy holds: the copy is known from now on as read to its end, also after a restart.
    private func passShortCopy(of file: TailedFile, at now: Moment) {
        let position = file.position()
        for sibling in RotatedFiles.siblings(of: file.path) where files[sibling.information.identity] == nil {
            guard files.count < TailingLimits.filesMax, !sibling.isCompressed, !isMatched(sibling.path),
                let content = FileContent(path: sibling.path),
                sibling.isRead(content), let information = content.information(), isBeginning(content, information, of: position)
            else { continue }
            let copy = makeFile(information.identity, path: file.path, tail: file.tail, at: now)
            copy.take(content)
            copy.rotatedAt = now.monotonic
            // What waits for the last of those that were moved away does not wait for this one.
            add(copy, isFirst: true)
            _ = copy.look(at: now.monotonic)
            copy.skip(to: information.size, isMidLine: !Self.isLineStart(content, information.size))
            tellPlace(of: copy)
        }
    }

    /// Lets go of files that were moved away, are read to their end, and are quiet; of one path in the order in which they were written: an
    /// older one that is still followed leads to the newer ones after a restart. After a restart they are followed in any order, so their times say it.
    func finishRotated(into batch: inout TailBatch, at now: Moment) {
        var held: Set<String> = []
        for file in order.filter({ $0.rotatedAt != nil }).sorted(by: { $0.modified < $1.modified }) {
            // With room in the batch, what could be read of it was read just now.
            guard file.isFinished(at: now.monotonic), !batch.isFull || file.offset >= file.size, !held.contains(file.path) else {
                held.insert(file.path)
                continue
            }
            for run in file.collapse?.takeAll() ?? [] { tell(run, of: file, into: &batch) }
            batch.positions[file.identity] = file.position(isFinished: true)
            batch.reads.append(ReadRange(from: file.offset, to: file.position(isFinished: true)))
            remember(finished: file.position())
            drop(file)
            // What took its place may be empty still. This one was perhaps written to for longer, and is not what that one gets later.
            for next in order where next.path == file.path && next.isUnmarked && next.rotatedAt == nil {
                next.sawEmpty(at: Timestamp(nanoseconds: max(next.emptyAt.nanoseconds, file.modified &+ 1)))
                batch.positions[next.identity] = next.position()
            }
        }
    }

    // MARK: Telling

    /// - Parameter size: what it was when it was last looked at.
    func tellLost(_ position: ReadPosition, size: UInt64? = nil, at now: Moment) {
        forget(position)
        // What of it was compressed is not news.
        remember(finished: position)
        if let tail = globs.firstIndex(where: { $0.contains { $0.matches(position.path) } }) {
            if !position.state.isEmpty { tellCounted(position, tail: tail) }
            _ = followSuccessors(of: position, tail: tail, at: now)
        }
        let unread = size.map { $0 > position.offset ? $0 - position.offset : 0 } ?? 0
        let upTo = unread > 0 ? " up to byte \(position.offset + unread) at least" : ""
        let detail = "\(position.path) (inode \(position.inode)) is gone; what was written to it from byte \(position.offset)\(upTo) on is not known"
        pending.gaps.append(Gap(source: position.path, reason: .fileLost, from: now.wall, to: now.wall, bytes: unread, detail: detail))
        logger.warning("file vanished before it was read to its end", metadata: ["path": "\(position.path)", "offset": "\(position.offset)"])
    }

    /// Lines that were counted in a file that is gone.
    private func tellCounted(_ position: ReadPosition, tail: Int) {
        guard let window = configs[tail].collapse else { return }
        var collapse = Collapse(window: window)
        collapse.restore(position.state)
        let file = TailedFile(
            position.identity,
            path: position.path,
            tail: tail,
            source: configs[tail].source ?? TailedFile.source(of: position.path),
            at: Moment(wall: Timestamp(nanoseconds: 0), monotonic: .zero)
        )
        for run in collapse.takeAll() { pending.events.append(run.event(in: file, window: window, host: host, tags: tags)) }
    }

    func tellDamaged(_ path: String, after size: UInt64, at now: Moment) {
        let detail = "\(path) is compressed and damaged: nothing behind byte \(size) of its text can be read"
        pending.gaps.append(Gap(source: path, reason: .fileLost, from: now.wall, to: now.wall, detail: detail))
        logger.warning("compressed file is damaged", metadata: ["path": "\(path)", "readable": "\(size)"])
    }
}
