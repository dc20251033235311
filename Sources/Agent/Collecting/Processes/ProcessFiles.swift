import Glibc

/// `/proc` and the `stat` files of the processes in it. Of the running kernel `/proc` stays open, and so does the file of each process: to open,
/// read and close one costs 11 µs here, to read it again 5. The file of a process that ended answers ESRCH, also when another has taken its
/// number: it is closed then, and the number looked up anew.
///
/// An open file holds its inode and a page of the kernel's memory, 5 KiB; never the process. One thread reads at a time, as does the collector that owns
/// this.
@safe
final class ProcessFiles: @unchecked Sendable {
    /// How many stay open: descriptors are wanted for followed files.
    private let keptMax: Int
    /// Names are read from it, and files opened in it.
    private let stream: OpaquePointer
    private let descriptor: Int32
    /// By pid.
    private var kept: [ProcessFile] = []
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(of files: KernelFiles) throws(CollectError) {
        var limit = rlimit()
        let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        // The files of a copied tree are replaced by others of the same name.
        keptMax = files.isRunningKernel && isKnown ? Int(min(limit.rlim_cur / 8, rlim_t(ProcessLimits.keptFilesMax))) : 0
        guard let stream = unsafe opendir(files.root + "/proc") else { throw .unreadable(path: files.root + "/proc", errno: errno) }
        unsafe (self.stream, descriptor) = (stream, dirfd(stream))
    }

    deinit { unsafe closedir(stream) }

    /// Calls `body` with each process's number and its `stat`, by number; `isSame`: byte for byte what the call before gave for this process. One that
    /// ended between the listing and its turn, and one that is not shown to us, is left out.
    func forEach(_ body: (_ pid: Int32, _ text: Span<UInt8>, _ isSame: Bool) throws(CollectError) -> Void) throws(CollectError) {
        var buffer: [UInt8] = []
        swap(&buffer, &self.buffer)
        defer { swap(&buffer, &self.buffer) }
        var (place, held): (Int, [ProcessFile]) = (0, [])
        let pids = pids()
        held.reserveCapacity(min(pids.count, keptMax))
        // What is not held by then is closed: its process has ended.
        defer { kept = held }
        for pid in pids {
            while place < kept.count, kept[place].pid < pid { place += 1 }
            if place < kept.count, kept[place].pid == pid, let (count, isSame) = kept[place].readAgain(into: &buffer) {
                held.append(kept[place])
                try body(pid, buffer.span.extracting(0..<count), isSame)
            } else if let (file, count) = ProcessFile.open(pid, in: descriptor, into: &buffer) {
                if held.count < keptMax { held.append(file) }
                try body(pid, buffer.span.extracting(0..<count), false)
            }
        }
    }

    /// The numbers among the folder's names, sorted: the kernel lists them so, a copied tree need not.
    private func pids() -> [Int32] {
        var (pids, isSorted): ([Int32], Bool) = ([], true)
        pids.reserveCapacity(kept.count + 64)
        unsafe rewinddir(stream)
        while let entry = unsafe readdir(stream) {
            let pid = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: UInt8.self, capacity: 256) { unsafe Self.number($0) }
            }
            guard let pid else { continue }
            if let last = pids.last, last > pid { isSorted = false }
            pids.append(pid)
        }
        return isSorted ? pids : pids.sorted()
    }

    private static func number(_ name: UnsafePointer<UInt8>) -> Int32? {
        var (value, index): (Int32, Int) = (0, 0)
        while unsafe name[index] != 0 {
            let digit = unsafe name[index] &- UInt8(ascii: "0")
            // The kernel's highest is 2²².
            guard digit < 10, index < 9 else { return nil }
            (value, index) = (value * 10 + Int32(digit), index + 1)
        }
        return value > 0 ? value : nil
    }
}

/// One process's open `stat`.
private final class ProcessFile {
    let pid: Int32
    private let descriptor: Int32
    /// What the last reading brought.
    private var text: [UInt8]

    private init(_ pid: Int32, _ descriptor: Int32, text: [UInt8]) { (self.pid, self.descriptor, self.text) = (pid, descriptor, text) }

    deinit { close(descriptor) }

    /// Nil: it cannot be opened, or not be read.
    static func open(_ pid: Int32, in folder: Int32, into buffer: inout [UInt8]) -> (ProcessFile, count: Int)? {
        let descriptor = unsafe openat(folder, "\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let count = read(descriptor, into: &buffer)
        let file = ProcessFile(pid, descriptor, text: Array(buffer[..<max(0, count)]))
        return count > 0 ? (file, count) : nil
    }

    /// Nil: the process has ended.
    func readAgain(into buffer: inout [UInt8]) -> (count: Int, isSame: Bool)? {
        let count = Self.read(descriptor, into: &buffer)
        guard count > 0 else { return nil }
        if count == text.count, unsafe memcmp(buffer, text, count) == 0 { return (count, true) }
        text.replaceSubrange(0..<text.count, with: buffer[..<count])
        return (count, false)
    }

    /// The kernel writes the file in one piece: a reading that leaves room has all of it.
    private static func read(_ descriptor: Int32, into buffer: inout [UInt8]) -> Int {
        while true {
            let count = unsafe pread(descriptor, &buffer, buffer.count, 0)
            if count >= 0 || errno != EINTR { return count }
        }
    }
}
