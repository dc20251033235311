import Glibc
import Operating

/// A TCP connection to this machine that blocks on a thread of its own: a client that does exactly what a test says.
package actor SocketClient {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let executor = BlockingExecutor()
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let descriptor: Int32
    /// What was received and not asked for yet.
    private var buffer: [UInt8] = []

    /// - Parameter receiveBufferBytes: a small one makes the peer wait soon when nobody reads.
    package init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: errno \(errno)") }
        if var bytes = receiveBufferBytes { unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size)) }
        // A test that waits for what never comes ends.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let status = unsafe withLoopback(port: port) { unsafe connect(descriptor, $0, $1) }
        guard status == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw Failure(description: "connect: errno \(code)")
        }
    }

    deinit { Glibc.close(descriptor) }

    package func send(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(description: "send: errno \(errno)") }
            offset += count
        }
    }

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// Exactly so many bytes; fewer when the peer has closed.
    package func receive(_ count: Int) throws -> [UInt8] {
        while buffer.count < count, try fill() {}
        let taken = Array(buffer.prefix(count))
        buffer.removeFirst(taken.count)
        return taken
    }

    /// Up to and with this text; all there is when the peer has closed before.
    package func receive(through end: String) throws -> String {
        let end = Array(end.utf8)
        var looked = 0
        while true {
            if buffer.count >= end.count,
                let start = (looked...(buffer.count - end.count)).first(where: { Array(buffer[$0..<($0 + end.count)]) == end })
            {
                return String(decoding: try receive(start + end.count), as: UTF8.self)
            }
            looked = max(0, buffer.count - end.count + 1)
            guard try fill() else { return String(decoding: try receive(buffer.count), as: UTF8.self) }
        }
    }

    /// Whether the peer has closed, and nothing was left to read.
    package func isAtEnd() throws -> Bool { try buffer.isEmpty && !fill() }

    /// Ends our side only.
    package func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    private func fill() throws -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe piece.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0, errno == ECONNRESET { return false }
        guard count >= 0 else { throw Failure(description: "recv: errno \(errno)") }
        buffer += piece.prefix(count)
        return count > 0
    }
}
