import Sealing
import Telemetry

/// Where segments lie: a folder (``SegmentFolder``) or memory (``MemorySegments``); tests have one that forgets what was not synced.
/// All calls block: only from a thread that may.
protocol SegmentFiles: Sendable {
    /// What is there, in no order.
    func names() throws(LogError) -> [String]
    /// A new, empty file whose name is on disk when this returns. Throws when there is one of this name.
    func create(_ name: String) throws(LogError) -> any SegmentFile
    func open(_ name: String) throws(LogError) -> any SegmentFile
    /// Takes the name away. Whoever has the file open reads on; the space is free when the last of them is gone.
    func remove(_ name: String) throws(LogError)
}

/// One file that is written at its end and read anywhere. After an error of ``append(_:)`` or ``sync()`` nothing is certain of what lies behind the
/// last successful sync: the caller begins another file and never tries again (the kernel may have dropped the pages that it could not write).
protocol SegmentFile: AnyObject, Sendable {
    /// Bytes in it, with what is not synced.
    var count: Int { get }
    /// Where the bytes were put.
    @discardableResult
    func append(_ bytes: [UInt8]) throws(LogError) -> Range<Int>
    /// What was appended is on disk when this returns.
    func sync() throws(LogError)
    /// - Precondition: the range lies in `0..<count`.
    func read(_ range: Range<Int>) throws(LogError) -> [UInt8]
    /// Cuts off what a crash left behind the recorded end.
    func truncate(to count: Int) throws(LogError)
}

/// A sealed block, or the rows of a group of words, in its segment. Holds the file open.
struct SegmentSlice: SealedBytes {
    let file: any SegmentFile
    let range: Range<Int>

    var count: Int { range.count }

    func read(_ wanted: Range<Int>) throws(LogError) -> [UInt8] {
        precondition(wanted.lowerBound >= 0 && wanted.upperBound <= range.count, "bytes \(wanted) of \(range.count)")
        return try file.read(range.lowerBound + wanted.lowerBound..<range.lowerBound + wanted.upperBound)
    }
}
