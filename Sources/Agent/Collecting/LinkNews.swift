import CKernel
import Glibc
import Synchronization
import Telemetry

/// Hears when a network device of our network namespace comes, goes or changes. Source: rtnetlink(7), RTMGRP_LINK.
final class LinkNews: Sendable {
    static let live = LinkNews()

    private struct State {
        var socket: Int32?
        var count: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Grows when something was told. Nil: it cannot be heard.
    var count: UInt64? {
        state.withLock { state in
            let socket = state.socket ?? ckernel_link_socket()
            state.socket = socket
            guard socket >= 0 else { return nil }
            switch ckernel_link_news(socket) {
            case 0: break
            case 1: state.count += 1
            default:
                close(socket)
                state.socket = -1
                return nil
            }
            return state.count
        }
    }

    /// The number and the address of each device that this process sees, by name.
    static func devices() -> [String: (number: Int64, address: [UInt8])] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return [:] }
        defer { unsafe freeifaddrs(first) }
        var devices: [String: (number: Int64, address: [UInt8])] = [:]
        var next = unsafe first
        while let entry = unsafe next {
            unsafe next = entry.pointee.ifa_next
            guard let address = unsafe entry.pointee.ifa_addr, unsafe address.pointee.sa_family == sa_family_t(AF_PACKET) else { continue }
            let name = unsafe String(cString: entry.pointee.ifa_name)
            unsafe address.withMemoryRebound(to: sockaddr_ll.self, capacity: 1) { link in
                let length = unsafe Int(min(link.pointee.sll_halen, 8))
                let bytes = unsafe withUnsafeBytes(of: link.pointee.sll_addr) { unsafe Array($0.prefix(length)) }
                unsafe devices[name] = (Int64(link.pointee.sll_ifindex), bytes)
            }
        }
        return devices
    }
}
