import CKernel
import Glibc

/// A connection to the system's message bus, or to systemd itself, that asks one thing at a time and never waits longer than it was told.
/// Written out here because libsystemd and libdbus would each cost more memory than the whole collection.
final class DBusConnection: Sendable {
    enum Failure: Error, Equatable {
        /// The socket is not there or does not let us in; an errno.
        case unreachable(Int32)
        case timedOut
        /// The other side hung up, or said what is no D-Bus.
        case broken
        /// The other side answered that it cannot; the error's name.
        case refused(String)
    }

    private let descriptor: Int32
    /// Whether calls need a destination.
    private let isBus: Bool

    /// Connects, says who we are, and on a bus asks for a name.
    init(to path: String, isBus: Bool, until deadline: ContinuousClock.Instant) throws(Failure) {
        self.isBus = isBus
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw .unreachable(errno) }
        guard connect(to: path) else { throw .unreachable(errno) }
        // EXTERNAL: the kernel tells the other side which user we are; the number, as hexadecimal digits of its letters, has to be the same.
        let user = "\(geteuid())".utf8.map { String($0, radix: 16) }.joined()
        try send([0] + Array("AUTH EXTERNAL \(user)\r\n".utf8), until: deadline)
        guard try line(until: deadline).starts(with: Array("OK ".utf8)) else { throw .unreachable(EACCES) }
        try send(Array("BEGIN\r\n".utf8), until: deadline)
        if isBus {
            _ = try call("Hello", of: "org.freedesktop.DBus", at: "/org/freedesktop/DBus", on: "org.freedesktop.DBus", serial: 1, until: deadline)
        }
    }

    deinit { close(descriptor) }

    /// One call and its answer; signals and answers to calls that were given up before are passed over.
    /// - Parameter serial: another number for each call of a connection, never 0.
    func call(
        _ member: String,
        of interface: String,
        at path: String,
        on destination: String,
        serial: UInt32,
        arguments: [DBusArgument] = [],
        until deadline: ContinuousClock.Instant
    ) throws(Failure) -> DBusMessage {
        let bytes = DBusMessage.call(
            member,
            of: interface,
            at: path,
            destination: isBus ? destination : nil,
            serial: serial,
            arguments: arguments
        )
        try send(bytes, until: deadline)
        while true {
            let head = try receive(16, until: deadline)
            guard let length = DBusMessage.length(head[...]) else { throw .broken }
            guard let message = DBusMessage(head + (try receive(length - 16, until: deadline))) else { throw .broken }
            guard message.answers == serial else { continue }
            switch message.kind {
            case .answer: return message
            case .error: throw .refused(message.errorName ?? "an error without a name")
            case .call, .signal: continue
            }
        }
    }

    // MARK: Bytes

    private func connect(to path: String) -> Bool {
        let bytes = Array(path.utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return false
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in unsafe field.copyBytes(from: bytes) }
        // A Unix socket connects at once, or has no room in its queue: EAGAIN, as good as not there.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    private func send(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                try wait(for: Int16(POLLOUT), until: deadline)
            } else if errno != EINTR {
                throw .broken
            }
        }
    }

    private func receive(_ count: Int, until deadline: ContinuousClock.Instant) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var used = 0
        while used < count {
            let got = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress! + used, count - used, 0) }
            if got > 0 {
                used += got
            } else if got < 0, errno == EAGAIN {
                try wait(for: Int16(POLLIN), until: deadline)
            } else if got == 0 || errno != EINTR {
                throw .broken
            }
        }
        return bytes
    }

    /// The handshake's lines are short, and nothing may be read behind them: byte by byte.
    private func line(until deadline: ContinuousClock.Instant) throws(Failure) -> [UInt8] {
        var line: [UInt8] = []
        while line.count < 512 {
            line += try receive(1, until: deadline)
            if line.last == UInt8(ascii: "\n") { return line }
        }
        throw .broken
    }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant) throws(Failure) {
        let rest = deadline - ContinuousClock.now
        guard rest > .zero else { throw .timedOut }
        let (seconds, attoseconds) = rest.components
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        _ = unsafe poll(&entry, 1, Int32(min(60_000, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)))
    }
}
