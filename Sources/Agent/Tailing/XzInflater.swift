import Glibc

/// liblzma, loaded when the first `.xz` is met: hardly any host rotates with it, and each one has it (dpkg itself needs it).
/// Source: lzma/base.h and lzma/container.h, whose layout does not change within `liblzma.so.5`.
///
/// Unchecked: functions of a library that is never unloaded.
@safe struct XzLibrary: @unchecked Sendable {
    typealias Decoder = @convention(c) (UnsafeMutableRawPointer, UInt64, UInt32) -> Int32
    typealias Code = @convention(c) (UnsafeMutableRawPointer, Int32) -> Int32
    typealias End = @convention(c) (UnsafeMutableRawPointer) -> Void

    let decoder: Decoder
    let code: Code
    let end: End

    static let name = "liblzma.so.5"

    /// Nil: the host has none.
    static let shared: XzLibrary? = {
        guard let handle = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL), let decoder = unsafe dlsym(handle, "lzma_stream_decoder"),
            let code = unsafe dlsym(handle, "lzma_code"), let end = unsafe dlsym(handle, "lzma_end")
        else { return nil }
        return unsafe XzLibrary(
            decoder: unsafeBitCast(decoder, to: Decoder.self),
            code: unsafeBitCast(code, to: Code.self),
            end: unsafeBitCast(end, to: End.self)
        )
    }()
}

/// xz. Source: The .xz File Format 1.2.
@safe final class XzInflater: Inflating {
    /// `lzma_stream`: next_in, avail_in, total_in, next_out, avail_out, total_out, then what is the library's own. 136 bytes on 64-bit hosts.
    private enum Layout {
        static let (nextIn, availableIn, nextOut, availableOut, size) = (0, 8, 24, 32, 136)
    }

    private let library: XzLibrary
    private let stream: UnsafeMutableRawPointer
    private(set) var isBetweenMembers = false

    /// Enough for `xz -7` (17 MiB); `-8` and `-9` want 33 and 65 MiB, more than the whole agent has.
    private static let memoryMax: UInt64 = 20 << 20

    init?() {
        guard let library = XzLibrary.shared else { return nil }
        self.library = library
        unsafe stream = UnsafeMutableRawPointer.allocate(byteCount: Layout.size, alignment: 8)
        unsafe memset(stream, 0, Layout.size)
        guard begin() else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe library.end(stream)
        unsafe stream.deallocate()
    }

    private func begin() -> Bool { unsafe library.decoder(stream, Self.memoryMax, 0) == 0 }

    func reset() {
        isBetweenMembers = false
        // Called again on a stream that is in use, it begins anew and keeps its memory.
        _ = begin()
    }

    func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> (taken: Int, made: Int)? {
        unsafe stream.storeBytes(of: input.baseAddress, toByteOffset: Layout.nextIn, as: UnsafeRawPointer?.self)
        unsafe stream.storeBytes(of: input.count, toByteOffset: Layout.availableIn, as: Int.self)
        unsafe stream.storeBytes(of: output.baseAddress, toByteOffset: Layout.nextOut, as: UnsafeMutableRawPointer?.self)
        unsafe stream.storeBytes(of: output.count, toByteOffset: Layout.availableOut, as: Int.self)
        // LZMA_RUN; LZMA_OK is 0, LZMA_STREAM_END 1, LZMA_BUF_ERROR 10.
        let code = unsafe library.code(stream, 0)
        guard code == 0 || code == 1 || code == 10 else { return nil }
        let taken = unsafe input.count - stream.load(fromByteOffset: Layout.availableIn, as: Int.self)
        let made = unsafe output.count - stream.load(fromByteOffset: Layout.availableOut, as: Int.self)
        isBetweenMembers = code == 1
        if isBetweenMembers, !begin() { return nil }
        return (taken, made)
    }
}
