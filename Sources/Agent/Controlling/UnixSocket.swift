import Glibc

/// A descriptor that is closed once, and blocking reads and writes with a deadline.
final class UnixSocket: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    enum Failure: Error { case timeout, ended, system(Int32) }

    /// A path longer than this does not fit into `sockaddr_un`.
    static let pathBytesMax = 107

    static func stream() throws(Failure) -> UnixSocket {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(errno) }
        return UnixSocket(descriptor)
    }

    func connect(to path: String) throws(Failure) {
        let code = unsafe UnixSocket.withAddress(of: path) { address, length in unsafe Glibc.connect(descriptor, address, length) }
        guard code == 0 else { throw .system(errno) }
    }

    func bind(to path: String) throws(Failure) {
        let code = unsafe UnixSocket.withAddress(of: path) { address, length in unsafe Glibc.bind(descriptor, address, length) }
        guard code == 0 else { throw .system(errno) }
    }

    /// Reads up to the first line feed, which is left out.
    /// - Parameter interruption: a descriptor that becomes readable when nobody wants to wait any longer; then `.ended` is thrown.
    func readLine(bytesMax: Int, within patience: Duration, interruption: Int32? = nil) throws(Failure) -> [UInt8] {
        let deadline = ContinuousClock.now.advanced(by: patience)
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            try wait(for: Int16(POLLIN), until: deadline, interruption)
            let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0 {
                if errno == EAGAIN || errno == EINTR { continue }
                throw .system(errno)
            }
            if count == 0 { throw .ended }
            if let end = buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) { return line + buffer[..<end] }
            line += buffer[..<count]
            if line.count > bytesMax { throw .system(EMSGSIZE) }
        }
    }

    func write(_ bytes: [UInt8], within patience: Duration, interruption: Int32? = nil) throws(Failure) {
        let deadline = ContinuousClock.now.advanced(by: patience)
        var sent = 0
        while sent < bytes.count {
            try wait(for: Int16(POLLOUT), until: deadline, interruption)
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(descriptor, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EAGAIN || errno == EINTR { continue }
                throw .system(errno)
            }
            sent += count
        }
    }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant, _ interruption: Int32?) throws(Failure) {
        while true {
            let rest = deadline - ContinuousClock.now
            guard rest > .zero else { throw .timeout }
            // A negative descriptor is passed over by poll(2).
            var entries = [pollfd(fd: descriptor, events: events, revents: 0), pollfd(fd: interruption ?? -1, events: Int16(POLLIN), revents: 0)]
            let (seconds, attoseconds) = rest.components
            let milliseconds = Int32(min(60_000, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
            let count = unsafe poll(&entries, 2, milliseconds)
            if count > 0 {
                if entries[0].revents != 0 { return }
                throw .ended
            }
            if count < 0, errno != EINTR { throw .system(errno) }
        }
    }

    private static func withAddress(of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= pathBytesMax else {
            errno = ENAMETOOLONG
            return -1
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in unsafe field.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe body(address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    static func text(of code: Int32) -> String { unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)" }
}
