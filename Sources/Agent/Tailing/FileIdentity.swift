import Glibc
import Telemetry

/// What stays the same when a file is renamed.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
}

extension ReadPosition {
    var identity: FileIdentity { FileIdentity(device: device, inode: inode) }
}

/// What fstat says about a file. Source: stat(2).
struct FileInformation: Equatable {
    let identity: FileIdentity
    /// Of what is in it: ``FileContent`` puts the inflated size here.
    var size: UInt64
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

/// What a file held where it was read: a hash of its first bytes, and one of the bytes right before a position. An inode that was used again, and
/// a file that was emptied and has grown past the old place, are told apart by them from the file that was read.
struct FileMarks: Equatable {
    struct Mark: Equatable {
        var hash: UInt64 = 0
        var length: UInt32 = 0
    }

    var head = Mark()
    var tail = Mark()

    init() {}

    init(_ position: ReadPosition) {
        head = Mark(hash: position.headHash, length: position.headLength)
        tail = Mark(hash: position.tailHash, length: position.tailLength)
    }

    /// Whether something was read, so that another file can be told apart at all.
    var isEmpty: Bool { head.length == 0 }

    /// Whether these bytes still stand in the file.
    func match(_ content: FileContent, at offset: UInt64) -> Bool {
        if head.length > 0, Self.mark(of: content, at: 0, length: Int(head.length)) != head { return false }
        guard tail.length > 0, UInt64(tail.length) <= offset else { return true }
        return Self.mark(of: content, at: offset - UInt64(tail.length), length: Int(tail.length)) == tail
    }

    /// Whether the file begins with the bytes of the head.
    func matchHead(_ content: FileContent) -> Bool { Self.mark(of: content, at: 0, length: Int(head.length)) == head }

    /// Takes more of the file's beginning into the head, as long as it is short.
    mutating func extendHead(of content: FileContent, upTo size: UInt64) {
        let wanted = Int(min(size, UInt64(TailingLimits.headBytesMax)))
        if wanted > Int(head.length), let longer = Self.mark(of: content, at: 0, length: wanted) { head = longer }
    }

    /// The bytes right before a position, as they were read.
    mutating func setTail(_ bytes: ArraySlice<UInt8>) {
        let last = bytes.suffix(TailingLimits.tailBytesMax)
        tail = Mark(hash: Self.hash(last), length: UInt32(last.count))
    }

    /// The bytes right before a position, as they stand in the file.
    mutating func setTail(of content: FileContent, at offset: UInt64) {
        let length = Int(min(offset, UInt64(TailingLimits.tailBytesMax)))
        tail = length > 0 ? Self.mark(of: content, at: offset - UInt64(length), length: length) ?? Mark() : Mark()
    }

    /// Nil when the file does not have so many bytes.
    static func mark(of content: FileContent, at offset: UInt64, length: Int) -> Mark? {
        var bytes = [UInt8](repeating: 0, count: length)
        guard content.read(at: offset, into: &bytes, count: length) == length else { return nil }
        return Mark(hash: hash(bytes[...]), length: UInt32(length))
    }

    /// FNV-1a, 64 bits, without its last one: databases keep signed numbers.
    private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return value >> 1
    }
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
