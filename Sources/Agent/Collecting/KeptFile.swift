import Glibc
import Synchronization

/// A file of /proc or /sys that is read at each collection, kept open between them: to open, read and close
/// one of /sys costs 8 µs here, to read it again 1; one of /proc 3 to 9 µs more than reading it again.
/// A file that has gone (a device pulled out, a module unloaded) is closed and opened anew, so that the next one by its name is found.
///
/// One thread reads it at a time, as it does the collector that owns it.
final class KeptFile: Sendable {
    /// How the kernel hands the text over: what a reading that did not fill its buffer means.
    enum Form: Sendable {
        /// Written by one function, which is called once (single_open, the attributes of sysfs and sysctl): such a reading has all of it.
        case onePiece
        /// Written record by record, none longer than this, into a page at least (seq_file): such a reading has all of it when one more record would have
        /// fitted into the page.
        case records(bytesMax: Int)
        /// Read until nothing comes.
        case unknown
    }

    /// How many are open in this process.
    private static let held = Atomic<Int>(0)
    /// The smallest page that a kernel has.
    private static let pageBytesMin = 4096

    let path: String
    private let form: Form
    private let descriptor = Atomic<Int32>(-1)
    /// How long the file was last time: one reading then usually needs one buffer.
    private let expected = Atomic<Int>(1024)

    /// - Parameters:
    ///   - path: from the root, as `proc/stat`.
    ///   - form: nil: by its place. Attributes of /sys and /proc/sys are of one piece.
    init(_ path: String, _ form: Form? = nil) {
        self.path = path
        self.form = form ?? (path.hasPrefix("sys/") || path.hasPrefix("proc/sys/") ? .onePiece : .unknown)
    }

    deinit { release() }

    /// Reads the whole file as it is now.
    /// - Throws: `.unreadable`, or `.tooLarge` past ``CollectingLimits/fileBytesMax``.
    func read(from files: KernelFiles) throws(CollectError) -> [UInt8] {
        // A fixture's files are replaced by others of the same name; the kernel's are not.
        guard files.isRunningKernel else { return try files.read(path) }
        let kept = descriptor.load(ordering: .relaxed)
        if kept >= 0 {
            do throws(CollectError) { return try whole(kept, files) } catch {
                // The file is there and does not say now: to open it anew would tell the same.
                if Self.isSilence(error) { throw error }
                release()
                if case .tooLarge = error { throw error }
            }
        }
        let opened = unsafe open(files.root + "/" + path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw .unreadable(path: files.root + "/" + path, errno: errno) }
        guard Self.held.add(1, ordering: .relaxed).newValue <= CollectingLimits.keptFilesMax else {
            Self.held.subtract(1, ordering: .relaxed)
            defer { close(opened) }
            return try whole(opened, files)
        }
        descriptor.store(opened, ordering: .relaxed)
        do throws(CollectError) { return try whole(opened, files) } catch {
            if !Self.isSilence(error) { release() }
            throw error
        }
    }

    /// What an attribute of a device answers that has no value for it: the speed of a virtual interface, the carrier of one that is down. One that has
    /// gone answers ENODEV.
    private static func isSilence(_ error: CollectError) -> Bool {
        guard case .unreadable(_, let code) = error else { return false }
        return code == EINVAL || code == EOPNOTSUPP
    }

    /// The same, with nil for what ``KernelFiles/isAbsence(_:)`` calls absent.
    func readIfPresent(from files: KernelFiles) throws(CollectError) -> [UInt8]? {
        do {
            return try read(from: files)
        } catch .unreadable(_, let code) where KernelFiles.isAbsence(code) {
            return nil
        }
    }

    private func whole(_ descriptor: Int32, _ files: KernelFiles) throws(CollectError) -> [UInt8] {
        var bytes = [UInt8]()
        var used = 0
        // One byte more than last time: the reading that finds the end is then the same that finds the text, for files of one piece.
        var room = expected.load(ordering: .relaxed) + 512
        while true {
            guard used + room <= CollectingLimits.fileBytesMax else { throw .tooLarge(path: files.root + "/" + path) }
            var count = 0
            let before = bytes
            bytes = unsafe [UInt8](unsafeUninitializedCapacity: used + room) { buffer, initialized in
                for index in 0..<used { unsafe buffer.initializeElement(at: index, to: before[index]) }
                (count, initialized) = unsafe fill(buffer, from: used, of: descriptor)
            }
            if count < 0 { throw .unreadable(path: files.root + "/" + path, errno: Int32(-count)) }
            if bytes.count < used + room { break }
            (used, room) = (bytes.count, bytes.count)
        }
        expected.store(bytes.count, ordering: .relaxed)
        return bytes
    }

    /// Reads until the buffer is full or the file ends: -errno or 0, and how much of the buffer is filled.
    private func fill(_ buffer: UnsafeMutableBufferPointer<UInt8>, from start: Int, of descriptor: Int32) -> (Int, Int) {
        var used = start
        while used < buffer.count {
            let count = unsafe pread(descriptor, buffer.baseAddress.map { unsafe $0 + used }, buffer.count - used, off_t(used))
            if count < 0 {
                if errno == EINTR { continue }
                return (-Int(errno), used)
            }
            used += count
            if count == 0 || used < buffer.count && isEnd(after: count) { break }
        }
        return (0, used)
    }

    /// Whether a reading of so many bytes, which was given room for more, is the last one.
    private func isEnd(after count: Int) -> Bool {
        switch form {
        case .onePiece: count < Self.pageBytesMin
        case .records(let bytesMax): count + bytesMax < Self.pageBytesMin
        case .unknown: false
        }
    }

    private func release() {
        let held = descriptor.exchange(-1, ordering: .relaxed)
        guard held >= 0 else { return }
        close(held)
        Self.held.subtract(1, ordering: .relaxed)
    }
}
