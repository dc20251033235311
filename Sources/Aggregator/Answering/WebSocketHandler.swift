import NIOCore
import NIOWebSocket

/// How long a WebSocket waits for its peer.
package struct WebSocketTiming: Sendable, Hashable {
    /// Between two pings.
    package var pingInterval: Duration
    /// A peer of which nothing was heard for so long is gone: three pings.
    package var silenceMax: Duration
    /// How long the peer may take to answer our close frame.
    package var closeTimeout: Duration

    package init(pingInterval: Duration = .seconds(20), silenceMax: Duration = .seconds(60), closeTimeout: Duration = .seconds(2)) {
        (self.pingInterval, self.silenceMax, self.closeTimeout) = (pingInterval, silenceMax, closeTimeout)
    }
}

/// The WebSocket's end of a connection that was HTTP before. It stands between the network and the handlers of HTTP: nothing passes it any more
/// in either direction, so those rest until the connection is closed.
///
/// All of it runs on the connection's event loop.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Any
    typealias OutboundOut = ByteBuffer

    private enum State {
        case open
        /// Our close frame was sent.
        case closing
        case closed
    }

    private let timing: WebSocketTiming
    /// Called once, when the peer has closed or is lost: nothing more can be sent.
    private let onEnd: @Sendable () -> Void
    private var state = State.open
    private var receiving = WebSocketProtocol()
    private var context: ChannelHandlerContext?
    private var pinging: RepeatedTask?
    private var closing: Scheduled<Void>?
    /// By the event loop's clock.
    private var lastHeard = NIODeadline.distantPast
    /// The latest ping that could not be answered because the peer does not read. Only the latest needs an answer (§5.5.3).
    private var unanswered: [UInt8]?
    private var hasEnded = false

    init(timing: WebSocketTiming, onEnd: @escaping @Sendable () -> Void) { (self.timing, self.onEnd) = (timing, onEnd) }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lastHeard = context.eventLoop.now
        let (bound, interval) = (NIOLoopBound(self, eventLoop: context.eventLoop), TimeAmount(timing.pingInterval))
        pinging = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in bound.value.ping() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        end()
        context.fireChannelInactive()
    }

    // MARK: Outwards

    /// Whole frames, already encoded.
    func send(_ frames: ByteBuffer, promise: EventLoopPromise<Void>) {
        guard state == .open, let context else { return promise.fail(ChannelError.ioOnClosedChannel) }
        context.writeAndFlush(wrapOutboundOut(frames), promise: promise)
    }

    /// Sends a close frame once; the connection ends when the peer has answered, or does not.
    func close(_ close: WebSocketClose) {
        guard state == .open, let context else { return }
        state = .closing
        control(WebSocketFrames.closeOpcode, close.payload, context)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        closing = context.eventLoop.scheduleTask(in: TimeAmount(timing.closeTimeout)) { bound.value.context?.close(promise: nil) }
        end()
    }

    private func ping() {
        guard let context else { return }
        if context.eventLoop.now - lastHeard >= TimeAmount(timing.silenceMax) { return context.close(promise: nil) }
        if state == .open, context.channel.isWritable { control(WebSocketFrames.pingOpcode, [], context) }
    }

    private func control(_ opcode: UInt8, _ payload: [UInt8], _ context: ChannelHandlerContext, promise: EventLoopPromise<Void>? = nil) {
        var buffer = context.channel.allocator.buffer(capacity: payload.count + 2)
        WebSocketFrames.append(opcode, payload, to: &buffer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    /// What HTTP still writes (the end of the response that made this a WebSocket) is not for the peer.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) { promise?.succeed() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, state == .open, let payload = unanswered {
            unanswered = nil
            control(WebSocketFrames.pongOpcode, payload, context)
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Inwards

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = context.eventLoop.now
        guard state != .closed else { return }
        switch receiving.receive(unwrapInboundIn(data)) {
        case .nothing: break
        case .pong(let payload):
            guard state == .open else { break }
            if context.channel.isWritable { control(WebSocketFrames.pongOpcode, payload, context) } else { unanswered = payload }
        case .farewell(let payload): say(goodBye: payload, context)
        case .fail(let reason): fail(reason, context)
        }
    }

    /// The answer to the peer's close frame, unless ours was sent before; then the connection ends. RFC 6455 §7.1.1: the server closes first.
    private func say(goodBye payload: [UInt8], _ context: ChannelHandlerContext) {
        let wasOpen = state == .open
        state = .closed
        if wasOpen {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
            control(WebSocketFrames.closeOpcode, payload, context, promise: promise)
        } else {
            context.close(promise: nil)
        }
        end()
    }

    /// The peer broke the protocol. It may still be sending: closing now would throw away what it has not read, our reason too. So our side ends
    /// first, and the rest when the peer has closed, or a little later.
    private func fail(_ reason: WebSocketClose, _ context: ChannelHandlerContext) {
        guard state == .open else { return context.close(promise: nil) }
        state = .closed
        control(WebSocketFrames.closeOpcode, reason.payload, context)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let promise = context.eventLoop.makePromise(of: Void.self)
        // TLS cannot end one side only.
        promise.futureResult.whenFailure { _ in bound.value.close(promise: nil) }
        context.close(mode: .output, promise: promise)
        _ = context.eventLoop.scheduleTask(in: TimeAmount(timing.closeTimeout)) { bound.value.close(promise: nil) }
        end()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // What comes behind a violation is passed over.
        case _ where state == .closed: break
        case NIOWebSocketError.invalidFrameLength: fail(.tooLarge, context)
        case is NIOWebSocketError: fail(.violation("a control frame is fragmented or too long"), context)
        default: context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: close(.goingAway)
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func end() {
        pinging?.cancel()
        if state == .closed { closing?.cancel() }
        guard !hasEnded else { return }
        hasEnded = true
        onEnd()
    }
}
