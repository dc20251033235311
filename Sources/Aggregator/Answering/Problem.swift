package import HTTPTypes
package import Hummingbird
import JSON

/// An error as RFC 9457 has it (`application/problem+json`): what is wrong, where, and how to mend it.
///
/// `type` is `urn:tocsin:problem:<kind>`; the kinds are listed in docs/api.md and never change their meaning.
package struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
    /// One of several things that are wrong with a request.
    package struct Item: Sendable, Hashable {
        /// Which element of a batch, from 0; nil where the request is one thing.
        package var index: Int?
        /// A JSON pointer (RFC 6901) into the element or the body; empty for the whole of it. For a query parameter `?name`.
        package var pointer: String
        /// What stands there, what is wrong, what to write.
        package var detail: String

        package init(index: Int? = nil, pointer: String, detail: String) { (self.index, self.pointer, self.detail) = (index, pointer, detail) }
    }

    package var status: HTTPResponse.Status
    package var kind: String
    package var title: String
    package var detail: String
    package var errors: [Item]
    /// How long the sender should wait; becomes `Retry-After` in whole seconds, at least 1.
    package var retryAfter: Duration?
    /// More header fields: `Allow`, `WWW-Authenticate`.
    package var headers: HTTPFields
    /// More members of the document: counts of a batch of which nothing was taken.
    package var counts: [String: Int]
    /// The connection is closed behind the answer: the rest of the body was not read.
    package var closesConnection: Bool

    package init(
        _ status: HTTPResponse.Status,
        kind: String,
        title: String,
        detail: String,
        errors: [Item] = [],
        retryAfter: Duration? = nil,
        headers: HTTPFields = [:],
        counts: [String: Int] = [:],
        closesConnection: Bool = false
    ) {
        (self.status, self.kind, self.title, self.detail, self.errors) = (status, kind, title, detail, errors)
        (self.retryAfter, self.headers, self.counts, self.closesConnection) = (retryAfter, headers, counts, closesConnection)
    }

    package var description: String { "\(status.code) \(kind): \(detail)" }

    /// `Retry-After` counts whole seconds: rounded up, so that whoever waits as told is not refused again.
    package static func retryAfterSeconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return max(1, attoseconds > 0 ? seconds + 1 : seconds)
    }

    /// The document's bytes.
    package var document: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("type")
        json.string("urn:tocsin:problem:\(kind)")
        json.key("title")
        json.string(title)
        json.key("status")
        json.integer(Int64(status.code))
        json.key("detail")
        json.string(detail)
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
            json.key(name)
            json.integer(Int64(count))
        }
        if !errors.isEmpty {
            json.key("errors")
            json.array(of: errors)
        }
        json.endObject()
        return json.bytes
    }
}

extension JSONWriter {
    /// `[{"index"?, "pointer", "detail"}]`.
    package mutating func array(of items: [Problem.Item]) {
        beginArray()
        for item in items {
            beginObject()
            if let index = item.index {
                key("index")
                integer(Int64(index))
            }
            key("pointer")
            string(item.pointer)
            key("detail")
            string(item.detail)
            endObject()
        }
        endArray()
    }
}

extension Problem: HTTPResponseError {
    package func response(from request: Request, context: some RequestContext) -> Response { response }

    package var response: Response { answer.response }

    var answer: WholeAnswer {
        var headers = headers
        headers[.cacheControl] = "no-store"
        if let retryAfter { headers[.retryAfter] = String(Self.retryAfterSeconds(retryAfter)) }
        if closesConnection { headers[.connection] = "close" }
        return WholeAnswer(status, headers: headers, type: "application/problem+json", document)
    }
}
