import Synchronization
import Telemetry

/// Segments of a log that lives in memory only (`storage: {path: ":memory:"}`): the same behaviour, and gone with the process.
final class MemorySegments: SegmentFiles {
    private let files = Mutex<[String: MemoryFile]>([:])

    func names() throws(LogError) -> [String] { files.withLock { Array($0.keys) } }

    func create(_ name: String) throws(LogError) -> any SegmentFile {
        let file = MemoryFile()
        let isNew = files.withLock { files in
            if files[name] != nil { return false }
            files[name] = file
            return true
        }
        guard isNew else { throw .failed("there is a segment \(name) already") }
        return file
    }

    func open(_ name: String) throws(LogError) -> any SegmentFile {
        guard let file = files.withLock({ $0[name] }) else { throw .failed("there is no segment \(name)") }
        return file
    }

    func remove(_ name: String) throws(LogError) { files.withLock { $0[name] = nil } }
}

final class MemoryFile: SegmentFile {
    private let bytes = Mutex<[UInt8]>([])

    var count: Int { bytes.withLock(\.count) }

    func append(_ more: [UInt8]) throws(LogError) -> Range<Int> {
        bytes.withLock { bytes in
            let start = bytes.count
            bytes += more
            return start..<bytes.count
        }
    }

    func sync() throws(LogError) {}

    func read(_ range: Range<Int>) throws(LogError) -> [UInt8] { bytes.withLock { Array($0[range]) } }

    func truncate(to count: Int) throws(LogError) { bytes.withLock { $0.removeSubrange(count...) } }
}
