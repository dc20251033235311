import Glibc

/// Whether a folder takes bytes: found out by writing some.
enum SpoolDisk {
    /// As much as opening a spool needs, and the first collections.
    private static let probeBytes = 512 * 1024

    /// Nil: it can be written, or it is not the disk that prevents it; else the reason, in words.
    static func problem(of folder: String) -> String? {
        var place = folder
        while unsafe access(place, F_OK) != 0, let slash = place.lastIndex(of: "/"), slash > place.startIndex { place = String(place[..<slash]) }
        let path = "\(place)/.tocsin-probe-\(getpid())"
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return words(errno) }
        defer {
            close(descriptor)
            unsafe unlink(path)
        }
        let bytes = [UInt8](repeating: 0, count: probeBytes)
        let written = unsafe write(descriptor, bytes, bytes.count)
        guard written >= 0 else { return words(errno) }
        guard written == bytes.count else { return words(ENOSPC) }
        return fsync(descriptor) == 0 ? nil : words(errno)
    }

    /// Nil: something else than the disk, such as a right that is missing.
    private static func words(_ code: Int32) -> String? {
        switch code {
        case ENOSPC, EDQUOT, EROFS, EIO: unsafe String(cString: strerror(code))
        default: nil
        }
    }
}
