package import HTTPTypes
package import Hummingbird
package import NIOCore
import NIOHTTP1
import NIOWebSocket

/// A connection that has become a WebSocket.
///
/// The change happens behind the response: a route answers `101` with a body that puts ``WebSocketHandler`` between the network and the handlers
/// of HTTP. So an offer that is refused is answered like every other request, the offer may come on a connection that was used before, and
/// connections that stay HTTP pay nothing.
package struct WebSocket: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<WebSocketHandler>

    /// Sends whole frames and waits until they are written to the socket: who sends faster than the peer reads waits here. Throws when the
    /// connection is closed, or closing.
    package func send(_ frames: ByteBuffer) async throws {
        let (promise, handler) = (channel.eventLoop.makePromise(of: Void.self), handler)
        channel.eventLoop.execute { handler.value.send(frames, promise: promise) }
        try await promise.futureResult.get()
    }

    /// Says good-bye, if nobody did yet, and returns when the connection is closed.
    package func close(_ close: WebSocketClose) async {
        let handler = handler
        channel.eventLoop.execute { handler.value.close(close) }
        try? await channel.closeFuture.get()
    }

    /// Takes a connection over. What the response's head wrote is on its way already: it was handed to the same event loop before.
    private static func over(_ channel: any Channel, timing: WebSocketTiming, onEnd: @escaping @Sendable () -> Void) async throws -> WebSocket {
        let handler = try await channel.eventLoop.submit {
            let pipeline = channel.pipeline.syncOperations
            let http = try pipeline.handler(type: HTTPResponseEncoder.self)
            let handler = WebSocketHandler(timing: timing, onEnd: onEnd)
            let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: WebSocketProtocol.messageBytesMax))
            try pipeline.addHandler(decoder, position: .before(http))
            try pipeline.addHandler(handler, position: .before(http))
            return NIOLoopBound(handler, eventLoop: channel.eventLoop)
        }.get()
        return WebSocket(channel: channel, handler: handler)
    }

    /// The answer that makes the connection a WebSocket.
    /// - Parameters:
    ///   - headers: from ``WebSocketHandshake/accept(_:)``.
    ///   - onEnd: the peer has closed, or is lost; also called when the connection could not be taken over.
    ///   - run: sends; when it returns the WebSocket is closed with what it returns.
    package static func response(
        _ headers: HTTPFields,
        _ context: DoorContext,
        timing: WebSocketTiming = WebSocketTiming(),
        onEnd: @escaping @Sendable () -> Void,
        run: @escaping @Sendable (WebSocket) async -> WebSocketClose
    ) -> Response {
        let channel = context.channel
        return Response(
            status: .switchingProtocols,
            headers: headers,
            body: ResponseBody { writer in
                do {
                    let socket = try await over(channel, timing: timing, onEnd: onEnd)
                    await socket.close(run(socket))
                } catch {
                    onEnd()
                    channel.close(promise: nil)
                }
                try await writer.finish(nil)
            }
        )
    }
}
