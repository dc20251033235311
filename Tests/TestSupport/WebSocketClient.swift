/// A WebSocket client that can also do what none should.
package struct WebSocketClient: Sendable {
    package struct Frame: Sendable, Hashable {
        package var opcode: UInt8
        package var payload: [UInt8]

        package init(opcode: UInt8, payload: [UInt8]) { (self.opcode, self.payload) = (opcode, payload) }

        package var text: String { String(decoding: payload, as: UTF8.self) }
        /// Of a close frame.
        package var code: Int? { payload.count < 2 ? nil : Int(payload[0]) << 8 | Int(payload[1]) }
    }

    package static let (text, binary, continuation, closing, ping, pong): (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (1, 2, 0, 8, 9, 10)

    package let socket: SocketClient
    /// The head of the answer to the offer.
    package let head: String

    package static func offer(_ path: String, headers: [String] = []) -> String {
        let lines =
            ["GET \(path) HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13"]
            + ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] + headers
        return lines.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    /// Offers; the answer may be any.
    package init(on socket: SocketClient, _ path: String, headers: [String] = []) async throws {
        self.socket = socket
        try await socket.send(Self.offer(path, headers: headers))
        head = try await socket.receive(through: "\r\n\r\n")
    }

    package init(port: Int, _ path: String, headers: [String] = []) async throws {
        try await self.init(on: SocketClient(port: port), path, headers: headers)
    }

    package var isOpen: Bool { head.hasPrefix("HTTP/1.1 101 ") }

    package static func frame(_ opcode: UInt8, _ payload: [UInt8], isLast: Bool = true, isMasked: Bool = true, reserved: UInt8 = 0) -> [UInt8] {
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        var bytes: [UInt8] = [(isLast ? 0x80 : 0) | reserved | opcode]
        let mask: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mask | UInt8(payload.count))
        case ..<65536: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard isMasked else { return bytes + payload }
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
    }

    package func send(_ opcode: UInt8, _ payload: [UInt8] = [], isLast: Bool = true, isMasked: Bool = true, reserved: UInt8 = 0) async throws {
        try await socket.send(Self.frame(opcode, payload, isLast: isLast, isMasked: isMasked, reserved: reserved))
    }

    /// The next frame; nil when the server has closed the connection. Frames of a server are never masked.
    package func receive() async throws -> Frame? {
        let start = try await socket.receive(2)
        guard start.count == 2 else { return nil }
        guard start[1] < 128, start[0] & 0xF0 == 0x80 else { throw SocketClient.Failure(description: "a frame that is no server's: \(start)") }
        var count = Int(start[1])
        if count >= 126 { count = try await socket.receive(count == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) } }
        return Frame(opcode: start[0] & 0x0F, payload: try await socket.receive(count))
    }
}
