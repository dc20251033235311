import Glibc
import Synchronization
import Telemetry

/// Segments as files of a folder.
final class SegmentFolder: SegmentFiles {
    private let path: String

    /// Makes the folder when it is missing.
    init(_ path: String) throws(LogError) {
        if unsafe mkdir(path, 0o750) == 0 {
            // The new folder's name is in its parent.
            try SegmentFolder.sync(folder: path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".")
        } else if errno != EEXIST {
            throw DiskFile.error("cannot make the folder \(path)")
        }
        self.path = path
    }

    func names() throws(LogError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw DiskFile.error("cannot list \(path)") }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    func create(_ name: String) throws(LogError) -> any SegmentFile {
        let file = try DiskFile("\(path)/\(name)", flags: O_RDWR | O_CREAT | O_EXCL)
        try SegmentFolder.sync(folder: path)
        return file
    }

    func open(_ name: String) throws(LogError) -> any SegmentFile { try DiskFile("\(path)/\(name)", flags: O_RDWR) }

    func remove(_ name: String) throws(LogError) {
        guard unsafe unlink("\(path)/\(name)") == 0 || errno == ENOENT else { throw DiskFile.error("cannot remove \(path)/\(name)") }
        try SegmentFolder.sync(folder: path)
    }

    private static func sync(folder path: String) throws(LogError) {
        let descriptor = unsafe Glibc.open(path.isEmpty ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DiskFile.error("cannot open the folder \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw DiskFile.error("cannot sync the folder \(path)") }
    }
}

/// One file of the folder; closed when the last who reads it is gone.
final class DiskFile: SegmentFile {
    private let path: String
    private let descriptor: Int32
    private let end: Atomic<Int>

    init(_ path: String, flags: Int32) throws(LogError) {
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw DiskFile.error("cannot open \(path)") }
        var information = stat()
        guard unsafe fstat(descriptor, &information) == 0 else {
            let error = DiskFile.error("cannot ask for the size of \(path)")
            close(descriptor)
            throw error
        }
        (self.path, self.descriptor) = (path, descriptor)
        end = Atomic(Int(information.st_size))
    }

    deinit { close(descriptor) }

    var count: Int { end.load(ordering: .acquiring) }

    func append(_ bytes: [UInt8]) throws(LogError) -> Range<Int> {
        let start = end.load(ordering: .relaxed)
        var written = 0
        while written < bytes.count {
            let code = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress! + written, bytes.count - written, off_t(start + written))
            }
            if code < 0, errno == EINTR { continue }
            guard code > 0 else { throw DiskFile.error("cannot write \(bytes.count) bytes to \(path)") }
            written += code
        }
        end.store(start + bytes.count, ordering: .releasing)
        return start..<start + bytes.count
    }

    func sync() throws(LogError) {
        guard fdatasync(descriptor) == 0 else { throw DiskFile.error("cannot sync \(path)") }
    }

    func read(_ range: Range<Int>) throws(LogError) -> [UInt8] {
        var problem: LogError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            while count < range.count {
                let code = unsafe pread(descriptor, buffer.baseAddress! + count, range.count - count, off_t(range.lowerBound + count))
                if code < 0, errno == EINTR { continue }
                if code <= 0 {
                    problem =
                        code == 0 ? .unreadable("\(path) ends before byte \(range.upperBound): it was cut") : DiskFile.error("cannot read \(path)")
                    return
                }
                count += code
            }
        }
        if let problem { throw problem }
        return bytes
    }

    func truncate(to count: Int) throws(LogError) {
        guard ftruncate(descriptor, off_t(count)) == 0, fsync(descriptor) == 0 else { throw DiskFile.error("cannot cut \(path) to \(count) bytes") }
        end.store(count, ordering: .releasing)
    }

    /// What `errno` says.
    static func error(_ what: String) -> LogError {
        let code = errno
        let reason = unsafe String(cString: strerror(code))
        if code == ENOSPC || code == EDQUOT {
            return .full("\(what): \(reason); free some space or lower storage.retention, senders keep their data until then")
        }
        // A sector that the disk cannot read stays so: whoever waits for it waits for ever.
        if code == EIO { return .unreadable("\(what): \(reason); check the disk and the kernel's log") }
        return .failed("\(what): \(reason); check the disk and the kernel's log")
    }
}
