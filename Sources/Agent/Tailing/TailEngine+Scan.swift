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
    /// - Parameter isTold: something came, went or was renamed in a folder that is watched.
    func scan(at now: Moment, isFirst: Bool = false, isTold: Bool = true) {
        let (seen, known) = lookAround()
        for file in order where file.rotatedAt == nil || known[file.identity] != nil {
            if let place = known[file.identity] {
                if file.path != seen[place].path { file.path = seen[place].path }
                file.rotatedAt = nil
                if file.differs(from: seen[place].information) || file.problem != nil { file.isDirty = true }
                if !file.isOpen { file.size = seen[place].information.size }
            } else {
                moveAway(file, at: now)
            }
        }
        if isFirst { followRemembered(present: Set(known.keys), at: now) }
        for place in seen where files[place.information.identity] == nil { adopt(place, isFirst: isFirst, at: now) }
        if isFirst {
            for glob in globs.joined() where knownPatterns.insert(PatternMark.hash(glob.pattern)).inserted {
                let mark = PatternMark.of(glob.pattern)
                pending.positions[FileIdentity(device: 0, inode: mark.inode)] = mark
            }
        }
        let layout = order.map { FileLayout.Entry(path: $0.path, identity: $0.identity, isThere: $0.rotatedAt == nil) }
        if isFirst || isTold || layout != self.layout.entries || now.monotonic - self.layout.madeAt >= TailingLimits.layoutAge {
            places = Dictionary(
                order.filter { $0.rotatedAt == nil }.flatMap { file in PathGlob.resolved(file.path).map { ($0, file.identity) } },
                uniquingKeysWith: { first, _ in first }
            )
            self.layout = FileLayout(entries: layout, madeAt: now.monotonic, number: self.layout.number + 1, folders: findFolders())
        }
        if isFirst { rememberBegun() }
        counters.files.set(Double(order.count))
    }

    /// Folders in which something may happen.
    private func findFolders() -> Set<String> {
        var folders = Set(globs.joined().flatMap { $0.folders() })
        for path in places.keys { folders.insert(PathGlob.folder(of: path)) }
        for file in order where file.rotatedAt != nil { folders.formUnion(PathGlob.resolved(file.path).map { PathGlob.folder(of: $0) }) }
        return folders
    }

    /// Regular files that match and are not excluded, each once, in the configuration's order.
    private func lookAround() -> (seen: [Seen], places: [FileIdentity: Int]) {
        var (seen, places): ([Seen], [FileIdentity: Int]) = ([], [:])
        var paths = Set<String>()
        refused.removeAll(keepingCapacity: true)
        for (tail, patterns) in globs.enumerated() {
            for path in patterns.flatMap({ $0.paths() }) where paths.insert(path).inserted {
                if excludes[tail].contains(where: { $0.matches($0.isName ? PathGlob.name(of: path) : path) }) { continue }
                guard let information = FileInformation(path: path) else {
                    if let problem = refusal(errno) { refused[path] = (tail, problem) }
                    continue
                }
                guard information.isRegular else {
                    if !information.isFolder { refused[path] = (tail, "it is \(information.kind): only regular files are followed") }
                    continue
                }
                guard places[information.identity] == nil, compressed[information.identity] != information.modified else { continue }
                places[information.identity] = seen.count
                seen.append(Seen(path: path, tail: tail, information: information))
            }
        }
        return (seen, places)
    }

    private func refusal(_ code: Int32) -> String? {
        switch code {
        case EACCES: "permission denied: give the agent's user the right to read it (group adm)"
        case ELOOP: "its symbolic links lead in a circle: make it point to a file"
        default: nil
        }
    }

    private func adopt(_ place: Seen, isFirst: Bool, at now: Moment) {
        guard files.count < TailingLimits.filesMax else {
            refused[place.path] = (place.tail, "\(TailingLimits.filesMax) files are followed already: narrow the paths")
            return
        }
        let isNewPattern = !globs[place.tail].contains { $0.matches(place.path) && knownPatterns.contains(PatternMark.hash($0.pattern)) }
        let startsAtEnd = isFirst && isNewPattern && configs[place.tail].start == .end
        guard let content = FileContent(path: place.path), let information = content.information() else {
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
        guard files[information.identity] == nil else { return }
        guard content.form == .plain else {
            compressed[information.identity] = information.modified
            return
        }
        let file = makeFile(information.identity, path: place.path, tail: place.tail, at: now)
        file.take(content)
        file.size = information.size
        add(file)
        if let known = recall(information.identity, path: place.path, content) {
            restore(file, from: known, content, information, at: now)
            if isFirst { tellPlace(of: file) }
        } else if isFirst, isResuming {
            beginUnknown(file, at: now)
        } else if startsAtEnd {
            let end = lastLineEnd(content, size: information.size)
            file.skip(to: end, isMidLine: end == information.size && end > 0 && !Self.isLineStart(content, end))
            tellPlace(of: file)
        } else {
            // Known from now on, so that it is found again if it is rotated before its first line is stored.
            file.markHead()
            tellPlace(of: file)
        }
        if isFirst { noteBegun(file) }
        if file.offset == 0 { file.predecessor = order.last { $0.rotatedAt != nil && $0.path == place.path && $0 !== file }?.identity }
        if files.count > openFilesMax { file.closeContent() }
    }

    /// Whether a line may begin at this byte.
    static func isLineStart(_ content: FileContent, _ offset: UInt64) -> Bool {
        guard offset > 0 else { return true }
        var byte: [UInt8] = [0]
        return content.read(at: offset - 1, into: &byte, count: 1) == 1 && byte[0] == UInt8(ascii: "\n")
    }

    /// The position of an earlier run that is this file's: by device and inode; by path and inode where the device has another number now
    /// (they change with the order in which disks are found), if the content agrees.
    private func recall(_ identity: FileIdentity, path: String, _ content: FileContent) -> ReadPosition? {
        if let index = remembered.firstIndex(where: { $0.device == identity.device && $0.inode == identity.inode }) {
            return remembered.remove(at: index)
        }
        let moved = remembered.firstIndex { position in
            let marks = FileMarks(position)
            return position.inode == identity.inode && position.path == path && !marks.isEmpty && marks.match(content, at: position.offset)
        }
        guard let moved else { return nil }
        let position = remembered.remove(at: moved)
        forget(position)
        return position
    }

    /// Goes on where an earlier run stopped, if it is the same file still.
    private func restore(_ file: TailedFile, from position: ReadPosition, _ content: FileContent, _ information: FileInformation, at now: Moment) {
        let marks = FileMarks(position)
        if information.size >= position.offset, marks.match(content, at: position.offset) {
            file.goOn(at: position, content)
            // Unchanged and empty: empty as of now.
            if let since = position.emptyAt, information.size == 0, information.modified < since {
                file.sawEmpty(at: now.wall)
                pending.positions[file.identity] = file.position()
            }
            return
        }
        if position.path == file.path {
            file.goOn(at: position, content)
            replace(file, at: now)
            return
        }
        // The inode belongs to another file now; the one that was read may lie compressed beside its old place.
        if !followCopy(position, tail: file.tail, at: now) { tellLost(position, at: now) }
        file.markHead()
        tellPlace(of: file)
    }

    func makeFile(_ identity: FileIdentity, path: String, tail: Int, at now: Moment) -> TailedFile {
        let source = configs[tail].source ?? TailedFile.source(of: path)
        return TailedFile(identity, path: path, tail: tail, source: source, at: now)
    }

    // MARK: Open files

    /// Opens a file that was closed while it was quiet. False: it cannot be opened, or its name belongs to another file.
    func open(_ file: TailedFile, at now: Moment) -> Bool {
        guard let content = FileContent(path: file.path), let information = content.information() else {
            note(file, "cannot be opened: \(words(errno)); it is read as soon as it can be")
            file.searched = file.size
            return false
        }
        guard information.identity == file.identity else { return false }
        file.take(content)
        note(file, nil)
        return true
    }

    /// Keeps the number of open files at its limit: the files that were quiet longest, and are read to their end, are closed.
    func closeQuietFiles() {
        guard order.count > openFilesMax else { return }
        let open = order.filter(\.isOpen)
        guard open.count > openFilesMax else { return }
        let quiet = open.filter { $0.rotatedAt == nil && !$0.hasMore && !$0.isDirty }.sorted { $0.lastGrowth < $1.lastGrowth }
        for file in quiet.prefix(open.count - openFilesMax) { file.closeContent() }
    }

    /// Where the last whole line ends: a line whose beginning is there already is read whole when it is complete.
    private func lastLineEnd(_ content: FileContent, size: UInt64) -> UInt64 {
        var bytes = [UInt8](repeating: 0, count: Int(min(size, UInt64(TailingLimits.chunkBytes))))
        let start = size - UInt64(bytes.count)
        let count = content.read(at: start, into: &bytes, count: bytes.count)
        guard count == bytes.count, let feed = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return start == 0 ? 0 : size }
        return start + UInt64(feed) + 1
    }
}

extension TailedFile {
    /// Goes on where a position of an earlier run says.
    func goOn(at position: ReadPosition, _ content: FileContent) {
        let isMidLine = !TailEngine.isLineStart(content, position.offset)
        goOn(at: position.offset, marks: FileMarks(position), isMidLine: isMidLine, state: position.state)
        if let since = position.emptyAt { sawEmpty(at: Timestamp(nanoseconds: since)) }
    }
}
