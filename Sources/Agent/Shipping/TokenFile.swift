import Glibc
import Synchronization

/// The agent's token, from its file; read again when the file is another one or was written, so that a new token needs no restart.
final class TokenFile: Sendable {
    struct Failure: Error, CustomStringConvertible { let description: String }

    private struct Known {
        var stamp: Stamp
        var token: String
    }

    private struct Stamp: Equatable {
        var device: UInt64, inode: UInt64, bytes: Int64, seconds: Int, nanoseconds: Int
    }

    private let path: String
    private let known = Mutex<Known?>(nil)

    init(path: String) { self.path = path }

    /// The first line of the file, without blanks around it.
    func token() throws(Failure) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot be opened: \(Self.errorText())") }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("cannot be read: \(Self.errorText())") }
        let stamp = Stamp(
            device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino),
            bytes: Int64(status.st_size),
            seconds: Int(status.st_mtim.tv_sec),
            nanoseconds: Int(status.st_mtim.tv_nsec)
        )
        if let known = known.withLock({ $0 }), known.stamp == stamp { return known.token }
        var buffer = [UInt8](repeating: 0, count: ShippingLimits.tokenBytesMax)
        let count = unsafe read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { throw failure("cannot be read: \(Self.errorText())") }
        let line = buffer[..<count].prefix { $0 != 0x0A && $0 != 0x0D }
        let token = String(decoding: line, as: UTF8.self).split(separator: " ").joined(separator: " ")
        // RFC 6750 §2.1: b64token is printable ASCII. Anything else would be refused, or would be another header.
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw failure("holds no token: write one on its first line, without blanks")
        }
        known.withLock { $0 = Known(stamp: stamp, token: token) }
        return token
    }

    private func failure(_ problem: String) -> Failure {
        Failure(description: "the token file \(path) \(problem); check token_file; everything is kept")
    }

    private static func errorText() -> String {
        guard let text = unsafe strerror(errno) else { return "error \(errno)" }
        return unsafe String(cString: text)
    }
}
