import Logging
import Telemetry

/// Where files stood, when the spool does not know it: the aggregator does, of what it has stored.
extension TailEngine {
    /// Before the first scan: goes on where the aggregator has the files. What the spool knows itself is further on and holds, unless it was damaged
    /// and its last commits are lost.
    func resume(at known: KnownFiles, after memory: FileMemory, at now: Moment) {
        pending.notes[FileMemory.note] = ""
        guard known.hasEarlierAgent else { return }
        isResuming = true
        let own = Dictionary(remembered.indices.map { (remembered[$0].identity, $0) }, uniquingKeysWith: { first, _ in first })
        for position in known.positions where isConfigured(position.path) {
            resumedPaths.insert(position.path)
            if let index = own[position.identity] {
                guard remembered[index].offset < position.offset else { continue }
                remembered[index] = position
            } else {
                remembered.append(position)
            }
            pending.positions[position.identity] = position
        }
        if memory == .new { tellSpoolLost(since: known.notedAt, at: now) }
    }

    /// Nobody has answered in time: files are begun as `start` says, and it is noted where, until somebody does.
    func beginWithoutAnswer() { begun = [] }

    /// Nobody can be asked.
    func forgetMemory() { pending.notes[FileMemory.note] = "" }

    /// Where a file is begun without an answer. One that an earlier run has begun so, before which nobody answered either, keeps its place.
    func noteBegun(_ file: TailedFile) {
        let start = FileMemory.Start(device: file.identity.device, inode: file.identity.inode, offset: file.offset)
        guard begun?.contains(where: { $0.device == start.device && $0.inode == start.inode }) == false else { return }
        begun?.append(start)
    }

    /// At the end of the first scan.
    func rememberBegun() {
        isResuming = false
        if let begun { pending.notes[FileMemory.note] = FileMemory.begun(begun).text }
    }

    /// The answer came while files are read already.
    func settle(_ known: KnownFiles, at now: Moment) {
        let starts = begun ?? []
        begun = nil
        pending.notes[FileMemory.note] = ""
        guard known.hasEarlierAgent else { return }
        tellSpoolLost(since: known.notedAt, at: now)
        var positions: [FileIdentity: ReadPosition] = [:]
        for position in known.positions where isConfigured(position.path) {
            positions[position.identity] = position
        }
        for start in starts {
            let identity = FileIdentity(device: start.device, inode: start.inode)
            let position = positions.removeValue(forKey: identity)
            if let file = files[identity] { settle(file, begunAt: start.offset, position, at: now) }
        }
        // Files that were moved away or deleted before anybody knew of them.
        remembered = positions.values.filter { files[$0.identity] == nil }.sorted { $0.path < $1.path }
        followRemembered(present: Set(files.keys), at: now)
        remembered = []
    }

    private func settle(_ file: TailedFile, begunAt start: UInt64, _ position: ReadPosition?, at now: Moment) {
        guard file.isOpen || open(file, at: now), let content = file.content, let information = content.information() else {
            return tellAgain(file, "begun at byte \(start), and cannot be opened to see what of it was read before", bytes: 0, at: now)
        }
        if let position, information.size >= position.offset, FileMarks(position).match(content, at: position.offset) {
            if start < position.offset {
                let twice = "read again from byte \(start) to byte \(position.offset), which the aggregator had"
                tellAgain(file, twice, bytes: position.offset - start, at: now)
            } else if start > position.offset {
                let reached = file.offset
                file.goOn(at: position, content)
                tellPlace(of: file)
                let twice = "begun at byte \(start) and is read on from byte \(position.offset), where the aggregator had it"
                tellAgain(file, twice, bytes: reached - min(reached, start), at: now)
            }
            return
        }
        let reached = file.offset
        if start > 0 {
            file.rewind(at: now.wall)
            tellPlace(of: file)
        }
        if information.size > 0 { tellAgain(file, "read from its beginning, as nobody knows how far it was read before", bytes: reached, at: now) }
    }

    // MARK: Parts of the first scan

    /// Of this file nothing is known. If it stands where another one was, it came after it; if not, part of it may have been read.
    func beginUnknown(_ file: TailedFile, at now: Moment) {
        file.markHead()
        tellPlace(of: file)
        guard file.size > 0, !resumedPaths.contains(file.path) else { return }
        tellAgain(file, "read from its beginning, as nobody knows how far it was read before", bytes: file.size, at: now)
    }

    /// Where a file stands, for the spool; and for the aggregator, in the same order: it must not hear that a file was let go before it knows of the
    /// one that holds the rest, nor wait for a line of a quiet file.
    func tellPlace(of file: TailedFile) {
        let position = file.position()
        pending.positions[file.identity] = position
        if position.headLength > 0 { pending.reads.append(ReadRange(from: position.offset, to: position)) }
    }

    private func isConfigured(_ path: String) -> Bool { globs.joined().contains { $0.matches(path) } }

    // MARK: Telling

    private func tellSpoolLost(since last: Timestamp?, at now: Moment) {
        let detail =
            "the spool was lost: metrics, alerts, messages of syslog and of the journal that it had not delivered are gone. Files are read on from where "
            + "the aggregator has them"
        let from = min(last ?? now.wall, now.wall)
        pending.gaps.append(Gap(source: "spool", reason: .spoolLost, from: from, to: now.wall, detail: detail))
        logger.error("the spool was lost: files are read on from where the aggregator has them")
    }

    /// - Parameter bytes: how many may come twice.
    private func tellAgain(_ file: TailedFile, _ what: String, bytes: UInt64, at now: Moment) {
        let detail = "the spool was lost: \(file.path) (inode \(file.identity.inode)) is \(what); lines of it may come twice"
        pending.gaps.append(Gap(source: file.path, reason: .spoolLost, from: now.wall, to: now.wall, bytes: bytes, detail: detail))
        logger.warning("file is read again", metadata: ["path": "\(file.path)", "what": "\(what)"])
    }
}
