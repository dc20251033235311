import Glibc
import SQLite
import Sealing
package import Telemetry

/// Reads all of a log and compares every checksum, while an aggregator may be using it: what is checked is the log as it was when the check began.
///
/// Blocking. Memory: one sealed block and what it decodes to.
package struct LogInspector {
    package struct Progress: Sendable, Hashable {
        package var bytesDone: Int
        package var bytesTotal: Int
        package var findings: Int
    }

    private static let attemptsMax = 3

    private let path: String
    private var report: LogVerification
    private var done = 0
    private var total = 0

    private init(_ path: String) {
        self.path = path
        report = LogVerification(path: path)
    }

    /// - Parameters:
    ///   - companions: other databases in the folder, checked by SQLite's own means.
    ///   - progress: called after each block.
    /// - Throws: when the log cannot be checked at all: there is none, it may not be read, or it is of another version.
    package static func verify(
        _ path: String,
        companions: [String] = [],
        progress: (Progress) -> Void = { _ in }
    ) throws(LogError) -> LogVerification {
        var inspector = LogInspector(path)
        try inspector.inspect(companions, progress)
        return inspector.report
    }

    private mutating func inspect(_ companions: [String], _ progress: (Progress) -> Void) throws(LogError) {
        let journal = StorageConfig(path: path).databasePath
        guard unsafe access(journal, F_OK) == 0 else { throw .failed("there is no log in \(path): \(journal) is missing") }
        for name in companions where unsafe access("\(path)/\(name)", F_OK) == 0 { checkDatabase("\(path)/\(name)", name) }
        let name = String(journal.dropFirst(path.utf8.count + 1))
        do throws(SQLiteError) {
            // All files are opened before anything is read: what retention unlinks later stays readable. What it unlinked just now is in the journal.
            var snapshot = try JournalSnapshot(journal)
            for _ in 0..<Self.attemptsMax where snapshot.segments.contains(where: { unsafe access("\(path)/segments/\($0.name)", F_OK) != 0 }) {
                snapshot = try JournalSnapshot(journal)
            }
            var files: [UInt64: DiskFile] = [:]
            for segment in snapshot.segments { files[segment.id] = open(segment, of: snapshot) }
            (report.end, report.segments, report.sealedBlocks) = (snapshot.end, snapshot.segments.count, snapshot.sealed.count)
            total = snapshot.sealed.reduce(0) { $0 + $1.row.range.count }
            for problem in try snapshot.connection.findDamage(thorough: true) {
                report.findings.append(LogVerification.Finding(kind: .database, file: name, rows: 0, detail: problem))
            }
            report.setAside = try snapshot.arrivalsSetAside()
            try checkArrivals(snapshot, name)
            var last: [UInt64: Int] = [:]
            for (row, setAside) in snapshot.sealed {
                report.rows += row.count
                if setAside != nil {
                    report.setAside += 1
                } else if let file = files[row.segment] {
                    check(row, in: file, behind: last[row.segment] ?? 0)
                }
                last[row.segment] = row.range.upperBound
                done += row.range.count
                progress(Progress(bytesDone: done, bytesTotal: total, findings: report.findings.count))
            }
            for group in snapshot.groups { check(group, in: files[group.segment]) }
            listLeftovers(snapshot)
            try snapshot.close()
        } catch {
            guard error.isCorrupt else { throw .failed("the log cannot be checked to its end: \(error)") }
            report.findings.append(LogVerification.Finding(kind: .database, file: name, rows: 0, detail: "\(error)"))
        }
    }

    private mutating func checkDatabase(_ path: String, _ name: String) {
        do throws(SQLiteError) {
            for problem in try Connection(path: path, options: .readOnly).findDamage(thorough: true) {
                report.findings.append(LogVerification.Finding(kind: .database, file: name, rows: 0, detail: problem))
            }
        } catch {
            report.findings.append(LogVerification.Finding(kind: .database, file: name, rows: 0, detail: "\(error)"))
        }
    }

    // MARK: Arrivals

    private mutating func checkArrivals(_ snapshot: JournalSnapshot, _ name: String) throws(SQLiteError) {
        var position: LogPosition = 0
        while true {
            let rows = try snapshot.arrivals(after: position, bytesMax: 16 << 20)
            guard !rows.isEmpty else { return }
            for row in rows {
                report.arrivals += 1
                switch row {
                case .block(let block):
                    position = block.position
                    report.rows += block.count
                case .damaged(let damage):
                    position = damage.position
                    report.rows += damage.count
                    report.findings.append(
                        LogVerification.Finding(
                            kind: .arrival,
                            file: name,
                            number: damage.position,
                            rows: damage.count,
                            from: damage.from,
                            to: damage.to,
                            detail: damage.detail
                        )
                    )
                }
            }
        }
    }

    // MARK: Segments

    private mutating func open(_ segment: SegmentRow, of snapshot: JournalSnapshot) -> DiskFile? {
        let file = "segments/\(segment.name)"
        do throws(LogError) {
            let opened = try DiskFile("\(path)/\(file)", flags: O_RDONLY)
            report.segmentBytes += segment.bytes
            if opened.count > segment.bytes { report.leftovers.append("\(file): \(opened.count - segment.bytes) bytes behind its end") }
            return opened
        } catch {
            let blocks = snapshot.sealed.filter { $0.row.segment == segment.id && $0.setAside == nil }.map(\.row)
            report.findings.append(
                LogVerification.Finding(
                    kind: .missingSegment,
                    file: file,
                    number: segment.id,
                    rows: blocks.reduce(0) { $0 + $1.count },
                    from: blocks.map(\.from).min(),
                    to: blocks.map(\.to).max(),
                    detail: "\(error)"
                )
            )
            return nil
        }
    }

    private mutating func check(_ row: SealedRow, in file: DiskFile, behind last: Int) {
        func finding(_ kind: LogVerification.Finding.Kind, _ detail: String) -> LogVerification.Finding {
            LogVerification.Finding(
                kind: kind,
                file: "segments/\(SegmentRow.name(row.segment))",
                bytes: row.range,
                number: row.number,
                rows: row.count,
                from: row.from,
                to: row.to,
                detail: detail
            )
        }
        guard row.range.upperBound <= file.count else {
            report.findings.append(finding(.cutSegment, "the file ends at byte \(file.count), before the block's end at \(row.range.upperBound)"))
            return
        }
        if row.range.lowerBound < last {
            report.findings.append(
                finding(.directory, "the block begins at byte \(row.range.lowerBound), before the end of the one before it at \(last)")
            )
        }
        let block = row.block(in: file)
        do throws(SealedError) {
            if let difference = try Self.verify(block) { report.findings.append(finding(.directory, difference)) }
        } catch {
            report.findings.append(finding(.block, "\(error)"))
        }
    }

    /// Reads and decodes all of a block. What the directory says wrongly of it, or nil.
    private static func verify(_ block: SealedBlock) throws(SealedError) -> String? {
        let count: Int
        switch block.kind {
        case .events:
            let events = try SealedEvents(block)
            try events.verify()
            count = events.count
        case .samples:
            count = try SealedSamples(block).verify()
        case .alerts:
            count = try PlainSealer.arrivals(block).reduce(0) { $0 + $1.count }
        }
        return count == block.count ? nil : "the block holds \(count) rows where the directory says \(block.count)"
    }

    private mutating func check(_ group: WordGroupRow, in file: DiskFile?) {
        guard let file else { return }
        let detail: String
        if group.range.upperBound > file.count {
            detail = "the file ends at byte \(file.count), before the end of a group of \(group.blocks.count) filters at \(group.range.upperBound)"
        } else {
            guard (try? group.isWhole(in: file)) != true else { return }
            detail = "the checksum of a group of \(group.blocks.count) filters does not hold"
        }
        report.findings.append(
            LogVerification.Finding(
                kind: .words,
                file: "segments/\(SegmentRow.name(group.segment))",
                bytes: group.range,
                rows: 0,
                detail: detail
            )
        )
    }

    private mutating func listLeftovers(_ snapshot: JournalSnapshot) {
        let known = Set(snapshot.segments.map(\.name))
        let names = (try? FolderContent.names(StorageConfig(path: path).segmentsPath)) ?? []
        for name in names.sorted() where !known.contains(name) { report.leftovers.append("segments/\(name): named by nobody") }
    }
}
