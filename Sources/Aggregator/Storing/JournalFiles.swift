import Glibc
import SQLite
import Telemetry

/// The journal's files on disk, and where they go when they cannot be followed any more. Nothing is deleted.
struct JournalFiles {
    private let path: String
    /// Beside a journal whose write-ahead log had lost commits when it was set aside: SQLite leaves no trace of that. It goes first.
    private static let cutSuffix = "-cut"
    /// A journal in memory, or on a disk of a test's own, has no files here.
    private static let suffixes = [cutSuffix, "", "-wal", "-shm"]

    init(_ config: StorageConfig) { path = config.databasePath }

    /// A journal that was set aside and whose content has not been taken over yet: a crash in the middle begins again with it.
    var salvagePath: String { path + ".salvage" }
    var hasSalvage: Bool { Self.suffixes.contains { Self.exists(salvagePath + $0) } }
    /// The file is gone and something of it is left: SQLite would throw that away.
    var isBeheaded: Bool { !Self.exists(path) && Self.exists(path + "-wal") }

    /// Bytes at the end of the write-ahead log that SQLite is about to throw away though they were committed; nil: none.
    var lostBytes: Int? {
        let log = WriteAheadLog(path: path + "-wal", pageBytes: LogSchema.connectionOptions().pageBytes)
        return log.hidesCommits ? log.bytesBehind : nil
    }
    /// Whether the journal that was set aside had lost commits.
    var hasLostCommits: Bool { Self.exists(salvagePath + Self.cutSuffix) }

    func setAside(hasLostCommits: Bool = false) {
        if hasLostCommits { unsafe close(creat(path + Self.cutSuffix, 0o600)) }
        move(path, to: salvagePath)
    }

    /// What could be taken over is in the new journal.
    /// - Returns: where the old one lies now.
    func finish(at now: Timestamp) -> String {
        let kept = path + ".corrupt-" + now.rfc3339.map { $0 == ":" ? "-" : String($0) }.joined()
        move(salvagePath, to: kept)
        return kept
    }

    private func move(_ path: String, to other: String) {
        for suffix in Self.suffixes where Self.exists(path + suffix) { unsafe rename(path + suffix, other + suffix) }
        try? FolderContent.sync(FolderContent.parent(of: path))
    }

    private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}
