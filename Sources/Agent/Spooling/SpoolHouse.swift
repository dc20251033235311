import Glibc
import Telemetry

/// What a spool is told about where it stands: the same for as long as the agent runs.
struct SpoolHouse: Sendable {
    var config: SpoolConfig
    var host: String
    var tags: [String]
    /// A hash of the machine's id; 0: not known.
    var machine: UInt64
}

/// The machine that an agent runs on, as far as a copied spool can tell it from another one.
package enum SpoolMachine {
    /// machine-id(5): the same for as long as the system is installed, another one for a copy that was set up as copies should be. Nil where
    /// there is none, as in some containers.
    package static func systemID() -> String? {
        for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
            let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var buffer = [UInt8](repeating: 0, count: 64)
            let count = unsafe read(descriptor, &buffer, buffer.count)
            let text = String(decoding: buffer.prefix(max(0, count)).prefix { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
            // systemd writes "uninitialized" into an image that is to get one at its first start.
            if text.utf8.count >= 32 { return text }
        }
        return nil
    }

    /// machine-id(5) asks not to show it to others: only a hash is kept.
    static func hash(_ id: String?) -> UInt64 { id.map { RowCheck.of(0x54_6F_63_73, text: $0) } ?? 0 }
}
