import Glibc

/// A folder of /proc or /sys held open, so that many small files in it are read without walking the path each time, into one buffer.
struct OpenFolder: ~Copyable {
    private let descriptor: Int32
    /// As an error names it.
    let path: String

    /// - Parameter path: from the tree's root, as `proc`.
    init(_ path: String, of files: KernelFiles) throws(CollectError) {
        self.path = files.root + "/" + path
        descriptor = unsafe open(self.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path: self.path, errno: errno) }
    }

    deinit { close(descriptor) }

    /// Reads one file from its beginning.
    /// - Returns: how many bytes of the buffer are the file's, at most its size; nil when the file cannot be read: `errno` says why.
    func read(_ name: String, into buffer: inout [UInt8]) -> Int? {
        let file = unsafe openat(descriptor, name, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var used = 0
        while used < buffer.count {
            let room = used..<buffer.count
            let count = unsafe buffer.withUnsafeMutableBytes { all in
                unsafe Glibc.read(file, UnsafeMutableRawBufferPointer(rebasing: all[room]).baseAddress, room.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            // The kernel writes files of this kind in one piece; a short read that is no end is asked again.
            if count == 0 { break }
            used += count
        }
        return used
    }

    /// How many entries a folder in this one has, without `.` and `..`; nil when it cannot be read.
    func count(in name: String) -> Int? {
        let folder = unsafe openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return nil }
        guard let stream = unsafe fdopendir(folder) else {
            close(folder)
            return nil
        }
        defer { unsafe closedir(stream) }
        var count = -2
        while unsafe readdir(stream) != nil { count += 1 }
        return max(0, count)
    }
}
