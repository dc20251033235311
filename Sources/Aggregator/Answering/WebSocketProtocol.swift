package import NIOCore
import NIOWebSocket

/// Why a WebSocket ends: RFC 6455 §7.4.1.
package struct WebSocketClose: Error, Sendable, Hashable {
    package var code: UInt16
    /// At most 123 bytes; shown by some clients.
    package var reason: String

    package init(_ code: UInt16, _ reason: String) { (self.code, self.reason) = (code, reason) }

    /// Everything was said.
    package static let normal = WebSocketClose(1000, "")
    /// The aggregator stops.
    package static let goingAway = WebSocketClose(1001, "the aggregator is stopping")
    package static func violation(_ reason: String) -> WebSocketClose { WebSocketClose(1002, reason) }
    package static let notText = WebSocketClose(1007, "a text message is not UTF-8")
    package static let tooLarge = WebSocketClose(1009, "a message is too large")
    package static func failed(_ reason: String) -> WebSocketClose { WebSocketClose(1011, reason) }

    /// The close frame's payload.
    var payload: [UInt8] {
        var text = Array(reason.utf8.prefix(123))
        // A character that was cut in two is left out.
        while !text.isEmpty, String(validating: text, as: UTF8.self) == nil { text.removeLast() }
        return [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)] + text
    }
}

/// The receiving side of a WebSocket as a pure state machine: frames in, what to do out.
///
/// Clients have nothing to tell us, but what they send must be well-formed, bounded and answered where the standard says so: whole messages
/// are checked and then passed over.
struct WebSocketProtocol {
    enum Action: Equatable {
        case nothing
        /// RFC 6455 §5.5.3: with the same payload.
        case pong([UInt8])
        /// The peer says good-bye: it is answered with the same code, then the connection ends.
        case farewell([UInt8])
        /// The peer broke the protocol: it is told why, then the connection ends.
        case fail(WebSocketClose)
    }

    /// Longest message of a client, its fragments together.
    static let messageBytesMax = 64 * 1024

    private var opcode: WebSocketOpcode?
    private var message: [UInt8] = []

    mutating func receive(_ frame: WebSocketFrame) -> Action {
        guard frame.reservedBits.isEmpty else { return .fail(.violation("a reserved bit is set, and no extension was agreed upon")) }
        // §5.1: a server must close the connection when a frame is not masked.
        guard frame.maskKey != nil else { return .fail(.violation("a frame is not masked")) }
        let payload = Array(frame.unmaskedData.readableBytesView)
        switch frame.opcode {
        case .ping: return .pong(payload)
        case .pong: return .nothing
        case .connectionClose: return farewell(payload)
        case .text, .binary:
            guard opcode == nil else { return .fail(.violation("a new message begins before the one before has ended")) }
            opcode = frame.opcode
            return take(payload, isLast: frame.fin)
        case .continuation:
            guard opcode != nil else { return .fail(.violation("a message is continued that has not begun")) }
            return take(payload, isLast: frame.fin)
        default: return .fail(.violation("an operation code is reserved"))
        }
    }

    private mutating func take(_ payload: [UInt8], isLast: Bool) -> Action {
        guard message.count + payload.count <= Self.messageBytesMax else { return .fail(.tooLarge) }
        message += payload
        guard isLast else { return .nothing }
        defer { (opcode, message) = (nil, []) }
        if opcode == .text, String(validating: message, as: UTF8.self) == nil { return .fail(.notText) }
        return .nothing
    }

    /// §5.5.1 and §7.4: no payload, or a code that may be sent and a reason in UTF-8.
    private func farewell(_ payload: [UInt8]) -> Action {
        guard !payload.isEmpty else { return .farewell([]) }
        guard payload.count >= 2 else { return .fail(.violation("the close code is one byte")) }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: return .fail(.violation("the close code \(code) may not be sent"))
        }
        guard String(validating: payload.dropFirst(2), as: UTF8.self) != nil else { return .fail(.notText) }
        return .farewell([payload[0], payload[1]])
    }
}

/// Frames of a server: whole, never masked (RFC 6455 §5.1).
package enum WebSocketFrames {
    static let textOpcode: UInt8 = 0x1
    static let closeOpcode: UInt8 = 0x8
    static let pingOpcode: UInt8 = 0x9
    static let pongOpcode: UInt8 = 0xA

    /// Appends a text message.
    package static func append(text: [UInt8], to buffer: inout ByteBuffer) { append(textOpcode, text, to: &buffer) }

    static func append(_ opcode: UInt8, _ payload: [UInt8], to buffer: inout ByteBuffer) {
        buffer.writeInteger(0x80 | opcode)
        switch payload.count {
        case ..<126: buffer.writeInteger(UInt8(payload.count))
        case ..<65536:
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(payload.count))
        default:
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(payload.count))
        }
        buffer.writeBytes(payload)
    }
}
