import Blocks
import Glibc
import Telemetry

/// Copies of files, piece by piece, with a checksum of what was copied.
enum FileCopy {
    private static let pieceBytes = 1 << 20

    /// Copies the first `count` bytes of a file into a new one, and syncs it.
    /// - Parameter progress: called with the bytes of each piece.
    /// - Returns: the checksum: XXH64 over the pieces of 1 MiB, each seeded with the one before.
    static func copy(_ source: any SegmentFile, count: Int, to path: String, progress: (Int) -> Void) throws(LogError) -> UInt64 {
        let target = try DiskFile(path, flags: O_RDWR | O_CREAT | O_EXCL)
        var (sum, offset) = (UInt64(0), 0)
        while offset < count {
            let piece = try source.read(offset..<min(offset + pieceBytes, count))
            sum = Checksum.xxh64(piece.span, seed: sum)
            _ = try target.append(piece)
            offset += piece.count
            progress(piece.count)
        }
        try target.sync()
        return sum
    }

    /// The same checksum of a file that is there.
    static func checksum(_ path: String, progress: (Int) -> Void = { _ in }) throws(LogError) -> (bytes: Int, sum: UInt64) {
        let file = try DiskFile(path, flags: O_RDONLY)
        var (sum, offset) = (UInt64(0), 0)
        while offset < file.count {
            let piece = try file.read(offset..<min(offset + pieceBytes, file.count))
            sum = Checksum.xxh64(piece.span, seed: sum)
            offset += piece.count
            progress(piece.count)
        }
        return (file.count, sum)
    }
}
