import Glibc
import Telemetry

/// What stays the same when a file is renamed.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
}

/// What fstat says about a file. Source: stat(2).
struct FileInformation: Equatable {
    let identity: FileIdentity
    let size: UInt64
    /// Nanoseconds since the epoch.
    let modified: Int64
    /// 0: the file has no name any more.
    let links: Int
    private let mode: UInt32

    /// Follows symbolic links. Nil: there is no such file, or it is not ours to look at; `errno` says which.
    init?(path: String) {
        var answer = stat()
        guard unsafe stat(path, &answer) == 0 else { return nil }
        self.init(answer)
    }

    init?(descriptor: Int32) {
        var answer = stat()
        guard unsafe fstat(descriptor, &answer) == 0 else { return nil }
        self.init(answer)
    }

    private init(_ answer: stat) {
        identity = FileIdentity(device: UInt64(answer.st_dev), inode: UInt64(answer.st_ino))
        size = UInt64(max(0, answer.st_size))
        modified = Int64(answer.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(answer.st_mtim.tv_nsec)
        (links, mode) = (Int(answer.st_nlink), answer.st_mode)
    }

    var isRegular: Bool { mode & S_IFMT == S_IFREG }
    var isFolder: Bool { mode & S_IFMT == S_IFDIR }

    /// What it is instead of a regular file, for the operator.
    var kind: String {
        switch mode & S_IFMT {
        case S_IFDIR: "a folder"
        case S_IFIFO: "a FIFO"
        case S_IFSOCK: "a socket"
        case S_IFCHR, S_IFBLK: "a device"
        default: "no regular file"
        }
    }
}

/// A hash of a file's first bytes: an inode that was used again, and a file that was emptied and has grown past the old place, are told apart
/// from the file that was read.
struct FileHead: Equatable {
    var hash: UInt64
    var length: UInt32

    static let empty = FileHead(hash: 0, length: 0)

    init(hash: UInt64, length: UInt32) { (self.hash, self.length) = (hash, length) }

    /// Of the first `length` bytes; nil when the file does not have so many.
    init?(of descriptor: Int32, length: Int) {
        guard length > 0 else {
            self = .empty
            return
        }
        var bytes = [UInt8](repeating: 0, count: length)
        guard FileReading.read(descriptor, at: 0, into: &bytes, count: length) == length else { return nil }
        // FNV-1a, 64 bits.
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        // Databases keep signed numbers.
        (hash, self.length) = (value >> 1, UInt32(length))
    }

    /// Whether the file still begins with these bytes.
    func matches(_ descriptor: Int32) -> Bool { FileHead(of: descriptor, length: Int(length)) == self }
}

enum FileReading {
    /// pread(2) until `count` bytes are there or the file ends. -1: it failed, `errno` says why.
    static func read(_ descriptor: Int32, at offset: UInt64, into bytes: inout [UInt8], count: Int) -> Int {
        unsafe bytes.withUnsafeMutableBytes { buffer in
            var used = 0
            while used < count, let base = buffer.baseAddress {
                let got = unsafe pread(descriptor, base + used, count - used, off_t(offset) + off_t(used))
                if got < 0 {
                    if errno == EINTR { continue }
                    return used > 0 ? used : -1
                }
                if got == 0 { break }
                used += got
            }
            return used
        }
    }
}
