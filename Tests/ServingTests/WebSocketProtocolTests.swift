import HTTPTypes
import Hummingbird
import NIOCore
import NIOWebSocket
import Testing

@testable import Answering

struct WebSocketProtocolTests {
    private func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8] = [], fin: Bool = true, isMasked: Bool = true) -> WebSocketFrame {
        WebSocketFrame(fin: fin, opcode: opcode, maskKey: isMasked ? [0, 0, 0, 0] : nil, data: ByteBuffer(bytes: payload))
    }

    private func violation(_ action: WebSocketProtocol.Action) -> UInt16? {
        if case .fail(let close) = action { close.code } else { nil }
    }

    @Test func `whole and fragmented messages are taken, with pings between the fragments`() {
        var state = WebSocketProtocol()
        #expect(state.receive(frame(.text, Array("héllo".utf8))) == .nothing)
        let text = Array("é".utf8)
        // A character may be cut by a fragment's end.
        #expect(state.receive(frame(.text, [text[0]], fin: false)) == .nothing)
        #expect(state.receive(frame(.ping, [1, 2])) == .pong([1, 2]))
        #expect(state.receive(frame(.continuation, [text[1]])) == .nothing)
        #expect(state.receive(frame(.binary, [0xFF])) == .nothing)
        #expect(state.receive(frame(.pong)) == .nothing)
    }

    @Test func `what is not as the standard has it is refused with the code it names`() {
        var reserved = frame(.text)
        reserved.rsv1 = true
        let single: [(WebSocketFrame, UInt16)] = [
            (frame(.text, isMasked: false), 1002), (reserved, 1002), (frame(.continuation), 1002),
            (frame(WebSocketOpcode(encodedWebSocketOpcode: 3)!), 1002), (frame(.text, [0xFF]), 1007), (frame(.connectionClose, [3]), 1002),
            (frame(.connectionClose, [3, 0xED]), 1002), (frame(.connectionClose, [3, 0xE8, 0xFF]), 1007),
            (frame(.binary, [UInt8](repeating: 0, count: WebSocketProtocol.messageBytesMax + 1)), 1009),
        ]
        for (frame, code) in single {
            var state = WebSocketProtocol()
            #expect(violation(state.receive(frame)) == code, "\(frame)")
        }
        var state = WebSocketProtocol()
        _ = state.receive(frame(.text, fin: false))
        #expect(violation(state.receive(frame(.text))) == 1002)
    }

    @Test func `fragments count together`() {
        var state = WebSocketProtocol()
        let half = [UInt8](repeating: 0x20, count: WebSocketProtocol.messageBytesMax / 2)
        #expect(state.receive(frame(.text, half, fin: false)) == .nothing)
        #expect(state.receive(frame(.continuation, half, fin: false)) == .nothing)
        #expect(violation(state.receive(frame(.continuation, [0x20]))) == 1009)
    }

    @Test func `a close frame is answered with its code and no reason`() {
        var state = WebSocketProtocol()
        #expect(state.receive(frame(.connectionClose)) == .farewell([]))
        #expect(state.receive(frame(.connectionClose, [3, 0xE8] + Array("bye".utf8))) == .farewell([3, 0xE8]))
        #expect(state.receive(frame(.connectionClose, [0x0F, 0xA0])) == .farewell([0x0F, 0xA0]))
    }

    @Test func `a reason that is too long is cut between characters`() {
        #expect(WebSocketClose(1011, String(repeating: "é", count: 100)).payload.count == 2 + 122)
    }

    @Test(arguments: [(0, [0x82, 0x00]), (125, [0x82, 125]), (126, [0x82, 126, 0, 126]), (65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0])])
    func `lengths are written in their shortest form`(count: Int, head: [UInt8]) {
        var buffer = ByteBuffer()
        WebSocketFrames.append(2, [UInt8](repeating: 7, count: count), to: &buffer)
        #expect(Array(buffer.readableBytesView.prefix(head.count)) == head)
        #expect(buffer.readableBytes == head.count + count)
    }

    // MARK: Handshake

    private func offer(_ changes: [(HTTPField.Name, String?)] = []) -> Request {
        var head = HTTPRequest(method: .get, scheme: "http", authority: "tocsin.example.org:8640", path: "/events/stream")
        head.headerFields[.upgrade] = "h2c, WebSocket"
        head.headerFields[.connection] = "keep-alive, Upgrade"
        head.headerFields[.secWebSocketVersion] = "13"
        head.headerFields[.secWebSocketKey] = "dGhlIHNhbXBsZSBub25jZQ=="
        for (name, value) in changes { head.headerFields[name] = value }
        return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
    }

    @Test func `the standard's own example is answered as it says`() throws {
        #expect(WebSocketHandshake.isOffered(by: offer()))
        let headers = try WebSocketHandshake.accept(offer([(.origin, "https://tocsin.example.org:8640")]))
        #expect(headers[.secWebSocketAccept] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(headers[.upgrade] == "websocket")
        #expect(headers[.connection] == "Upgrade")
        #expect(!WebSocketHandshake.isOffered(by: offer([(.upgrade, "h2c")])))
    }

    @Test(arguments: [
        (HTTPField.Name.connection, "keep-alive" as String?, 400), (.secWebSocketVersion, "8", 426), (.secWebSocketKey, "short", 400),
        (.secWebSocketKey, nil, 400), (.origin, "https://evil.example.com", 403),
    ])
    func `an offer that is not as it must be is refused`(name: HTTPField.Name, value: String?, status: Int) {
        let problem = #expect(throws: Problem.self) { try WebSocketHandshake.accept(offer([(name, value)])) }
        #expect(problem?.status.code == status)
    }

    @Test func `base64 has its padding`() {
        #expect(["", "f", "fo", "foo", "foob"].map { WebSocketHandshake.base64(Array($0.utf8)) } == ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="])
    }
}
