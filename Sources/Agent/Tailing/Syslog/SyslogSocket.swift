import Glibc

/// A socket that syslog's messages come to. Nothing here waits.
struct SyslogSocket {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let descriptor: Int32
    let address: SyslogConfig.Address

    /// Binds and listens. A Unix socket that nobody serves is replaced; one that is served, and a symbolic link, are left alone.
    static func open(_ address: SyslogConfig.Address) throws(Failure) -> SyslogSocket {
        switch address {
        case .udp(let host, let port): try inet(address, host, port, Int32(SOCK_DGRAM.rawValue))
        case .tcp(let host, let port): try inet(address, host, port, Int32(SOCK_STREAM.rawValue))
        case .unix(let path): try unix(address, path, Int32(SOCK_DGRAM.rawValue))
        case .unixStream(let path): try unix(address, path, Int32(SOCK_STREAM.rawValue))
        }
    }

    func close() {
        switch address {
        case .unix(let path), .unixStream(let path): unsafe unlink(path)
        case .udp, .tcp: break
        }
        Glibc.close(descriptor)
    }

    // MARK: Opening

    private static func inet(_ address: SyslogConfig.Address, _ host: String, _ port: UInt16, _ kind: Int32) throws(Failure) -> SyslogSocket {
        var hints = unsafe addrinfo()
        unsafe (hints.ai_family, hints.ai_socktype, hints.ai_flags) = (AF_UNSPEC, kind, AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, "\(port)", &hints, &found)
        guard code == 0, let info = unsafe found else {
            throw Failure(description: "\(address) is no address: \(unsafe String(cString: gai_strerror(code)))")
        }
        defer { unsafe freeaddrinfo(info) }
        let descriptor = try made(unsafe socket(info.pointee.ai_family, kind | flags, 0), address)
        var one: Int32 = 1
        if kind == Int32(SOCK_STREAM.rawValue) {
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        } else {
            enlarge(descriptor)
        }
        guard unsafe bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else { throw failed("bound", descriptor, address) }
        return try listening(descriptor, address)
    }

    private static func unix(_ address: SyslogConfig.Address, _ path: String, _ kind: Int32) throws(Failure) -> SyslogSocket {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        func with(_ call: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
            unsafe withUnsafePointer(to: &name) { unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0) } }
        }
        let descriptor = try made(socket(AF_UNIX, kind | flags, 0), address)
        enlarge(descriptor)
        if unsafe with({ unsafe bind(descriptor, $0, length) }) != 0 {
            guard errno == EADDRINUSE else { throw failed("bound", descriptor, address) }
            var status = stat()
            guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
                Glibc.close(descriptor)
                throw Failure(description: "\(path) is there and is no socket: where systemd-journald serves it, use the journald input instead")
            }
            let probe = try made(socket(AF_UNIX, kind | flags, 0), address)
            defer { Glibc.close(probe) }
            guard unsafe with({ unsafe connect(probe, $0, length) }) != 0, errno == ECONNREFUSED else {
                Glibc.close(descriptor)
                throw Failure(description: "\(path) is served by another program: stop it, or listen elsewhere")
            }
            unsafe unlink(path)
            guard unsafe with({ unsafe bind(descriptor, $0, length) }) == 0 else { throw failed("bound", descriptor, address) }
        }
        // Every program may log, as with /dev/log.
        _ = unsafe chmod(path, 0o666)
        return try listening(descriptor, address)
    }

    private static var flags: Int32 { Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue) }

    private static func made(_ descriptor: Int32, _ address: SyslogConfig.Address) throws(Failure) -> Int32 {
        guard descriptor >= 0 else { throw Failure(description: "\(address) cannot be opened: \(unsafe String(cString: strerror(errno)))") }
        return descriptor
    }

    private static func listening(_ descriptor: Int32, _ address: SyslogConfig.Address) throws(Failure) -> SyslogSocket {
        if address.isStream, listen(descriptor, 64) != 0 { throw failed("listened on", descriptor, address) }
        return SyslogSocket(descriptor: descriptor, address: address)
    }

    private static func failed(_ what: String, _ descriptor: Int32, _ address: SyslogConfig.Address) -> Failure {
        let code = errno
        Glibc.close(descriptor)
        let remedy =
            code == EACCES
            ? " (ports below 1024 need CAP_NET_BIND_SERVICE: see systemctl edit tocsin-agent)" : code == EADDRINUSE ? " (another program has it)" : ""
        return Failure(description: "\(address) cannot be \(what): \(unsafe String(cString: strerror(code)))\(remedy)")
    }

    /// As much as the kernel gives: beyond net.core.rmem_max with CAP_NET_ADMIN only.
    private static func enlarge(_ descriptor: Int32) {
        var bytes = SyslogLimits.receiveBufferBytes
        if unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, socklen_t(MemoryLayout<Int32>.size)) != 0 {
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    // MARK: Reading

    enum Read {
        case bytes(Int, from: String)
        case nothing
        case ended
    }

    /// The next datagram or piece of a stream, without waiting.
    static func read(_ descriptor: Int32, into buffer: inout [UInt8]) -> Read {
        var from = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = unsafe withUnsafeMutablePointer(to: &from) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length) }
        }
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .nothing : .ended }
        return .bytes(count, from: length > 0 ? text(of: &from, length) : "")
    }

    /// A connection that waits; nil: none does.
    static func accept(_ descriptor: Int32) -> (descriptor: Int32, peer: String)? {
        var from = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let connection = unsafe withUnsafeMutablePointer(to: &from) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe Glibc.accept(descriptor, $0, &length) }
        }
        guard connection >= 0 else { return nil }
        _ = Glibc.fcntl(connection, F_SETFD, FD_CLOEXEC)
        _ = Glibc.fcntl(connection, F_SETFL, O_NONBLOCK)
        return (connection, text(of: &from, length))
    }

    /// The address as a number, without the port; empty for a Unix socket.
    private static func text(of address: inout sockaddr_storage, _ length: socklen_t) -> String {
        guard Int32(address.ss_family) == AF_INET || Int32(address.ss_family) == AF_INET6 else { return "" }
        var host = [CChar](repeating: 0, count: 64)
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getnameinfo($0, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
            }
        }
        return code == 0 ? String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
    }

    /// Datagrams that the kernel had no room for, since the socket was opened. Source: sock_diag(7), SK_MEMINFO_DROPS.
    var drops: UInt64 {
        var numbers = [UInt32](repeating: 0, count: 9)
        var length = socklen_t(numbers.count * MemoryLayout<UInt32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, &numbers, &length) == 0 else { return 0 }
        return UInt64(numbers[8])
    }

    /// The port that was given where 0 was asked for.
    var port: UInt16 {
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let code = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
        }
        return code == 0 ? UInt16(bigEndian: name.sin6_port) : 0
    }
}
