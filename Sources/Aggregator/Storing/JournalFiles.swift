import Glibc
import Telemetry

/// The journal's files on disk, and where they go when they cannot be followed any more. Nothing is deleted.
struct JournalFiles {
    private let path: String
    /// A journal in memory, or on a disk of a test's own, has no files here.
    private static let suffixes = ["", "-wal", "-shm"]

    init(_ config: StorageConfig) { path = config.databasePath }

    /// A journal that was set aside and whose content has not been taken over yet: a crash in the middle begins again with it.
    var salvagePath: String { path + ".salvage" }
    var hasSalvage: Bool { Self.suffixes.contains { Self.exists(salvagePath + $0) } }
    /// The file is gone and something of it is left: SQLite would throw that away.
    var isBeheaded: Bool { !Self.exists(path) && Self.exists(path + "-wal") }

    func setAside() { move(path, to: salvagePath) }

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
