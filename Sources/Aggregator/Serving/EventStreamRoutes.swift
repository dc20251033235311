import Answering
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Telemetry

/// The live stream: a WebSocket, or server-sent events for everybody who does not offer one. Filters are those of the list.
struct EventStreamRoutes: Sendable {
    private let streaming: any EventStreaming
    private let timing: WebSocketTiming

    /// One write to a client that follows by server-sent events may take so long; then the client is taken for lost. A WebSocket's peer answers
    /// pings, which tells the same.
    static let writeTimeMax = Duration.seconds(60)
    /// After this long a browser connects again by itself.
    private static let retryMs = 2000
    /// On the answer that opens a WebSocket: where the stream begins. Server-sent events say it as their first id.
    private static let positionName = HTTPField.Name("Tocsin-Position")

    init(_ streaming: any EventStreaming, timing: WebSocketTiming = WebSocketTiming()) { (self.streaming, self.timing) = (streaming, timing) }

    var routes: [Route] { Route.both(.get, "/events/stream", .read) { request, context in try await stream(request, context) } }

    private func stream(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        // The answer to HEAD has no body, and nobody would read the subscription.
        guard request.method == .get else { return Self.eventStream(ResponseBody()) }
        let parameters = try request.parameters()
        let query = try EventFilter.streamQuery(parameters)
        if WebSocketHandshake.isOffered(by: request) {
            var headers = try WebSocketHandshake.accept(request)
            let subscription = try await subscribe(query, try start(parameters, lastEventID: nil))
            if let name = Self.positionName { headers[name] = subscription.beginning.text }
            let cancel: @Sendable () -> Void = { subscription.cancel() }
            return WebSocket.response(headers, context, timing: timing, onEnd: cancel) { await send(subscription, to: $0) }
        }
        guard acceptsEvents(request) else {
            throw Problem(
                .notAcceptable,
                kind: "not-acceptable",
                title: "Only a stream is here",
                detail: "this is a stream: offer a WebSocket, or accept text/event-stream; /api/v1/events has the list"
            )
        }
        let subscription = try await subscribe(query, try start(parameters, lastEventID: lastEventID(request)))
        return Self.eventStream(body(subscription, context.channel))
    }

    private func lastEventID(_ request: Request) -> String? { HTTPField.Name("Last-Event-ID").flatMap { request.headers[$0] } }

    private func subscribe(_ query: EventQuery, _ start: StreamStart) async throws(Problem) -> any EventSubscription {
        do throws(StreamError) {
            return try await streaming.subscribe(to: query, from: start)
        } catch {
            switch error {
            case .invalid(let detail): throw .malformed(detail)
            case .full, .closed: throw .unavailable(error.description, retryAfter: .seconds(5))
            case .failed(let detail): throw .failed(detail)
            }
        }
    }

    /// `Last-Event-ID` is what a browser sends when it connects again; it says more than what stands in the address as before. There `position` is
    /// an event's own place, and says more than `since`.
    private func start(_ parameters: FormParameters, lastEventID: String?) throws(Problem) -> StreamStart {
        if let lastEventID, !lastEventID.isEmpty {
            guard let place = StreamPlace(text: lastEventID) else {
                throw .malformed("Last-Event-ID: \(lastEventID) is no id of this stream; send the last one unchanged, or none")
            }
            return .behind(place)
        }
        if let text = try parameters.value("position") {
            guard let place = StreamPlace(text: text) else {
                throw EventFilter.wrong("position", text, "give the position of an event of this stream, unchanged")
            }
            return .behind(place)
        }
        return try parameters.timestamp("since").map { .since($0) } ?? .now
    }

    /// RFC 9110 §12.5.1, as far as it matters here: no field accepts everything.
    private func acceptsEvents(_ request: Request) -> Bool {
        guard let accept = request.headers[.accept] else { return true }
        return ["text/event-stream", "text/*", "*/*"].contains { accept.lowercased().contains($0) }
    }

    // MARK: WebSocket

    /// One text message an event. A hole is a message of its own: `{"missed": n, …}`.
    private func send(_ subscription: any EventSubscription, to socket: WebSocket) async -> WebSocketClose {
        defer { subscription.cancel() }
        do throws(QueryError) {
            while let delivery = try await subscription.next() {
                var frames = ByteBuffer()
                switch delivery {
                case .events(let events):
                    for event in events { WebSocketFrames.append(text: Self.json(event.event, at: event.place), to: &frames) }
                case .missed(let missed): WebSocketFrames.append(text: Self.json(missed), to: &frames)
                case .quiet: continue
                }
                // The peer is gone: nobody is there to be told why.
                do { try await socket.send(frames) } catch { return .normal }
            }
        } catch {
            return .failed(error.description)
        }
        return .goingAway
    }

    // MARK: Server-sent events

    private static func eventStream(_ body: ResponseBody) -> Response {
        var headers: HTTPFields = [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache"]
        // nginx would collect the answer before it passes it on.
        if let name = HTTPField.Name("X-Accel-Buffering") { headers[name] = "no" }
        return Response(status: .ok, headers: headers, body: body)
    }

    private func body(_ subscription: any EventSubscription, _ channel: any Channel) -> ResponseBody {
        ResponseBody { writer in
            channel.closeFuture.whenComplete { _ in subscription.cancel() }
            let watch = WriteWatch(on: channel, limit: Self.writeTimeMax)
            defer {
                subscription.cancel()
                watch.end()
            }
            // An id without data is kept by a browser, and no event of its own.
            try await writer.write(ByteBuffer(string: "id: \(subscription.beginning.text)\nretry: \(Self.retryMs)\n\n"))
            do throws(QueryError) {
                while let delivery = try await subscription.next() {
                    let text = Self.text(of: delivery)
                    watch.begin()
                    do { try await writer.write(text) } catch { return }
                    watch.pause()
                }
            } catch {
                var json = JSONWriter()
                json.beginObject()
                json.member("detail", error.description)
                json.endObject()
                try await writer.write(ByteBuffer(string: "event: problem\ndata: \(json.text)\n\n"))
            }
            try await writer.finish(nil)
        }
    }

    private static func text(of delivery: StreamDelivery) -> ByteBuffer {
        var text = ByteBuffer()
        switch delivery {
        case .events(let events):
            for event in events {
                text.writeString("id: \(event.place.text)\ndata: ")
                text.writeBytes(json(event.event))
                text.writeString("\n\n")
            }
        case .missed(let missed):
            text.writeString("event: missed\ndata: ")
            text.writeBytes(json(missed))
            text.writeString("\n\n")
        case .quiet(let place):
            if let place { text.writeString("id: \(place.text)\n") }
            text.writeString(": quiet\n\n")
        }
        return text
    }

    // MARK: JSON

    /// - Parameter place: goes along as `position`, where the message has no other room for it.
    private static func json(_ event: Event, at place: StreamPlace? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.members(of: event)
        if let place { json.member("position", place.text) }
        json.endObject()
        return json.bytes
    }

    private static func json(_ missed: MissedEvents) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("missed", Int(clamping: missed.count))
        json.member("reason", missed.reason.rawValue)
        json.member("from", missed.from)
        json.member("to", missed.to)
        json.endObject()
        return json.bytes
    }
}

extension StreamPlace {
    /// `position.row`, or the four numbers of a replay; clients hand it back unchanged.
    var text: String {
        switch self {
        case .live(let position, let row): "\(position).\(row)"
        case .replay(let cursor, let through): "\(cursor.text).\(through)"
        }
    }

    init?(text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        switch parts.count {
        case 2:
            guard let position = LogPosition(parts[0]), let row = UInt32(parts[1]) else { return nil }
            self = .live(position, row: row)
        case 4:
            guard let cursor = EventCursor(text: parts[..<3].joined(separator: ".")), let through = LogPosition(parts[3]) else { return nil }
            self = .replay(cursor, through: through)
        default: return nil
        }
    }
}
