import Crypto
import Glibc
import Telemetry

/// `acknowledge`: the links in messages, and who hears that somebody used one.
package struct AcknowledgeConfig: Sendable, Hashable {
    /// How long a link in a message can be used; zero: messages hold none. Default 7 days.
    package var linkLifetime: Duration
    /// Whoever was told that an alert fires is told once that somebody takes care of it. Default true.
    package var notify: Bool

    package init(linkLifetime: Duration = .seconds(7 * 86_400), notify: Bool = true) { (self.linkLifetime, self.notify) = (linkLifetime, notify) }
}

/// Links that say which message they stand in, until when they count, and that we made them. Whoever has the message may use them.
///
/// A token is base64url of 56 bytes: the delivery's id (16), the end in seconds since the epoch (8, big-endian), and the HMAC-SHA256 of both (32).
struct AcknowledgeLinks: Sendable {
    enum Refusal: Error, Sendable, Hashable {
        /// Not ours, or changed on the way.
        case unknown
        case expired(at: Timestamp)
    }

    private let key: SymmetricKey

    init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

    func token(for delivery: UUID, until end: Timestamp) -> String {
        let body = delivery.bytes + AcknowledgeLinks.bytes(end)
        return AcknowledgeLinks.text(body + Array(HMAC<SHA256>.authenticationCode(for: body, using: key)))
    }

    func delivery(of token: String, at now: Timestamp) throws(Refusal) -> (id: UUID, expiresAt: Timestamp) {
        guard let bytes = AcknowledgeLinks.bytes(text: token), bytes.count == 56 else { throw .unknown }
        // Compared in constant time by the library.
        guard HMAC<SHA256>.isValidAuthenticationCode(Array(bytes[24...]), authenticating: Array(bytes[..<24]), using: key) else { throw .unknown }
        let seconds = bytes[16..<24].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        guard let id = UUID(bytes: Array(bytes[..<16])), let end = Timestamp(seconds: Double(seconds)) else { throw .unknown }
        guard now < end else { throw .expired(at: end) }
        return (id, end)
    }

    private static func bytes(_ moment: Timestamp) -> [UInt8] {
        let seconds = UInt64(bitPattern: moment.nanoseconds / 1_000_000_000)
        return (0..<8).map { UInt8(truncatingIfNeeded: seconds >> (56 - 8 * UInt64($0))) }
    }

    // MARK: base64url, RFC 4648 §5, without padding

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static func text(_ bytes: [UInt8]) -> String {
        var (text, buffer, bits) = ([UInt8](), UInt32(0), 0)
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(buffer >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(6 - bits) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    private static func bytes(text: String) -> [UInt8]? {
        guard text.utf8.count <= 100 else { return nil }
        var (bytes, buffer, bits) = ([UInt8](), UInt32(0), 0)
        for byte in text.utf8 {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        return bytes
    }

    // MARK: The key

    /// The key in the state folder, made there when it is missing: links live through a restart. Nil where it can be neither read nor written.
    static func key(at path: String) -> [UInt8]? {
        if let key = read(path) { return key }
        let key = randomKey()
        // Written beside its place, synced and moved there, so that half a key is never read.
        let draft = path + ".new"
        unsafe unlink(draft)
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        let written = unsafe key.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        let isSynced = fsync(descriptor) == 0
        close(descriptor)
        guard written == key.count, isSynced, unsafe rename(draft, path) == 0 else {
            unsafe unlink(draft)
            return nil
        }
        return read(path)
    }

    static func randomKey() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<keyBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    private static let keyBytes = 32

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: keyBytes + 1)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        return count == keyBytes ? Array(bytes[..<keyBytes]) : nil
    }
}
