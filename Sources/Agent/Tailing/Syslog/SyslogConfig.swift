/// One entry of `syslog:` in agent.yaml: where messages are taken.
package struct SyslogConfig: Sendable, Hashable {
    package enum Address: Sendable, Hashable, CustomStringConvertible {
        case udp(host: String, port: UInt16)
        case tcp(host: String, port: UInt16)
        /// `/dev/log`: one message a datagram.
        case unix(path: String)
        /// A stream, framed like TCP.
        case unixStream(path: String)

        package var description: String {
            switch self {
            case .udp(let host, let port): "udp://\(Self.text(host)):\(port)"
            case .tcp(let host, let port): "tcp://\(Self.text(host)):\(port)"
            case .unix(let path): "unix://\(path)"
            case .unixStream(let path): "unix-stream://\(path)"
            }
        }

        private static func text(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }

        /// `udp://0.0.0.0:514`, `tcp://[::]:601`, `unix:///dev/log`, `unix-stream:///run/log`. Hosts are numbers, not names.
        package init?(_ text: String) {
            guard let mark = text.firstRange(of: "://") else { return nil }
            let (scheme, rest) = (text[..<mark.lowerBound], text[mark.upperBound...])
            switch scheme {
            case "unix", "unix-stream":
                guard rest.hasPrefix("/"), rest.utf8.count <= SyslogLimits.pathBytesMax, !rest.contains("\"") else { return nil }
                self = scheme == "unix" ? .unix(path: String(rest)) : .unixStream(path: String(rest))
            case "udp", "tcp":
                guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) else { return nil }
                var host = rest[..<colon]
                if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
                guard !host.isEmpty, host.allSatisfy({ $0.isHexDigit || $0 == "." || $0 == ":" }) else { return nil }
                self = scheme == "udp" ? .udp(host: String(host), port: port) : .tcp(host: String(host), port: port)
            default: return nil
            }
        }

        var isStream: Bool {
            switch self {
            case .udp, .unix: false
            case .tcp, .unixStream: true
            }
        }
    }

    /// `listen`
    package var address: Address
    /// `max_message`: longer ones are cut, counted and told as a gap.
    package var messageBytesMax: Int
    /// `max_connections` of streams; more wait in the kernel's queue.
    package var connectionsMax: Int
    /// `time_zone` of RFC 3164's times, which name none.
    package var zone: TailConfig.Zone
    package var rules: MessageRules

    package init(
        address: Address,
        messageBytesMax: Int = SyslogLimits.messageBytes,
        connectionsMax: Int = SyslogLimits.connections,
        zone: TailConfig.Zone = .local,
        rules: MessageRules = MessageRules()
    ) {
        (self.address, self.messageBytesMax, self.connectionsMax) = (address, messageBytesMax, connectionsMax)
        (self.zone, self.rules) = (zone, rules)
    }
}

/// The limits of syslog's input.
package enum SyslogLimits {
    /// Longest message unless told. RFC 5424 §6.1 asks for 2 KiB at least; a stack trace in one message needs more.
    package static let messageBytes = 64 * 1024
    package static let messageBytesRange: ClosedRange<UInt64> = 480...(1 << 20)
    package static let connections = 256
    package static let connectionsRange = 1...4096
    /// `sockaddr_un` holds no longer path.
    package static let pathBytesMax = 107
    /// A batch is handed on when it holds so many messages, or so many bytes.
    static let batchMessagesMax = 4096
    static let batchBytesMax = 512 * 1024
    /// Bytes of one read: no datagram is larger.
    static let readBytes = 64 * 1024
    /// What the kernel is asked to hold of datagrams while we are busy; it gives at most net.core.rmem_max.
    static let receiveBufferBytes: Int32 = 4 << 20
    /// After everything was read, time for more messages to gather: one a millisecond must not cost a transaction each.
    static let settle = Duration.milliseconds(20)
    /// A socket that cannot be opened is tried again so often.
    static let openInterval = Duration.seconds(5)
    /// A stream that sends nothing for so long is closed; its half message is handed on.
    static let idle = Duration.seconds(600)
    /// Peers that are told apart in the count.
    static let peersMax = 4096
}
