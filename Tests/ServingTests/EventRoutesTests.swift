import HTTPTypes
import JSON
import Serving
import Synchronization
import Telemetry
import Testing

struct EventRoutesTests {
    private let window = Window()
    private let event = Event(
        id: UUID(high: 0x0123_4567_89AB_7DEF, low: 0x8123_4567_89AB_CDEF),
        timestamp: Timestamp(nanoseconds: 1_767_225_600_123_456_789),
        source: "shop",
        type: "order.placed",
        severity: .warning,
        host: "web-1",
        correlationID: "a/b c",
        tags: ["x"],
        message: "say \"hé\"",
        data: #"{"n":1}"#
    )

    @Test(arguments: ["/api/v1/events", "/events"])
    func `the list shows events, their count and where the next page begins`(path: String) async throws {
        window.rooms.set { [event] state in
            state.events = [event]
            state.next = EventCursor(timestamp: Timestamp(nanoseconds: -5), position: 42, row: 7)
        }
        let answer = try await window.ask(path)
        #expect(answer.status == 200)
        #expect(
            answer.json == [
                "events": [
                    [
                        "event_id": "01234567-89ab-7def-8123-456789abcdef", "timestamp": "2026-01-01T00:00:00.123456789Z", "source": "shop",
                        "type": "order.placed", "severity": "warning", "host": "web-1", "correlation_id": "a/b c", "tags": ["x"],
                        "message": "say \"hé\"", "data": ["n": 1],
                    ]
                ],
                "count": 1, "next_cursor": "-5.42.7",
            ]
        )
        #expect(try await window.ask("\(path)?cursor=-5.42.7&limit=1000").status == 200)
        let asked = try #require(window.rooms.state.withLock { $0.asked.last })
        #expect(asked.cursor == EventCursor(timestamp: Timestamp(nanoseconds: -5), position: 42, row: 7))
        #expect(asked.limit == 1000)
    }

    @Test func `every filter reaches the search`() async throws {
        let path =
            "/events?source_system=shop&event_type=deploy.*&severity=error&severity=critical&min_severity=info&host=web-1&correlation_id=c%2F1"
            + "&tag=a&tag=b&start=2026-01-01T00:00:00Z&end=1767225660.5&q=hello+world%21&limit=7&sort_order=asc&offset=3"
        #expect(try await window.ask(path).status == 200)
        let expected = EventQuery(
            source: "shop",
            type: "deploy.*",
            severities: [.error, .critical],
            minSeverity: .info,
            host: "web-1",
            correlationID: "c/1",
            tags: ["a", "b"],
            start: Timestamp(milliseconds: 1_767_225_600_000),
            end: Timestamp(milliseconds: 1_767_225_660_500),
            words: "hello world!",
            limit: 7,
            newestFirst: false,
            offset: 3
        )
        #expect(window.rooms.state.withLock { $0.asked } == [expected])
    }

    @Test func `an offset's plus may arrive as a blank`() async throws {
        #expect(try await window.ask("/events?start=2026-01-01T01:00:00+01:00").status == 200)
        #expect(window.rooms.state.withLock { $0.asked.first?.start } == Timestamp(milliseconds: 1_767_225_600_000))
    }

    @Test(arguments: [
        "sevrity=info", "severity=loud", "min_severity=x", "limit=0", "limit=1001", "limit=x", "start=yesterday", "start=40000-01-01T00:00:00Z",
        "start=2&end=1", "sort_order=up", "cursor=1.2", "cursor=1.2.3&offset=1", "source=a&source_system=b", "q=%zz", "q=%ff", "offset=-1",
    ])
    func `a wrong parameter is a problem that names it`(query: String) async throws {
        let answer = try await window.ask("/api/v1/events?" + query)
        #expect(answer.status == 400)
        #expect(answer.isProblem)
        #expect(window.rooms.state.withLock { $0.asked.isEmpty })
    }

    @Test func `one event by its id, or a problem`() async throws {
        window.rooms.set { [event] in $0.events = [event] }
        let found = try await window.ask("/events/01234567-89AB-7def-8123-456789abcdef")
        #expect(found.status == 200)
        #expect(found.json["source"]?.string == "shop")
        #expect(try await window.ask("/api/v1/events/01234567-89ab-7def-8123-456789abcdee").status == 404)
        #expect(try await window.ask("/events/7").status == 400)
    }

    @Test func `a correlation's events, its id with escapes`() async throws {
        window.rooms.set { [event] in $0.events = [event] }
        let answer = try await window.ask("/events/correlation/a%2Fb%20c")
        #expect(answer.json["correlation_id"]?.string == "a/b c")
        #expect(answer.json["count"]?.integer == 1)
        #expect(try await window.ask("/events/correlation/other").json["count"]?.integer == 0)
    }

    @Test func `totals with the range that was asked for`() async throws {
        let answer = try await window.ask("/events/stats?start=2026-01-01T00:00:00Z")
        #expect(
            answer.json == [
                "total_events": 3, "by_source": ["b": 2, "a": 1], "by_type": ["t": 3], "by_severity": ["info": 3], "by_host": ["": 3],
                "time_range": ["start": "2026-01-01T00:00:00Z", "end": nil],
            ]
        )
    }

    @Test func `totals take filters, and an interval makes buckets`() async throws {
        let answer = try await window.ask("/events/stats?source=shop&q=hello&interval=5m&start=2026-01-01T00:00:00Z")
        #expect(answer.json["buckets"] == [["start": "2026-01-01T00:00:00Z", "count": 3, "by_severity": ["info": 3]]])
        let start = Timestamp(milliseconds: 1_767_225_600_000)
        #expect(window.rooms.state.withLock { $0.asked } == [EventQuery(source: "shop", start: start, words: "hello")])
        for wrong in ["interval=x", "interval=0", "interval=0.0001", "limit=3"] {
            #expect(try await window.ask("/events/stats?\(wrong)").status == 400)
        }
    }

    @Test func `values of a facet, with how many there are`() async throws {
        let answer = try await window.ask("/events/facets?field=host&min_severity=error&limit=7")
        #expect(answer.json == ["field": "host", "values": [["value": "a", "count": 2]], "distinct": 7, "total_events": 3])
        #expect(window.rooms.state.withLock { $0.asked } == [EventQuery(minSeverity: .error)])
        for wrong in ["", "?field=message", "?field=host&limit=0", "?field=host&cursor=1.2.3"] {
            #expect(try await window.ask("/events/facets\(wrong)").status == 400)
        }
    }

    @Test func `only the fields asked for, in their own order`() async throws {
        window.rooms.set { [event] in $0.events = [event] }
        let answer = try await window.ask("/events?fields=message,timestamp&fields=source")
        #expect(answer.json["events"] == [["timestamp": "2026-01-01T00:00:00.123456789Z", "source": "shop", "message": "say \"hé\""]])
        #expect(try await window.ask("/events?fields=mesage").status == 400)
    }

    @Test func `an export goes on until there is no more, a line an event`() async throws {
        let many = (0..<300).map { index in
            var event = event
            event.message = "message \(index) " + String(repeating: "x", count: 500)
            return event
        }
        window.rooms.set { $0.events = many }
        let answer = try await window.ask("/api/v1/events/export?source=shop&fields=message&sort_order=asc")
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "application/x-ndjson")
        #expect(answer.text == many.map { "{\"message\":\"\($0.message ?? "")\"}\n" }.joined())
        #expect(window.rooms.state.withLock { $0.asked.count } == 300)
        #expect(window.rooms.state.withLock { $0.asked.allSatisfy { $0.source == "shop" && !$0.newestFirst } })
        #expect(try await window.ask("/events/export?limit=2&fields=type").text == "{\"type\":\"order.placed\"}\n{\"type\":\"order.placed\"}\n")
        window.rooms.set { $0.error = .limit("x") }
        #expect(try await window.ask("/events/export").status == 422)
        #expect(try await window.ask("/events/export?offset=1").status == 400)
    }

    @Test(arguments: [(QueryError.invalid("x"), 400), (.limit("x"), 422), (.failed("x"), 500)])
    func `errors of the search become problems`(error: QueryError, status: Int) async throws {
        window.rooms.set { $0.error = error }
        let answer = try await window.ask("/events")
        #expect(answer.status == status)
        #expect(answer.isProblem)
    }
}
