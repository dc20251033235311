@testable import Collecting

/// Reads a prepared answer as the collector does, without a socket.
enum DBusMessageProbe {
    /// How many units an answer to ListUnitsByPatterns names; nil when it is refused.
    static func units(in bytes: [UInt8]) -> Int? {
        guard let message = DBusMessage(bytes), message.kind == .answer else { return nil }
        return (try? SystemdCollector.units(in: message))?.count
    }
}
