import CFaultDisk
import Telemetry

@testable import Storing

/// A disk in memory that forgets what was not synced: SQLite's files below a prefix and the log's segments lie on it together, and one counter numbers
/// each change of both. The real folder of the prefix is there too, for the log's lock.
@safe final class FaultDisk: @unchecked Sendable {
    enum Fault: Int32, Sendable, CaseIterable {
        /// The power fails in the middle of the step; nothing works after it.
        case power = 1
        /// The step fails; a sync that fails has dropped what it should have written.
        case error = 2
        case full = 3
        /// The step is done and says that it failed.
        case lie = 4
    }

    /// What a power cut leaves of what was not synced.
    enum Kept: Int32, Sendable, CaseIterable { case nothing = 0, some = 1, all = 2 }

    private let disk: OpaquePointer
    let prefix: String

    /// - Precondition: fewer than 64 disks at once.
    init(prefix: String, seed: UInt64) {
        guard let disk = unsafe fault_disk_new(prefix, seed) else { preconditionFailure("more than 64 fault disks at once") }
        unsafe self.disk = disk
        self.prefix = prefix
    }

    deinit { unsafe fault_disk_free(disk) }

    var steps: UInt64 { unsafe fault_disk_steps(disk) }
    /// Whether what was planned has come.
    var hasFailed: Bool { unsafe fault_disk_happened(disk) != 0 }
    func plan(_ fault: Fault, atStep step: UInt64) { unsafe fault_disk_plan(disk, step, fault.rawValue) }
    func limit(bytes: UInt64) { unsafe fault_disk_limit(disk, bytes) }
    /// The power comes back; the log on this disk must have been closed.
    func restart(keeping kept: Kept) { unsafe fault_disk_restart(disk, kept.rawValue) }
    func damage(_ name: String, at offset: Int, bits: UInt8 = 0x55) -> Bool {
        unsafe fault_disk_damage(disk, prefix + name, UInt64(offset), bits) == 0
    }
    func size(_ name: String) -> Int? {
        let size = unsafe fault_file_size(disk, prefix + name)
        return size < 0 ? nil : Int(size)
    }

    var names: [String] {
        var names = [String]()
        var buffer = [CChar](repeating: 0, count: 1024)
        while true {
            let length = unsafe fault_file_name(disk, Int32(names.count), &buffer, 1024)
            if length < 0 { return names }
            names.append(String(decoding: buffer[..<Int(length)].map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    }

    fileprivate func check(_ result: Int32, _ what: String) throws(LogError) {
        switch result {
        case 0: return
        case -2: throw .full("\(what): the fault disk is full")
        case -3: throw .failed("\(what): no such file")
        case -4: throw .failed("\(what): there is one of this name")
        default: throw .failed("\(what): the fault disk failed")
        }
    }

    fileprivate func withDisk<Result>(_ body: (OpaquePointer) -> Result) -> Result { unsafe body(disk) }
}

/// The log's segments on a ``FaultDisk``.
struct FaultSegments: SegmentFiles {
    let disk: FaultDisk
    private static let folder = "segments/"

    func names() throws(LogError) -> [String] {
        disk.names.filter { $0.hasPrefix(Self.folder) }.map { String($0.dropFirst(Self.folder.count)) }
    }

    func create(_ name: String) throws(LogError) -> any SegmentFile {
        let path = disk.prefix + Self.folder + name
        try unsafe disk.check(disk.withDisk { unsafe fault_file_create($0, path) }, "create \(name)")
        return FaultFile(disk, path)
    }

    func open(_ name: String) throws(LogError) -> any SegmentFile {
        let path = disk.prefix + Self.folder + name
        let size = unsafe disk.withDisk { unsafe fault_file_size($0, path) }
        guard size >= 0 else { throw .failed("open \(name): no such file, or the power is off") }
        return FaultFile(disk, path)
    }

    func remove(_ name: String) throws(LogError) {
        let path = disk.prefix + Self.folder + name
        try unsafe disk.check(disk.withDisk { unsafe fault_file_remove($0, path) }, "remove \(name)")
    }
}

final class FaultFile: SegmentFile {
    private let disk: FaultDisk
    private let path: String

    init(_ disk: FaultDisk, _ path: String) { (self.disk, self.path) = (disk, path) }

    var count: Int { unsafe max(0, Int(disk.withDisk { unsafe fault_file_size($0, path) })) }

    func append(_ bytes: [UInt8]) throws(LogError) -> Range<Int> {
        let start = count
        // As a real write comes apart: in pieces of some pages, each of which may be the last.
        var done = 0
        while done < bytes.count {
            let piece = min(16_384, bytes.count - done)
            let result = unsafe bytes.withUnsafeBytes { buffer in
                unsafe disk.withDisk { unsafe fault_file_write($0, path, UInt64(start + done), buffer.baseAddress! + done, piece) }
            }
            try disk.check(result, "append to \(path)")
            done += piece
        }
        return start..<start + bytes.count
    }

    func sync() throws(LogError) { try unsafe disk.check(disk.withDisk { unsafe fault_file_sync($0, path) }, "sync \(path)") }

    func read(_ range: Range<Int>) throws(LogError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        let result = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe disk.withDisk { unsafe fault_file_read($0, path, UInt64(range.lowerBound), buffer.baseAddress, range.count) }
        }
        try disk.check(result, "read \(path)")
        return bytes
    }

    func truncate(to count: Int) throws(LogError) {
        try unsafe disk.check(disk.withDisk { unsafe fault_file_truncate($0, path, UInt64(count)) }, "cut \(path)")
        try sync()
    }
}
