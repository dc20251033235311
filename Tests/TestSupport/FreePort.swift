package import Glibc

/// A TCP port of loopback that was free a moment ago. It lies below those that the kernel gives to outgoing connections (ip_local_port_range): one of these, or
/// a client that connects to itself by chance while nobody listens there yet, would keep it from who was to have it.
package func freePort() throws -> Int {
    for _ in 0..<100 {
        let port = Int.random(in: 20_000..<32_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        if unsafe withLoopback(port: port, { unsafe bind(descriptor, $0, $1) }) == 0 { return port }
    }
    throw NoFreePort()
}

/// Calls `body` with the address of a port of 127.0.0.1, as bind(2) and connect(2) want it.
@unsafe package func withLoopback(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}

package struct NoFreePort: Error, CustomStringConvertible {
    package let description = "none of a hundred ports between 20000 and 32000 is free on loopback"
}
