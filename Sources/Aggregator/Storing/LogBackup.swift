import Glibc
import SQLite
package import Telemetry

/// A copy of the log and its companions into an empty folder, and back. The copy is taken while the aggregator runs and is the log as it was at one
/// moment: the journal by SQLite's own copy inside one transaction, segments up to the ends that this journal records (they only grow).
///
/// Blocking.
package enum LogBackup {
    package struct Progress: Sendable, Hashable {
        package var bytesDone: Int
        package var bytesTotal: Int
    }

    /// How often the journal is looked at again when retention has removed a segment between looking and opening it.
    private static let attemptsMax = 5

    /// - Parameters:
    ///   - path: `storage.path`; an aggregator may be using it.
    ///   - target: a folder that is empty, or not there.
    ///   - companions: other databases in the folder. They are copied first: what they have read of the log is in the journal that is copied after them.
    /// - Throws: what was copied until then stays, without its list of files: it is no backup.
    package static func take(
        of path: String,
        to target: String,
        companions: [String] = [],
        now: Timestamp,
        progress: (Progress) -> Void = { _ in }
    ) throws(LogError) -> BackupManifest {
        let journal = StorageConfig(path: path).databasePath
        guard unsafe access(journal, F_OK) == 0 else { throw .failed("there is no log in \(path): \(journal) is missing") }
        try requireEmpty(target, for: "a backup goes into a folder of its own")
        try FolderContent.make(target)
        try FolderContent.make("\(target)/segments")
        var files: [BackupManifest.File] = []
        func add(_ name: String) throws(LogError) {
            let (bytes, sum) = try FileCopy.checksum("\(target)/\(name)")
            files.append(BackupManifest.File(name: name, bytes: bytes, checksum: sum))
        }
        for name in companions where unsafe access("\(path)/\(name)", F_OK) == 0 {
            do throws(SQLiteError) { try Connection(path: "\(path)/\(name)", options: .readOnly).copy(to: "\(target)/\(name)") } catch {
                throw .failed("\(name) cannot be copied: \(error)")
            }
            try add(name)
        }
        let (snapshot, segments) = try open(path, journal)
        let name = String(journal.dropFirst(path.utf8.count + 1))
        let rows: Int
        do throws(SQLiteError) {
            try snapshot.connection.copy(to: "\(target)/\(name)")
            let waiting = try snapshot.connection.first("SELECT coalesce(sum(rows), 0) FROM arrivals") { (row) throws(SQLiteError) in
                Int(row.integer(0))
            }
            rows = snapshot.sealed.reduce(waiting ?? 0) { $0 + $1.row.count }
            // The files are open: from here on nobody needs to keep anything for us.
            try snapshot.close()
        } catch {
            throw .failed("the journal cannot be copied: \(error)")
        }
        try add(name)
        var done = 0
        let total = segments.reduce(0) { $0 + $1.row.bytes }
        for (row, file) in segments {
            guard file.count >= row.bytes else {
                throw .failed(
                    "segments/\(row.name) ends at byte \(file.count) of \(row.bytes): look with `verify`; what is left can be copied with the aggregator stopped"
                )
            }
            let sum = try FileCopy.copy(file, count: row.bytes, to: "\(target)/segments/\(row.name)") { bytes in
                done += bytes
                progress(Progress(bytesDone: done, bytesTotal: total))
            }
            files.append(BackupManifest.File(name: "segments/\(row.name)", bytes: row.bytes, checksum: sum))
        }
        try FolderContent.sync("\(target)/segments")
        let manifest = BackupManifest(takenAt: now, end: snapshot.end, rows: rows, files: files)
        let list = try DiskFile("\(target)/\(BackupManifest.name).partial", flags: O_RDWR | O_CREAT | O_EXCL)
        _ = try list.append(Array(manifest.json.utf8))
        try list.sync()
        try FolderContent.rename("\(target)/\(BackupManifest.name).partial", to: "\(target)/\(BackupManifest.name)")
        return manifest
    }

    /// The journal at one moment, and its segments open.
    private static func open(_ path: String, _ journal: String) throws(LogError) -> (JournalSnapshot, [(row: SegmentRow, file: DiskFile)]) {
        var attempt = 1
        while true {
            let snapshot: JournalSnapshot
            do throws(SQLiteError) { snapshot = try JournalSnapshot(journal) } catch { throw .failed("the journal cannot be read: \(error)") }
            do throws(LogError) {
                var segments: [(row: SegmentRow, file: DiskFile)] = []
                for row in snapshot.segments { segments.append((row, try DiskFile("\(path)/segments/\(row.name)", flags: O_RDONLY))) }
                return (snapshot, segments)
            } catch {
                if attempt == attemptsMax { throw error }
                attempt += 1
            }
        }
    }

    /// Copies a backup to where an aggregator will look for its log. Every checksum is compared; the journal comes into its place last, so that a restore that
    /// was broken off is no log.
    /// - Parameter path: a folder that is empty, or not there; no aggregator may run on it.
    package static func restore(_ backup: String, to path: String, progress: (Progress) -> Void = { _ in }) throws(LogError) -> BackupManifest {
        let manifest = try BackupManifest(readingFrom: backup)
        try requireEmpty(path, for: "a backup is restored into an empty folder only: move what is there away, or give another storage.path")
        let isNew = unsafe access(path, F_OK) != 0
        try FolderContent.make(path)
        if isNew { try FolderContent.giveToOwner(of: FolderContent.parent(of: path), path) }
        try FolderContent.make("\(path)/segments")
        try FolderContent.giveToOwner(of: path, "\(path)/segments")
        let journal = String(StorageConfig(path: path).databasePath.dropFirst(path.utf8.count + 1))
        guard manifest.files.contains(where: { $0.name == journal }) else {
            throw .failed("\(backup) holds no journal (\(journal)): take another backup")
        }
        var done = 0
        for file in manifest.files {
            let source = try DiskFile("\(backup)/\(file.name)", flags: O_RDONLY)
            let target = "\(path)/\(file.name)" + (file.name == journal ? ".restoring" : "")
            guard source.count == file.bytes else {
                throw .failed("\(backup)/\(file.name) has \(source.count) bytes instead of \(file.bytes): the backup is damaged, use another one")
            }
            let sum = try FileCopy.copy(source, count: file.bytes, to: target) { bytes in
                done += bytes
                progress(Progress(bytesDone: done, bytesTotal: manifest.bytes))
            }
            guard sum == file.checksum else {
                throw .failed(
                    "\(backup)/\(file.name) is damaged (its checksum is wrong): use another backup; \(path) holds half of this one, empty it"
                )
            }
            try FolderContent.giveToOwner(of: path, target)
        }
        try FolderContent.sync("\(path)/segments")
        try FolderContent.rename("\(path)/\(journal).restoring", to: "\(path)/\(journal)")
        return manifest
    }

    private static func requireEmpty(_ path: String, for reason: String) throws(LogError) {
        guard unsafe access(path, F_OK) == 0 else { return }
        let names = try FolderContent.names(path)
        guard names.isEmpty else {
            throw .failed("\(path) is not empty (\(names.sorted().prefix(3).joined(separator: ", "))\(names.count > 3 ? ", …" : "")): \(reason)")
        }
    }
}
