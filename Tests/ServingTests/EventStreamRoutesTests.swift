import Answering
import HTTPTypes
import Synchronization
import Telemetry
import Testing

struct EventStreamRoutesTests {
    private let window = Window()
    private let noon = Timestamp(milliseconds: 1_767_268_800_000)

    private func event(_ message: String) -> Event {
        Event(id: UUID(high: 1, low: 2), timestamp: noon, source: "shop", type: "order.placed", severity: .info, message: message)
    }

    @Test(arguments: ["/api/v1/events/stream", "/events/stream"])
    func `without a WebSocket's offer the answer is a stream of server-sent events`(path: String) async throws {
        let replayed = StreamPlace.replay(EventCursor(timestamp: Timestamp(nanoseconds: -5), position: 3, row: 1), through: 9)
        window.rooms.set { [event = event("one\ntwo"), noon] state in
            state.deliveries = [
                .events([StreamedEvent(event, at: replayed), StreamedEvent(event, at: .live(42, row: 7))]), .quiet(nil),
                .quiet(.live(43, row: StreamPlace.everyRow)),
                .missed(MissedEvents(reason: .slow, count: 12, from: noon, to: noon)),
            ]
        }
        let answer = try await window.ask(path)
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "text/event-stream; charset=utf-8")
        #expect(answer.headers[.cacheControl] == "no-cache")
        let lines = answer.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let data =
            "data: {\"event_id\":\"00000000-0000-0001-0000-000000000002\",\"timestamp\":\"2026-01-01T12:00:00Z\",\"source\":\"shop\","
            + "\"type\":\"order.placed\",\"severity\":\"info\",\"host\":\"\",\"correlation_id\":null,\"tags\":[],\"message\":\"one\\ntwo\",\"data\":{}}"
        #expect(
            lines == [
                "id: 41.4294967295", "retry: 2000", "", "id: -5.3.1.9", data, "", "id: 42.7", data, "", ": quiet", "", "id: 43.4294967295",
                ": quiet", "", "event: missed",
                "data: {\"missed\":12,\"reason\":\"slow\",\"from\":\"2026-01-01T12:00:00Z\",\"to\":\"2026-01-01T12:00:00Z\"}", "", "",
            ]
        )
    }

    @Test func `filters are those of the list, and a stream begins now, at a moment, or behind the last event`() async throws {
        _ = try await window.ask("/events/stream?source_system=a&event_type=b.*&severity=info,error&min_severity=info&host=h&tag=x&tags=y,z&q=w")
        _ = try await window.ask("/events/stream?since=1767268800&correlation_id=c")
        let again = try #require(HTTPField.Name("Last-Event-ID"))
        _ = try await window.ask("/events/stream?since=1767268800", headers: [again: "42.7"])
        _ = try await window.ask("/events/stream?position=43.1&since=1767268800", headers: [again: "-5.3.1.9"])
        _ = try await window.ask("/events/stream?position=43.1&since=1767268800")
        let (asked, starts) = window.rooms.state.withLock { ($0.asked, $0.starts) }
        #expect(
            asked.first
                == EventQuery(
                    source: "a",
                    type: "b.*",
                    severities: [.info, .error],
                    minSeverity: .info,
                    host: "h",
                    tags: ["x", "y", "z"],
                    words: "w"
                )
        )
        #expect(asked[1] == EventQuery(correlationID: "c"))
        let cursor = EventCursor(timestamp: Timestamp(nanoseconds: -5), position: 3, row: 1)
        #expect(starts == [.now, .since(noon), .behind(.live(42, row: 7)), .behind(.replay(cursor, through: 9)), .behind(.live(43, row: 1))])
    }

    @Test(arguments: ["sourc=a", "start=0", "limit=3", "cursor=1.2.3", "since=yesterday", "severity=fatal", "position=now", "position=1.2.3"])
    func `a wrong filter is refused before the stream begins`(query: String) async throws {
        let answer = try await window.ask("/events/stream?\(query)")
        #expect(answer.status == 400)
        #expect(answer.isProblem)
        #expect(window.rooms.state.withLock { $0.asked.isEmpty })
    }

    @Test func `what cannot be streamed is a problem, not an empty stream`() async throws {
        #expect(try await window.ask("/events/stream", headers: [.accept: "application/json"]).status == 406)
        let again = try #require(HTTPField.Name("Last-Event-ID"))
        #expect(try await window.ask("/events/stream", headers: [again: "x"]).status == 400)
        window.rooms.set { $0.streamError = .full(clientsMax: 3) }
        let full = try await window.ask("/events/stream")
        #expect(full.status == 503)
        #expect(full.headers[.retryAfter] == "5")
        #expect(full.text.contains("limits.streams"))
        window.rooms.set { $0.streamError = .invalid("q: no word") }
        #expect(try await window.ask("/events/stream?q=-").status == 400)
        window.rooms.set { $0.streamError = nil }
        #expect(try await window.ask("/events/stream", method: .head).headers[.contentType] == "text/event-stream; charset=utf-8")
        #expect(window.rooms.state.withLock { $0.asked.isEmpty })
    }

    @Test func `who may not read gets no stream`() async throws {
        var stranger = window
        stranger.identification = .missing
        #expect(try await stranger.ask("/events/stream").status == 401)
        stranger.identification = .known(Principal(name: "web-1", role: .agent))
        #expect(try await stranger.ask("/events/stream").status == 403)
    }
}
