import Glibc

/// Where to listen: `127.0.0.1:9100`, `[::1]:9100`, or `:9100` for every address. Host names are refused: what they mean can change.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    /// Empty: every address.
    let host: String
    let port: UInt16

    /// Nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard
            host.isEmpty
                ? !isBracketed : Self.isAddress(String(host), AF_INET) && !isBracketed || Self.isAddress(String(host), AF_INET6) && isBracketed
        else { return nil }
        (self.host, self.port, description) = (String(host), port, text)
    }

    private static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var bytes = in6_addr()
        return unsafe inet_pton(family, text, &bytes) == 1
    }

    /// A socket that listens there; an errno when it cannot.
    func listen() -> Result<Int32, ListenFailure> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV
        unsafe hints.ai_family = host.isEmpty ? AF_INET6 : AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var answers: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host.isEmpty ? "::" : host, "\(port)", &hints, &answers)
        defer { if let answers = unsafe answers { unsafe freeaddrinfo(answers) } }
        guard status == 0, let answer = unsafe answers?.pointee else { return .failure(ListenFailure(code: EADDRNOTAVAIL)) }
        let descriptor = unsafe socket(
            answer.ai_family,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { return .failure(ListenFailure(code: errno)) }
        var (yes, no): (Int32, Int32) = (1, 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        // Every address is those of IPv4 too.
        if host.isEmpty { unsafe setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &no, socklen_t(MemoryLayout<Int32>.size)) }
        guard unsafe bind(descriptor, answer.ai_addr, answer.ai_addrlen) == 0, Glibc.listen(descriptor, 16) == 0 else {
            let code = errno
            close(descriptor)
            return .failure(ListenFailure(code: code))
        }
        return .success(descriptor)
    }

    struct ListenFailure: Error {
        let code: Int32
        var words: String { unsafe String(cString: strerror(code)) }
    }
}
