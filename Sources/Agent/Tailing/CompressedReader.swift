/// Undoes one way of compressing, a piece at a time. Several members or frames, one after the other, are one text.
protocol Inflating: AnyObject {
    /// Whether the input may end here: nothing was begun that is not ended.
    var isBetweenMembers: Bool { get }

    /// Reads from the input and writes to the output. Nil: the bytes are not what they should be, or would need more memory than is allowed.
    func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> (taken: Int, made: Int)?

    /// Begins anew.
    func reset()
}

/// Reads a compressed file from its beginning on. Reading forwards costs each byte once; reading backwards begins anew.
final class CompressedReader {
    private let descriptor: Int32
    private let inflater: any Inflating
    private var input = [UInt8](repeating: 0, count: 64 * 1024)
    private var inputOffset: UInt64 = 0
    private var available = 0
    private var consumed = 0
    private var output: [UInt8] = []
    /// Inflated bytes at hand, and where they begin.
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    private var isAtEnd = false
    /// The last step filled the output: more may come without further input.
    private var hasPending = false
    private var knownSize: UInt64?
    /// Whether the file ends in the middle, or holds what cannot be undone.
    private(set) var isDamaged = false

    private static let stepBytes = 256 * 1024
    /// Bytes that stay at hand behind the place that was read last: half a line is read again.
    private static let keptBytes = 512 * 1024

    init(_ descriptor: Int32, _ inflater: any Inflating) { (self.descriptor, self.inflater) = (descriptor, inflater) }

    func inflatedSize() -> UInt64 {
        if let knownSize { return knownSize }
        while !isAtEnd {
            step()
            let extra = window.count - Self.keptBytes
            if extra > 0 { drop(extra) }
        }
        let size = windowStart + UInt64(window.count)
        knownSize = size
        return size
    }

    func read(at offset: UInt64, into bytes: inout [UInt8], count: Int) -> Int {
        if offset < windowStart { rewind() }
        while !isAtEnd, windowStart + UInt64(window.count) < offset + UInt64(count) {
            step()
            // What lies before the wanted place is not needed.
            let end = windowStart + UInt64(window.count)
            if end < offset { drop(window.count) }
        }
        let end = windowStart + UInt64(window.count)
        guard offset < end, offset >= windowStart else { return 0 }
        let start = Int(offset - windowStart)
        let got = min(count, window.count - start)
        bytes.replaceSubrange(0..<got, with: window[start..<start + got])
        if start > Self.keptBytes { drop(start - Self.keptBytes) }
        return got
    }

    private func drop(_ count: Int) {
        window.removeFirst(count)
        windowStart += UInt64(count)
    }

    private func rewind() {
        inflater.reset()
        (inputOffset, available, consumed, windowStart, isAtEnd, hasPending) = (0, 0, 0, 0, false, false)
        window.removeAll(keepingCapacity: true)
    }

    private func step() {
        if consumed == available, !hasPending {
            available = max(0, FileReading.read(descriptor, at: inputOffset, into: &input, count: input.count))
            inputOffset += UInt64(available)
            consumed = 0
            guard available > 0 else { return end(isDamaged: !inflater.isBetweenMembers) }
        }
        if output.isEmpty { output = [UInt8](repeating: 0, count: Self.stepBytes) }
        let done = unsafe input.withUnsafeBytes { input in
            unsafe output.withUnsafeMutableBytes { output in
                unsafe inflater.inflate(UnsafeRawBufferPointer(rebasing: input[consumed..<available]), into: output)
            }
        }
        guard let done, done.taken + done.made > 0 || consumed == available else { return end(isDamaged: true) }
        consumed += done.taken
        hasPending = done.made == Self.stepBytes && !inflater.isBetweenMembers
        window.append(contentsOf: output[..<done.made])
    }

    private func end(isDamaged isBad: Bool) {
        isAtEnd = true
        if isBad { isDamaged = true }
        output = []
    }
}
