import Glibc
import Logging
import Operating
import Telemetry

/// Looking around: which files there are, which are new, which have gone.
extension TailEngine {
    private struct Seen {
        let path: String
        let tail: Int
        let information: FileInformation
    }

    /// Compares what matches the patterns now with what is followed. The first scan is the start: only there `start: end` counts, and only
    /// there positions of an earlier run are matched to files that have other names now.
    func scan(at now: Moment, isFirst: Bool = false) {
        let (seen, places) = lookAround()
        for file in files.values where file.rotatedAt == nil || places[file.identity] != nil {
            if let place = places[file.identity] {
                if file.path != seen[place].path { file.path = seen[place].path }
                file.rotatedAt = nil
                if !file.isOpen { file.size = seen[place].information.size }
            } else {
                moveAway(file, at: now)
            }
        }
        if isFirst { followRemembered(present: Set(places.keys), at: now) }
        for place in seen where files[place.information.identity] == nil { adopt(place, isFirst: isFirst, at: now) }
        if isFirst {
            for glob in globs.joined() where knownPatterns.insert(PatternMark.hash(glob.pattern)).inserted {
                let mark = PatternMark.of(glob.pattern)
                pending.positions[FileIdentity(device: 0, inode: mark.inode)] = mark
            }
        }
        counters.files.set(Double(files.count))
    }

    /// Folders in which something may happen.
    func folders() -> Set<String> {
        var folders = Set(globs.joined().flatMap { $0.folders() })
        for file in files.values { folders.formUnion(PathGlob.resolved(file.path).map { PathGlob.folder(of: $0) }) }
        return folders
    }

    /// Regular files that match, each once, in the configuration's order.
    private func lookAround() -> (seen: [Seen], places: [FileIdentity: Int]) {
        var (seen, places): ([Seen], [FileIdentity: Int]) = ([], [:])
        var paths = Set<String>()
        refused.removeAll(keepingCapacity: true)
        for (tail, patterns) in globs.enumerated() {
            for path in patterns.flatMap({ $0.paths() }) where paths.insert(path).inserted {
                guard let information = FileInformation(path: path) else {
                    if errno == EACCES { refused[path] = (tail, "permission denied: give the agent's user the right to read it (group adm)") }
                    continue
                }
                guard information.isRegular else {
                    if !information.isFolder { refused[path] = (tail, "it is \(information.kind): only regular files are followed") }
                    continue
                }
                guard places[information.identity] == nil else { continue }
                places[information.identity] = seen.count
                seen.append(Seen(path: path, tail: tail, information: information))
            }
        }
        return (seen, places)
    }

    private func adopt(_ place: Seen, isFirst: Bool, at now: Moment) {
        guard files.count < TailingLimits.filesMax else {
            refused[place.path] = (place.tail, "\(TailingLimits.filesMax) files are followed already: narrow the paths")
            return
        }
        let isNewPattern = !globs[place.tail].contains { $0.matches(place.path) && knownPatterns.contains(PatternMark.hash($0.pattern)) }
        let startsAtEnd = isFirst && isNewPattern && configs[place.tail].start == .end
        guard let (descriptor, information) = TailedFile.open(place.path) else {
            refused[place.path] = (place.tail, "cannot be opened: \(words(errno)); it is read as soon as it can be")
            if startsAtEnd {
                // It was there at the start: when it can be opened one day, what is in it now is not news.
                let identity = place.information.identity
                let end = ReadPosition(path: place.path, device: identity.device, inode: identity.inode, offset: place.information.size)
                remembered.append(end)
                pending.positions[identity] = end
            }
            return
        }
        // Between looking and opening another file may have taken the name.
        guard files[information.identity] == nil else {
            close(descriptor)
            return
        }
        let file = makeFile(information.identity, path: place.path, tail: place.tail, at: now)
        file.take(descriptor)
        if let known = recall(information.identity, path: place.path, descriptor) {
            restore(file, from: known, information, at: now)
        } else if startsAtEnd {
            file.advance(to: lastLineEnd(descriptor, size: information.size))
            pending.positions[file.identity] = file.position()
        } else {
            // Known from now on, so that it is found again if it is rotated before its first line is stored.
            pending.positions[file.identity] = file.position()
        }
        if file.offset == 0 { file.predecessor = order.last { files[$0]?.rotatedAt != nil && files[$0]?.path == place.path } }
        file.size = information.size
        if files.count >= TailingLimits.openFilesMax { file.closeDescriptor() }
        add(file)
    }

    /// The position of an earlier run that is this file's: by device and inode; by path and inode where the device has another number now
    /// (they change with the order in which disks are found), if the content agrees.
    private func recall(_ identity: FileIdentity, path: String, _ descriptor: Int32) -> ReadPosition? {
        if let index = remembered.firstIndex(where: { $0.device == identity.device && $0.inode == identity.inode }) {
            return remembered.remove(at: index)
        }
        let moved = remembered.firstIndex { position in
            position.inode == identity.inode && position.path == path && position.headLength > 0
                && FileHead(hash: position.headHash, length: position.headLength).matches(descriptor)
        }
        guard let moved else { return nil }
        var old = remembered.remove(at: moved)
        let position = old
        old.isFinished = true
        pending.positions[FileIdentity(device: old.device, inode: old.inode)] = old
        return position
    }

    /// Goes on where an earlier run stopped, if it is the same file still.
    private func restore(_ file: TailedFile, from position: ReadPosition, _ information: FileInformation, at now: Moment) {
        guard position.offset > 0 else { return }
        let head = FileHead(hash: position.headHash, length: position.headLength)
        if information.size >= position.offset, head.matches(file.descriptor) {
            (file.offset, file.searched, file.head) = (position.offset, position.offset, head)
            return
        }
        if position.path == file.path {
            (file.offset, file.head) = (position.offset, head)
            _ = replace(file, into: &pending, at: now)
        } else {
            tellLost(position, at: now)
            pending.positions[file.identity] = file.position()
        }
    }

    func makeFile(_ identity: FileIdentity, path: String, tail: Int, at now: Moment) -> TailedFile {
        let source = configs[tail].source ?? TailedFile.source(of: path)
        return TailedFile(identity, path: path, tail: tail, source: source, offset: 0, head: .empty, at: now.monotonic)
    }

    func add(_ file: TailedFile) {
        files[file.identity] = file
        order.append(file.identity)
    }

    func drop(_ file: TailedFile) {
        file.closeDescriptor()
        files[file.identity] = nil
        order.removeAll { $0 == file.identity }
    }

    /// Opens a file that was closed while it was quiet. False: it cannot be opened, or its name belongs to another file.
    func open(_ file: TailedFile, at now: Moment) -> Bool {
        guard let (descriptor, information) = TailedFile.open(file.path) else {
            note(file, "cannot be opened: \(words(errno)); it is read as soon as it can be")
            file.searched = file.size
            return false
        }
        guard information.identity == file.identity else {
            close(descriptor)
            return false
        }
        file.take(descriptor)
        note(file, nil)
        closeQuietFiles()
        return true
    }

    /// Keeps the number of open files at its limit: the file that was quiet longest, and is read to its end, is closed.
    func closeQuietFiles() {
        guard files.count > TailingLimits.openFilesMax else { return }
        let open = files.values.filter(\.isOpen)
        guard open.count > TailingLimits.openFilesMax else { return }
        let quiet = open.filter { $0.rotatedAt == nil && !$0.hasMore && $0.size > 0 }.sorted { $0.lastGrowth < $1.lastGrowth }
        // One that has grown since it was looked at stays open: closed, it would be found by the slow scan only.
        for file in quiet.prefix(open.count - TailingLimits.openFilesMax)
        where FileInformation(descriptor: file.descriptor)?.size == file.size { file.closeDescriptor() }
    }

    /// Where the last whole line ends: a line whose beginning is there already is read whole when it is complete.
    private func lastLineEnd(_ descriptor: Int32, size: UInt64) -> UInt64 {
        var bytes = [UInt8](repeating: 0, count: Int(min(size, UInt64(TailingLimits.lineBytesMax))))
        let start = size - UInt64(bytes.count)
        let count = FileReading.read(descriptor, at: start, into: &bytes, count: bytes.count)
        guard count == bytes.count, let feed = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return start == 0 ? 0 : size }
        return start + UInt64(feed) + 1
    }
}
