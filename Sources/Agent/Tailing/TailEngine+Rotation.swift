import Glibc
import Logging
import Operating
import Telemetry

/// What happens to files that are read: they are renamed, deleted, emptied.
extension TailEngine {
    /// The file's path belongs to another file now, or to none. It is read to its end by its descriptor, wherever it went.
    func moveAway(_ file: TailedFile, at now: Moment) {
        if file.isOpen { _ = file.look(at: now.monotonic) }
        file.rotatedAt = now.monotonic
        file.isDrained = false
        counters.rotations.increment()
        logger.debug("file was moved away", metadata: ["path": "\(file.path)", "inode": "\(file.identity.inode)"])
        let renamed = rename(of: file.identity, from: file.path)
        if !file.isOpen {
            guard let renamed else {
                tellLost(file.position(), at: now)
                drop(file)
                return
            }
            file.take(renamed.descriptor)
            _ = file.look(at: now.monotonic)
            followBetween(file, at: now)
            return
        }
        if let renamed {
            close(renamed.descriptor)
            followBetween(file, at: now)
        }
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
            let head = FileHead(hash: position.headHash, length: position.headLength)
            guard let (descriptor, information) = rename(of: identity, from: position.path) else {
                tellLost(position, at: now)
                continue
            }
            guard information.size >= position.offset, head.matches(descriptor) else {
                close(descriptor)
                tellLost(position, at: now)
                continue
            }
            let file = makeFile(identity, path: position.path, tail: tail, at: now)
            file.take(descriptor)
            (file.offset, file.searched, file.head, file.rotatedAt) = (position.offset, position.offset, head, now.monotonic)
            _ = file.look(at: now.monotonic)
            add(file)
            // With a file at the path that was followed before, this one is a copy (copytruncate) or was rotated before that: nothing between.
            let current = FileInformation(path: position.path)?.identity
            let isKnown = current.map { current in remembered.contains { $0.device == current.device && $0.inode == current.inode } } ?? false
            if !isKnown { followBetween(file, at: now) }
        }
        remembered = kept
    }

    /// Files that took the path and were moved away again before we saw them there: named after it, changed after the file that we know, and
    /// not followed. They are read whole, in the order in which they were written.
    private func followBetween(_ file: TailedFile, at now: Moment) {
        var previous = file
        let between = siblings(of: file.path).filter { $0.information.modified >= file.modified && $0.information.identity != file.identity }
        for sibling in between.sorted(by: { $0.information.modified < $1.information.modified }) {
            let identity = sibling.information.identity
            let isKnown = remembered.contains { $0.device == identity.device && $0.inode == identity.inode }
            if isKnown || finished.contains(identity) || files[identity] != nil || isMatched(sibling.path) { continue }
            guard let (descriptor, information) = TailedFile.open(sibling.path) else { continue }
            guard information.identity == identity, !isCopy(descriptor, information, of: file) else {
                close(descriptor)
                continue
            }
            let next = makeFile(information.identity, path: file.path, tail: file.tail, at: now)
            next.take(descriptor)
            (next.rotatedAt, next.predecessor) = (now.monotonic, previous.identity)
            _ = next.look(at: now.monotonic)
            add(next)
            pending.positions[next.identity] = next.position()
            previous = next
        }
    }

    /// What is in the file is no longer what was read: it was emptied, or emptied and filled again. If a copy of the old content lies beside it
    /// (logrotate's `copytruncate`), what was not yet read is read there and nothing is lost; else the loss is told.
    func replace(_ file: TailedFile, into batch: inout TailBatch, at now: Moment) -> Bool {
        counters.truncations.increment()
        if let copy = copy(of: file) {
            if copy.information.size > file.offset, files.count < TailingLimits.filesMax {
                let rest = makeFile(copy.information.identity, path: file.path, tail: file.tail, at: now)
                rest.take(copy.descriptor)
                (rest.offset, rest.searched, rest.head, rest.rotatedAt) = (file.offset, file.offset, file.head, now.monotonic)
                _ = rest.look(at: now.monotonic)
                add(rest)
                batch.positions[rest.identity] = rest.position()
                file.predecessor = rest.identity
            } else {
                finished.insert(copy.information.identity)
                close(copy.descriptor)
            }
        } else {
            let detail =
                "\(file.path) became shorter than the \(file.offset) bytes that were read of it, or begins with other bytes; what was written "
                + "after them and removed again is not known: it is read from its beginning"
            batch.gaps.append(Gap(source: file.path, reason: .truncated, from: now.wall, to: now.wall, detail: detail))
            logger.notice("file was truncated", metadata: ["path": "\(file.path)", "offset": "\(file.offset)"])
        }
        file.rewind()
        batch.positions[file.identity] = file.position()
        return true
    }

    /// Lets go of files that were moved away, are read to their end, and are quiet.
    func finishRotated(into batch: inout TailBatch, at now: Moment) {
        for file in files.values where file.isFinished(at: now.monotonic) {
            // With room in the batch, what could be read of it was read just now.
            guard !batch.isFull || file.offset >= file.size else { continue }
            batch.positions[file.identity] = file.position(isFinished: true)
            if finished.count > TailingLimits.filesMax { finished.removeAll() }
            finished.insert(file.identity)
            drop(file)
        }
    }

    func tellLost(_ position: ReadPosition, at now: Moment) {
        var done = position
        done.isFinished = true
        pending.positions[FileIdentity(device: position.device, inode: position.inode)] = done
        let detail = "\(position.path) (inode \(position.inode)) is gone; what was written to it after byte \(position.offset) is not known"
        pending.gaps.append(Gap(source: position.path, reason: .fileLost, from: now.wall, to: now.wall, detail: detail))
        logger.warning("file vanished before it was read to its end", metadata: ["path": "\(position.path)", "offset": "\(position.offset)"])
    }

    // MARK: Finding

    /// The file with this identity, under whichever name it has in its folder now.
    private func rename(of identity: FileIdentity, from path: String) -> (descriptor: Int32, information: FileInformation)? {
        for folder in Set(PathGlob.resolved(path).map { PathGlob.folder(of: $0) }) {
            for entry in PathGlob.entries(of: folder) where entry.inode == identity.inode {
                guard let (descriptor, information) = TailedFile.open(folder + "/" + entry.name) else { continue }
                if information.identity == identity { return (descriptor, information) }
                close(descriptor)
            }
        }
        return nil
    }

    /// Regular files named after a path by a rotation: `app.log.1`, `app.log-20261009`; not compressed ones.
    private func siblings(of path: String) -> [(path: String, information: FileInformation)] {
        PathGlob.resolved(path).flatMap { path in siblings(of: PathGlob.name(of: path), in: PathGlob.folder(of: path)) }
    }

    private func siblings(of name: String, in folder: String) -> [(path: String, information: FileInformation)] {
        PathGlob.entries(of: folder).compactMap { entry in
            guard entry.name.hasPrefix(name), entry.name.utf8.count > name.utf8.count else { return nil }
            let suffix = entry.name.utf8.dropFirst(name.utf8.count)
            guard suffix.first == UInt8(ascii: ".") || suffix.first == UInt8(ascii: "-") else { return nil }
            guard suffix.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) else {
                return nil
            }
            let sibling = folder + "/" + entry.name
            guard let information = FileInformation(path: sibling), information.isRegular else { return nil }
            return (sibling, information)
        }
    }

    /// A sibling that holds what was read of the file, and perhaps more: its copy from before it was emptied. The caller closes it.
    private func copy(of file: TailedFile) -> (descriptor: Int32, information: FileInformation)? {
        guard file.head.length > 0 else { return nil }
        for sibling in siblings(of: file.path) where sibling.information.size >= file.offset && files[sibling.information.identity] == nil {
            // Older than what was read: the copy of an earlier time that begins with the same line.
            if let read = file.readModified, sibling.information.modified < read { continue }
            guard !finished.contains(sibling.information.identity), let (descriptor, information) = TailedFile.open(sibling.path) else { continue }
            if file.head.matches(descriptor) { return (descriptor, information) }
            close(descriptor)
        }
        return nil
    }

    private func isCopy(_ descriptor: Int32, _ information: FileInformation, of file: TailedFile) -> Bool {
        file.head.length > 0 && information.size >= file.offset && file.head.matches(descriptor)
    }

    /// Found by a pattern, and followed for itself.
    private func isMatched(_ path: String) -> Bool { globs.joined().contains { $0.matches(path) } }
}
