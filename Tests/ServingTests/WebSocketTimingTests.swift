import NIOCore
import NIOEmbedded
import NIOWebSocket
import Synchronization
import Testing

@testable import Answering

/// A peer that goes silent, by a clock that the test turns.
struct WebSocketTimingTests {
    private final class Ended: Sendable {
        let count = Atomic<Int>(0)
    }

    private let ended = Ended()
    private let timing = WebSocketTiming(pingInterval: .seconds(20), silenceMax: .seconds(60), closeTimeout: .seconds(2))

    private func open() throws -> (EmbeddedChannel, WebSocketHandler) {
        let ended = ended
        let handler = WebSocketHandler(timing: timing) { ended.count.wrappingAdd(1, ordering: .relaxed) }
        let channel = EmbeddedChannel(handler: handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return (channel, handler)
    }

    /// First bytes of the frames that went out.
    private func sent(_ channel: EmbeddedChannel) throws -> [UInt8] {
        var opcodes = [UInt8]()
        while var buffer = try channel.readOutbound(as: ByteBuffer.self) { opcodes.append((buffer.readInteger() ?? 0) & 0x0F) }
        return opcodes
    }

    private func answer(_ channel: EmbeddedChannel) throws {
        try channel.writeInbound(WebSocketFrame(fin: true, opcode: .pong, maskKey: [0, 0, 0, 0], data: ByteBuffer()))
    }

    @Test func `a peer that answers pings stays for ever`() throws {
        let (channel, _) = try open()
        for _ in 0..<500 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(20))
            #expect(try sent(channel) == [WebSocketFrames.pingOpcode])
            try answer(channel)
        }
        #expect(channel.isActive)
        #expect(ended.count.load(ordering: .relaxed) == 0)
    }

    @Test func `a peer that says nothing is pinged, and gone after a minute`() throws {
        let (channel, _) = try open()
        channel.embeddedEventLoop.advanceTime(by: .seconds(59))
        #expect(try sent(channel) == [WebSocketFrames.pingOpcode, WebSocketFrames.pingOpcode])
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
        #expect(ended.count.load(ordering: .relaxed) == 1)
    }

    @Test func `any frame of the peer is a sign of life`() throws {
        let (channel, _) = try open()
        channel.embeddedEventLoop.advanceTime(by: .seconds(50))
        try channel.writeInbound(WebSocketFrame(fin: true, opcode: .text, maskKey: [0, 0, 0, 0], data: ByteBuffer(string: "here")))
        channel.embeddedEventLoop.advanceTime(by: .seconds(59))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(21))
        #expect(!channel.isActive)
    }

    @Test func `who does not answer our good-bye is left after two seconds`() throws {
        let (channel, handler) = try open()
        handler.close(.goingAway)
        #expect(try sent(channel) == [WebSocketFrames.closeOpcode])
        // Nothing more can be sent from now on.
        #expect(ended.count.load(ordering: .relaxed) == 1)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1999))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
        #expect(ended.count.load(ordering: .relaxed) == 1)
    }
}
