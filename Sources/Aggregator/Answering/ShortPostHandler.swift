import HTTPTypes
import HummingbirdCore
package import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Takes short posts out of a connection's stream of requests and answers them at once; all else passes. It stands behind Hummingbird's keeper of the
/// connection's state, which so counts its requests and answers like any other, and before what makes tasks of requests.
///
/// Answers keep the order of requests: it takes one only when none before it is under way, and holds back what comes behind one until that is answered.
final class ShortPostHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum State {
        case passing
        /// The head came, the end did not.
        case reading(ShortPosts.Candidate)
        case answering(ShortPosts.Candidate)
    }

    /// What came behind a request that is being answered.
    private enum Held {
        case part(HTTPRequestPart)
        case event(Any)
        case error(any Error)
    }

    private let posts: ShortPosts
    private let answers: WholeAnswerHandler
    private let executor: any TaskExecutor
    private var context: ChannelHandlerContext?
    private var state = State.passing
    /// Requests that were passed on and are not answered yet.
    private var passed = 0
    private var held = CircularBuffer<Held>(initialCapacity: 0)
    /// The connection wants to read and may not while something is held: a client that sends without end would fill memory.
    private var isReadHeld = false

    init(_ posts: ShortPosts, _ answers: WholeAnswerHandler, executor: any TaskExecutor) {
        (self.posts, self.answers, self.executor) = (posts, answers, executor)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: From the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(.part(unwrapInboundIn(data)), context) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) { take(.event(event), context) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { take(.error(error), context) }

    /// Who sends its body piece by piece is not short: the common way has deadlines for it.
    func channelReadComplete(context: ChannelHandlerContext) {
        passOnWhatWasRead(context)
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        held.removeAll()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        if held.isEmpty { context.read() } else { isReadHeld = true }
    }

    private func take(_ arrival: Held, _ context: ChannelHandlerContext) {
        switch (state, arrival) {
        case (.answering, _): held.append(arrival)
        case (.passing, .part(.head(let head))) where passed == 0:
            if let candidate = posts.candidate(head) { state = .reading(candidate) } else { pass(arrival, context) }
        case (.passing, _): pass(arrival, context)
        case (.reading(var candidate), .part(.body(let buffer))):
            candidate.body.append(contentsOf: buffer.readableBytesView)
            state = .reading(candidate)
        case (.reading(let candidate), .part(.end(nil))): answer(candidate)
        case (.reading, _):
            passOnWhatWasRead(context)
            pass(arrival, context)
        }
    }

    private func pass(_ arrival: Held, _ context: ChannelHandlerContext) {
        switch arrival {
        case .part(let part):
            if case .head = part { passed += 1 }
            context.fireChannelRead(wrapInboundOut(part))
        case .event(let event): context.fireUserInboundEventTriggered(event)
        case .error(let error): context.fireErrorCaught(error)
        }
    }

    private func passOnWhatWasRead(_ context: ChannelHandlerContext) {
        guard case .reading(let candidate) = state else { return }
        state = .passing
        pass(.part(.head(candidate.head)), context)
        if !candidate.body.isEmpty { pass(.part(.body(ByteBuffer(bytes: candidate.body))), context) }
    }

    // MARK: To the client

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { passed -= 1 }
        context.write(data, promise: promise)
    }

    private func answer(_ candidate: ShortPosts.Candidate) {
        guard let loop = context?.eventLoop else { return }
        state = .answering(candidate)
        let (posts, this) = (posts, NIOLoopBound(self, eventLoop: loop))
        // Begins at once, on this thread: what waits is resumed there by the executor.
        Task.immediate(executorPreference: executor) {
            let answer = await posts.answer(candidate)
            if loop.inEventLoop { this.value.finish(answer) } else { loop.execute { this.value.finish(answer) } }
        }
    }

    private func finish(_ answer: ByteBuffer?) {
        guard case .answering(let candidate) = state, let context else { return }
        state = .passing
        if let answer {
            answers.next = answer
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        } else {
            state = .reading(candidate)
            passOnWhatWasRead(context)
            pass(.part(.end(nil)), context)
        }
        takeWhatWasHeld(context, wasPassedOn: answer == nil)
    }

    private func takeWhatWasHeld(_ context: ChannelHandlerContext, wasPassedOn: Bool) {
        let wasHeld = !held.isEmpty
        while let next = held.first {
            if case .answering = state { break }
            held.removeFirst()
            take(next, context)
        }
        guard wasHeld || wasPassedOn else { return }
        passOnWhatWasRead(context)
        context.fireChannelReadComplete()
        if held.isEmpty, isReadHeld {
            isReadHeld = false
            context.read()
        }
    }
}

/// Puts whole answers onto the connection in one piece. The keeper of the connection's state sees the end of an answer, as of any other; in this place that
/// is exchanged for the answer's bytes, which need none of the handlers that make bytes of heads, bodies and ends.
final class WholeAnswerHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// What is written in place of the next end.
    var next: ByteBuffer?
    private let encoder: ChannelHandlerContext

    /// - Parameter encoder: what is written there goes onto the connection (or into TLS) as it is.
    init(_ encoder: ChannelHandlerContext) { self.encoder = encoder }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let answer = next else { return context.write(data, promise: promise) }
        next = nil
        encoder.write(NIOAny(IOData.byteBuffer(answer)), promise: promise)
    }
}

extension ShortPosts {
    /// Takes short posts out of what a connection of Hummingbird's reads.
    /// - Parameter executor: of the connection's own event loop.
    package func join(_ pipeline: ChannelPipeline.SynchronousOperations, executor: any TaskExecutor) throws {
        let keeper = try pipeline.handler(type: HTTPConnectionStateHandler.self)
        let answers = WholeAnswerHandler(try pipeline.context(handlerType: HTTPResponseEncoder.self))
        try pipeline.addHandler(answers, position: .before(keeper))
        try pipeline.addHandler(ShortPostHandler(self, answers, executor: executor), position: .after(keeper))
    }
}
