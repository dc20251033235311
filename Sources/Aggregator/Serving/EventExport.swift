import Answering
import HTTPTypes
import Hummingbird
import JSON
import Telemetry

/// All events that match, one a line, as long as there are some. A step is searched, written and forgotten before the next: neither the result nor a
/// snapshot of the log is held.
struct EventExport: Sendable {
    private let searching: any EventSearching
    private let query: EventQuery
    private let fields: [EventField]
    /// Rows at most.
    private let limit: Int

    init(_ searching: any EventSearching, _ request: Request) throws(Problem) {
        let parameters = try request.parameters()
        self.searching = searching
        query = try EventFilter.exportQuery(parameters)
        fields = try EventFilter.fields(parameters)
        limit = try parameters.integer("limit", in: 1...Int.max, default: Int.max)
    }

    /// What can be refused is refused before the first byte; when a later step fails the connection is closed without the end of the body, so that
    /// nobody takes the part for the whole.
    func response() async throws(Problem) -> Response {
        let first = try await step(query)
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { [self] writer in
                var (page, query, left) = (first, query, limit)
                while true {
                    var lines = ByteBuffer()
                    for event in page.events.prefix(left) {
                        var json = JSONWriter()
                        json.event(event, fields: fields)
                        lines.writeBytes(json.bytes)
                        lines.writeInteger(UInt8(ascii: "\n"))
                        // Some of a step at once: it waits while the client reads slowly.
                        if lines.readableBytes >= Self.writeBytes {
                            try await writer.write(lines)
                            lines.clear()
                        }
                    }
                    if lines.readableBytes > 0 { try await writer.write(lines) }
                    left -= min(left, page.events.count)
                    guard left > 0, let next = page.next else { break }
                    query.cursor = next
                    page = try await step(query)
                }
                try await writer.finish(nil)
            }
        )
    }

    private static let writeBytes = 64 << 10

    private func step(_ query: EventQuery) async throws(Problem) -> EventPage {
        try await asked { () async throws(QueryError) in try await searching.exported(query) }
    }
}
