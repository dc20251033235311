import NIOCore
import NIOEmbedded
import NIOWebSocket
import TestSupport
import Testing

@testable import Answering

/// Frames of anything, through NIO's decoder into our end: whatever comes, the peer is answered by whole frames of a server, and closed at most once.
struct WebSocketFuzzTests {
    private struct Broken: Error { var sent: [UInt8] }

    @Test func `frames of anything are answered by good frames`() throws {
        let good: [[UInt8]] = [
            WebSocketClient.frame(WebSocketClient.text, Array("hello".utf8)) + WebSocketClient.frame(WebSocketClient.ping, [1, 2, 3]),
            WebSocketClient.frame(WebSocketClient.text, Array("hé".utf8), isLast: false)
                + WebSocketClient.frame(WebSocketClient.continuation, Array("llo".utf8)),
            WebSocketClient.frame(WebSocketClient.binary, [UInt8](repeating: 7, count: 300))
                + WebSocketClient.frame(WebSocketClient.closing, [0x03, 0xE8]),
        ]
        var fuzzer = Fuzzer(good, seed: 41)
        try fuzzer.run { bytes in
            let channel = EmbeddedChannel()
            let handler = WebSocketHandler(timing: WebSocketTiming()) {}
            try channel.pipeline.syncOperations.addHandlers(
                ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: WebSocketProtocol.messageBytesMax)),
                handler
            )
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            // In two pieces, as networks do.
            for piece in [bytes.prefix(bytes.count / 2), bytes.dropFirst(bytes.count / 2)] { _ = try? channel.writeInbound(ByteBuffer(bytes: piece)) }
            var sent = [UInt8]()
            while let buffer = try channel.readOutbound(as: ByteBuffer.self) { sent += Array(buffer.readableBytesView) }
            var rest = sent[...]
            var hasClosed = false
            while let first = rest.first {
                guard !hasClosed, first & 0xF0 == 0x80, rest.count >= 2, rest[rest.startIndex + 1] < 126 else { throw Broken(sent: sent) }
                let count = 2 + Int(rest[rest.startIndex + 1])
                guard rest.count >= count else { throw Broken(sent: sent) }
                hasClosed = first & 0x0F == WebSocketFrames.closeOpcode
                rest = rest.dropFirst(count)
            }
            channel.embeddedEventLoop.advanceTime(by: .seconds(120))
            _ = try? channel.finish(acceptAlreadyClosed: true)
        }
    }
}
