import Glibc

/// Where /proc and /sys are read, and the few system calls whose answers stand in no file. The fixture seam: tests give a copied tree and
/// answers of their own.
package struct KernelFiles: Sendable {
    /// The folder that holds `proc`, `sys` and `run`; empty for the running kernel.
    package let root: String
    package let calls: KernelCalls

    package init(root: String = "", calls: KernelCalls = .live) { (self.root, self.calls) = (root, calls) }

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

    /// The same, with nil for a file that is not there, not ours to read, or that the device does not answer for (EINVAL of a virtual one).
    func readIfPresent(_ path: String) throws(CollectError) -> [UInt8]? {
        do {
            return try read(path)
        } catch .unreadable(_, let code) where [ENOENT, ENOTDIR, EACCES, EPERM, EINVAL, ENODEV, EOPNOTSUPP].contains(code) {
            return nil
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
