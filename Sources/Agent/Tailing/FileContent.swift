import Glibc

/// An open file, as the bytes that its writer wrote: what a rotation compressed with gzip, zstd or xz is read as if it were plain. Closed with
/// the last reference.
final class FileContent {
    /// How the bytes lie there.
    enum Form: Equatable { case plain, gzip, zstd, xz, bzip2 }

    let form: Form
    private let descriptor: Int32
    private let compressed: CompressedReader?

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
        compressed = Self.inflater(of: form).map { CompressedReader(descriptor, $0) }
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

    /// Nil: it is not compressed, or nothing here undoes it.
    private static func inflater(of form: Form) -> (any Inflating)? {
        switch form {
        case .gzip: GzipInflater()
        case .zstd: ZstdInflater()
        case .xz: XzInflater()
        case .plain, .bzip2: nil
        }
    }

    /// Whether it can be read at all.
    var isReadable: Bool { form == .plain || compressed != nil }

    /// Whether it is compressed, and in a way that is read back.
    var isReadableCompressed: Bool { compressed != nil }

    /// As fstat says; of a compressed file the size of what was compressed. That is found by inflating it once.
    func information() -> FileInformation? {
        guard var information = FileInformation(descriptor: descriptor) else { return nil }
        if let compressed { information.size = compressed.inflatedSize() }
        return information
    }

    /// Whether a compressed file ends in the middle or is damaged.
    var isDamaged: Bool { compressed?.isDamaged ?? false }

    /// Reads until `count` bytes are there or the file ends. -1: it failed, `errno` says why.
    func read(at offset: UInt64, into bytes: inout [UInt8], count: Int) -> Int {
        compressed?.read(at: offset, into: &bytes, count: count) ?? FileReading.read(descriptor, at: offset, into: &bytes, count: count)
    }
}
