import Glibc

/// Where /proc and /sys are read, and the few system calls whose answers stand in no file. The fixture seam: tests give a copied tree and
/// answers of their own.
package struct KernelFiles: Sendable {
    /// The folder that holds `proc`, `sys` and `run`; empty for the running kernel.
    package let root: String
    package let calls: KernelCalls

    package init(root: String = "", calls: KernelCalls = .live) { (self.root, self.calls) = (root, calls) }

    /// Files of the kernel that we run on, not of a copied tree.
    var isRunningKernel: Bool { root.isEmpty }

    /// Reads a whole file.
    /// - Parameter path: from the root, as `proc/stat`.
    /// - Throws: `.unreadable`, or `.tooLarge` past ``CollectingLimits/fileBytesMax``.
    package func read(_ path: String) throws(CollectError) -> [UInt8] {
        let absolute = root + "/" + path
        let descriptor = unsafe open(absolute, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path: absolute, errno: errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        var used = 0
        while true {
            // Files of /proc say that their size is 0: read until nothing comes.
            if used == bytes.count {
                guard used < CollectingLimits.fileBytesMax else { throw .tooLarge(path: absolute) }
                bytes.append(contentsOf: repeatElement(0, count: used))
            }
            let room = used..<bytes.count
            let count = unsafe bytes.withUnsafeMutableBytes { all in
                unsafe Glibc.read(descriptor, UnsafeMutableRawBufferPointer(rebasing: all[room]).baseAddress, room.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .unreadable(path: absolute, errno: errno)
            }
            if count == 0 { break }
            used += count
        }
        bytes.removeLast(bytes.count - used)
        return bytes
    }

    /// The same, with nil for what ``isAbsence(_:)`` calls absent.
    func readIfPresent(_ path: String) throws(CollectError) -> [UInt8]? {
        do {
            return try read(path)
        } catch .unreadable(_, let code) where Self.isAbsence(code) {
            return nil
        }
    }

    /// Not there, not ours to read, or a device that does not answer for it (EINVAL of a virtual one, ENXIO or EIO of a sensor that sleeps).
    static func isAbsence(_ code: Int32) -> Bool {
        switch code {
        case ENOENT, ENOTDIR, EACCES, EPERM, EINVAL, ENODEV, ENXIO, EIO, EOPNOTSUPP, ENODATA: true
        default: false
        }
    }

    /// The number that is all of a file's text. The kernel ends it with a line feed: without one it may be the first digits of a longer one.
    func count(in bytes: [UInt8], of path: String) throws(CollectError) -> UInt64 {
        let text = bytes.span
        guard bytes.last == UInt8(ascii: "\n"), let value = text.unsigned(in: text.trimmed()) else {
            throw malformed(path, line: 1, "not a whole number")
        }
        return value
    }

    /// What is wrong in a line of a file.
    func malformed(_ path: String, line: Int, _ problem: String) -> CollectError { .malformed(path: root + "/" + path, line: line, problem: problem) }

    /// What a name stands for, itself: for a link of /sys/class, the device behind it. nil: nothing is there.
    func identity(of path: String) -> UInt64? {
        var answer = stat()
        return unsafe lstat(root + "/" + path, &answer) == 0 ? UInt64(answer.st_ino) : nil
    }

    /// The parts of the path that a link leads to; nil: it leads nowhere.
    func resolved(_ path: String) -> [Substring]? {
        guard let text = unsafe realpath(root + "/" + path, nil) else { return nil }
        defer { unsafe free(text) }
        return unsafe String(cString: text).split(separator: "/")
    }

    /// Names of a folder that may not be there, sorted.
    func namesIfPresent(in path: String) throws(CollectError) -> [String] {
        do {
            return try names(in: path).sorted()
        } catch .unreadable(_, let code) where Self.isAbsence(code) {
            return []
        }
    }

    /// Names of a folder, without `.` and `..`, unsorted.
    func names(in path: String) throws(CollectError) -> [String] {
        let absolute = root + "/" + path
        guard let folder = unsafe opendir(absolute) else { throw .unreadable(path: absolute, errno: errno) }
        defer { unsafe closedir(folder) }
        var names = [String]()
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
