import Glibc
import Operating
import TestSupport
import Testing

struct ServiceNotifierTests {
    @Test(arguments: [false, true])
    func `each call is one datagram to the manager's socket`(abstract: Bool) throws {
        let folder = try TemporaryFolder()
        let path = (abstract ? "@" : "") + folder("notify")
        let manager = try #require(DatagramSocket(path: path))
        let notifier = ServiceNotifier(socketPath: path)
        notifier.ready()
        notifier.status("two\nlines")
        notifier.stopping()
        #expect(manager.receive() == "READY=1")
        #expect(manager.receive() == "STATUS=two lines")
        #expect(manager.receive() == "STOPPING=1")
        notifier.reloading()
        #expect(manager.receive()?.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") == true)
    }

    @Test func `without a socket nothing happens`() {
        ServiceNotifier(socketPath: nil).ready()
        ServiceNotifier(socketPath: "").ready()
        ServiceNotifier(socketPath: "/nowhere/at/all").ready()
    }
}

/// The service manager's end.
private final class DatagramSocket {
    private let descriptor: Int32

    init?(path: String) {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        let length = socklen_t(2 + name.count)
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, length) }
        }
        guard bound == 0 else { return nil }
    }

    func receive() -> String? {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    deinit { close(descriptor) }
}
