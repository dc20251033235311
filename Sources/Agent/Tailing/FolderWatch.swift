import CKernel
import Glibc

/// Waits until something happens in one of some folders. It only wakes: what has happened is found out by looking. Source: inotify(7).
final class FolderWatch: Sendable {
    enum Event: Sendable {
        /// Nothing happened in time.
        case timeout
        case changed(Changes)
        /// Somebody called ``interrupt()``.
        case interrupted
    }

    struct Changes: Sendable {
        struct Place: Sendable, Hashable {
            /// The number that ``add(_:)`` gave.
            let folder: Int32
            let name: String
        }

        /// Files that were written to.
        var written: Set<Place> = []
        /// Files came, went or were renamed.
        var isStructure = false
        /// The kernel's queue ran over: anything may have happened.
        var isOverflow = false

        var isEmpty: Bool { written.isEmpty && !isStructure && !isOverflow }
    }

    private let inotify: Int32
    private let wakePipe = WakePipe()

    private static let mask = UInt32(
        IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_ATTRIB
    )

    /// struct inotify_event and the longest name.
    private static let eventBytesMax = 16 + Int(NAME_MAX) + 1

    init() { inotify = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) }

    deinit { if inotify >= 0 { close(inotify) } }

    /// False when the kernel gives no inotify instance (fs.inotify.max_user_instances): scanning has to do.
    var isAvailable: Bool { inotify >= 0 }

    /// Watches a folder. Nil: it cannot be watched (gone, no right, fs.inotify.max_user_watches). The same folder gives the same number.
    func add(_ folder: String) -> Int32? {
        guard inotify >= 0 else { return nil }
        let watch = unsafe inotify_add_watch(inotify, folder, Self.mask)
        return watch >= 0 ? watch : nil
    }

    /// Filesystems that only this kernel writes to, through inodes that inotify watches. Source: statfs(2), linux/magic.h.
    private static let local: Set<UInt32> = [
        0xEF53,  // ext2, ext3, ext4
        0x5846_5342,  // XFS
        0x9123_683E,  // Btrfs
        0x0102_1994,  // tmpfs
        0x8584_58F6,  // ramfs
        0x2FC1_2FC1,  // ZFS
        0xF2F5_2010,  // F2FS
        0x3153_464A,  // JFS
        0xCA45_1A4E,  // bcachefs
    ]

    /// False where files may be written without inotify hearing of it: by another machine, by what stands behind FUSE, in a layer below; and where it cannot be
    /// found out.
    static func hearsAll(of folder: String) -> Bool {
        let found = unsafe ckernel_filesystem(folder)
        return found != -1 && local.contains(UInt32(truncatingIfNeeded: found))
    }

    func remove(_ watch: Int32) { _ = inotify_rm_watch(inotify, watch) }

    /// Ends the wait of now, or the next one; from any thread.
    func interrupt() { wakePipe.wake() }

    /// Blocks until something happens, at most `limit`.
    /// - Parameter watching: false: only an interruption ends it early.
    func wait(atMost limit: Duration, watching: Bool = true) -> Event {
        let (seconds, attoseconds) = limit.components
        let milliseconds = max(0, min(seconds, 3600) * 1000 + attoseconds / 1_000_000_000_000_000)
        var polled = [pollfd(fd: wakePipe.descriptor, events: Int16(POLLIN), revents: 0)]
        if watching, inotify >= 0 { polled.append(pollfd(fd: inotify, events: Int16(POLLIN), revents: 0)) }
        let count = unsafe poll(&polled, nfds_t(polled.count), Int32(milliseconds))
        guard count > 0 else { return .timeout }
        if polled[0].revents != 0 {
            wakePipe.clear()
            return .interrupted
        }
        return .changed(drain())
    }

    /// Takes what the kernel has queued, and not what comes meanwhile: whoever writes as fast as we read would keep us here.
    func drain() -> Changes {
        var changes = Changes()
        guard inotify >= 0 else { return changes }
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = unsafe read(inotify, &bytes, bytes.count)
            guard count > 0 else { return changes }
            // struct inotify_event: wd, mask, cookie, len (32 bits each), then len bytes of name.
            var offset = 0
            while offset + 16 <= count {
                func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[offset + at + $1]) << UInt32(8 * $1) } }
                let (mask, length) = (word(4), Int(word(12)))
                if mask & UInt32(IN_Q_OVERFLOW) != 0 { (changes.isOverflow, changes.isStructure) = (true, true) }
                if mask & ~UInt32(IN_MODIFY) != 0 { changes.isStructure = true }
                if mask & UInt32(IN_MODIFY) != 0 {
                    let name = bytes[(offset + 16)..<min(offset + 16 + length, count)].prefix { $0 != 0 }
                    changes.written.insert(Changes.Place(folder: Int32(bitPattern: word(0)), name: String(decoding: name, as: UTF8.self)))
                }
                offset += 16 + length
            }
            // Another event would have fitted: there was none.
            if count + Self.eventBytesMax <= bytes.count { return changes }
        }
    }
}
