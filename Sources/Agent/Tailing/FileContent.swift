import CZlib
import Glibc

/// An open file, as the bytes that its writer wrote: what a rotation compressed with gzip is read as if it were plain. Closed with the last
/// reference.
final class FileContent {
    /// How the bytes lie there.
    enum Form: Equatable { case plain, gzip, zstd, xz, bzip2 }

    let form: Form
    private let descriptor: Int32
    private let gzip: GzipReader?

    /// Opens a path without ever waiting for a FIFO's writer. Nil with the reason in `errno`, or when it is no regular file.
    init?(path: String) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        guard let information = FileInformation(descriptor: descriptor), information.isRegular else {
            close(descriptor)
            errno = EINVAL
            return nil
        }
        self.descriptor = descriptor
        form = Self.form(of: descriptor)
        gzip = form == .gzip ? GzipReader(descriptor) : nil
    }

    deinit { close(descriptor) }

    /// By the magic numbers of RFC 1952, RFC 8878, the .xz format and bzip2.
    private static func form(of descriptor: Int32) -> Form {
        var bytes = [UInt8](repeating: 0, count: 6)
        guard FileReading.read(descriptor, at: 0, into: &bytes, count: 6) == 6 else { return .plain }
        if bytes.starts(with: [0x1F, 0x8B, 0x08]) { return .gzip }
        if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
        if bytes == [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00] { return .xz }
        return bytes.starts(with: [0x42, 0x5A, 0x68]) ? .bzip2 : .plain
    }

    /// Whether it can be read at all.
    var isReadable: Bool { form == .plain || form == .gzip }

    /// As fstat says; of a compressed file the size of what was compressed. That is found by inflating it once.
    func information() -> FileInformation? {
        guard var information = FileInformation(descriptor: descriptor) else { return nil }
        if let gzip { information.size = gzip.inflatedSize() }
        return information
    }

    /// Whether a compressed file ends in the middle or is damaged.
    var isDamaged: Bool { gzip?.isDamaged ?? false }

    /// Reads until `count` bytes are there or the file ends. -1: it failed, `errno` says why.
    func read(at offset: UInt64, into bytes: inout [UInt8], count: Int) -> Int {
        gzip?.read(at: offset, into: &bytes, count: count) ?? FileReading.read(descriptor, at: offset, into: &bytes, count: count)
    }
}

/// Inflates a gzip file from its beginning on. Reading forwards costs each byte once; reading backwards begins anew.
@safe final class GzipReader {
    private let descriptor: Int32
    private let stream: UnsafeMutablePointer<z_stream>
    private var input = [UInt8](repeating: 0, count: 64 * 1024)
    private var inputOffset: UInt64 = 0
    private var available = 0
    private var consumed = 0
    /// Inflated bytes at hand, and where they begin.
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    private var isAtEnd = false
    private var knownSize: UInt64?
    private(set) var isDamaged = false

    private static let stepBytes = 256 * 1024
    /// Bytes that stay at hand behind the place that was read last: half a line is read again.
    private static let keptBytes = 512 * 1024

    init?(_ descriptor: Int32) {
        self.descriptor = descriptor
        unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // Window bits 15 + 16: gzip.
        guard unsafe inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func inflatedSize() -> UInt64 {
        if let knownSize { return knownSize }
        while !isAtEnd {
            inflateStep()
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
            inflateStep()
            // What lies before the wanted place is not needed.
            let end = windowStart + UInt64(window.count)
            if end < offset { drop(window.count) }
        }
        let end = windowStart + UInt64(window.count)
        guard offset < end, offset >= windowStart else { return 0 }
        let start = Int(offset - windowStart)
        let got = min(count, window.count - start)
        for index in 0..<got { bytes[index] = window[start + index] }
        if start > Self.keptBytes { drop(start - Self.keptBytes) }
        return got
    }

    private func drop(_ count: Int) {
        window.removeFirst(count)
        windowStart += UInt64(count)
    }

    private func rewind() {
        unsafe inflateReset(stream)
        (inputOffset, available, consumed, windowStart, isAtEnd) = (0, 0, 0, 0, false)
        window.removeAll(keepingCapacity: true)
    }

    /// Inflates a little more; several members, one after the other, are one text.
    private func inflateStep() {
        if consumed == available {
            available = max(0, FileReading.read(descriptor, at: inputOffset, into: &input, count: input.count))
            inputOffset += UInt64(available)
            consumed = 0
            guard available > 0 else {
                (isAtEnd, isDamaged) = (true, isDamaged || !isBetweenMembers)
                return
            }
        }
        let before = window.count
        window.append(contentsOf: repeatElement(0, count: Self.stepBytes))
        let (code, taken, made) = unsafe input.withUnsafeMutableBufferPointer { input in
            unsafe window.withUnsafeMutableBufferPointer { output in
                unsafe stream.pointee.next_in = input.baseAddress! + consumed
                unsafe stream.pointee.avail_in = UInt32(available - consumed)
                unsafe stream.pointee.next_out = output.baseAddress! + before
                unsafe stream.pointee.avail_out = UInt32(Self.stepBytes)
                let code = unsafe inflate(stream, Z_NO_FLUSH)
                return unsafe (code, available - consumed - Int(stream.pointee.avail_in), Self.stepBytes - Int(stream.pointee.avail_out))
            }
        }
        consumed += taken
        window.removeLast(Self.stepBytes - made)
        isBetweenMembers = false
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            isBetweenMembers = true
            unsafe inflateReset(stream)
        default:
            (isAtEnd, isDamaged) = (true, true)
        }
    }

    private var isBetweenMembers = false
}
