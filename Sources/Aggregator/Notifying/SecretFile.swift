import Glibc

/// A secret in a file: its content without line ends at the end. Read each time, so that a new secret counts without a restart.
enum SecretFile {
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    static func read(_ path: String) throws(Unreadable) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: NotifyingLimits.secretBytesMax + 1)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw unreadable(path) }
        guard count <= NotifyingLimits.secretBytesMax else {
            throw Unreadable(description: "the secret file \(path) is longer than \(NotifyingLimits.secretBytesMax) bytes: it should hold one line")
        }
        var secret = Array(bytes[..<count])
        while let last = secret.last, last == 0x0A || last == 0x0D { secret.removeLast() }
        guard !secret.isEmpty else { throw Unreadable(description: "the secret file \(path) is empty: write the secret into it") }
        return secret
    }

    private static func unreadable(_ path: String) -> Unreadable {
        let reason = unsafe String(cString: strerror(errno))
        return Unreadable(description: "cannot read the secret file \(path) (\(reason)): check the path and its permissions")
    }
}
