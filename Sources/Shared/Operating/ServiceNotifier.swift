import Glibc
import Telemetry

/// Tells the service manager how we are (sd_notify(3)): one datagram to the socket that `NOTIFY_SOCKET` names; nothing without it.
///
/// Failures are passed over: a service manager that does not listen must not stop the service.
package struct ServiceNotifier: Sendable {
    /// Path of the socket; a leading `@` stands for the abstract namespace. Nil: nobody listens.
    private let socketPath: String?
    /// How often the manager wants to hear `WATCHDOG=1`; nil when it does not.
    package let watchdogInterval: Duration?

    /// Whether there is somebody to tell.
    package var isHeard: Bool { socketPath != nil }

    package init(socketPath: String?, watchdogInterval: Duration? = nil) {
        (self.socketPath, self.watchdogInterval) = (socketPath, watchdogInterval)
    }

    /// From the environment that systemd sets: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` when it is meant for us (`WATCHDOG_PID`).
    package init() {
        let pid = Environment["WATCHDOG_PID"].flatMap { pid_t($0) }
        let microseconds = Environment["WATCHDOG_USEC"].flatMap { Int64($0) }
        let isForUs = pid == nil || pid == getpid()
        self.init(
            socketPath: Environment["NOTIFY_SOCKET"],
            watchdogInterval: isForUs ? microseconds.map { .microseconds($0) } : nil
        )
    }

    /// The program serves: systemd lets units start that come after it.
    package func ready() { send("READY=1") }
    package func stopping() { send("STOPPING=1") }

    /// The configuration is being read again; `ready()` follows when it is in force.
    package func reloading() {
        var value = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &value)
        // Type=notify-reload needs the moment, to tell this reload from an earlier one.
        send("RELOADING=1\nMONOTONIC_USEC=\(Int64(value.tv_sec) * 1_000_000 + Int64(value.tv_nsec) / 1000)")
    }

    /// One line for `systemctl status`.
    package func status(_ line: String) {
        send("STATUS=" + String(line.map { $0.isNewline ? " " : $0 }))
    }

    package func watchdog() { send("WATCHDOG=1") }

    private func send(_ message: String) {
        guard let socketPath, let first = socketPath.utf8.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@") else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        if first == UInt8(ascii: "@") { path[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in unsafe field.copyBytes(from: path) }
        // An abstract name is as long as it is said to be: no terminator is counted.
        let length = socklen_t(MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + path.count)

        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(message.utf8)
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length)
            }
        }
    }
}
