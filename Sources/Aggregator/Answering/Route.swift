package import HTTPTypes
package import Hummingbird
package import Telemetry

/// One thing that can be asked: method, path, who may, and what answers. Rooms list theirs; the door makes one router of all.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Request, DoorContext) async throws -> Response

    /// Who may use a route.
    package enum Access: String, Sendable, Hashable, CaseIterable {
        /// Everybody, without a token: nothing is told but that the aggregator lives.
        case open
        /// To look: operators and viewers.
        case read
        /// To send data: agents and operators.
        case send
        /// To change something: operators.
        case operate

        package func allows(_ role: Principal.Role) -> Bool {
            switch (self, role) {
            case (.open, _), (_, .operator), (.read, .viewer), (.send, .agent): true
            default: false
            }
        }
    }

    package var method: HTTPRequest.Method
    /// Hummingbird's notation: `/api/v1/events/:id`.
    package var path: String
    package var access: Access
    package var handler: Handler
    /// The quick way for short posts; only for a POST with access ``Access/send`` and a path without parameters.
    package var short: ShortPost.Handler?
    /// The handler computes next to nothing: it waits for another thread and answers in some kilobytes. It runs on the connection's own thread, where others
    /// go to the pool first and come back to it: two threads less to be woken, each of which may wait for a processor.
    package var isBrief: Bool

    package init(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ access: Access,
        isBrief: Bool = false,
        short: ShortPost.Handler? = nil,
        _ handler: @escaping Handler
    ) {
        precondition(short == nil || (method == .post && access == .send && !path.contains(":")), "\(path) cannot have short posts")
        (self.method, self.path, self.access, self.isBrief, self.short, self.handler) = (method, path, access, isBrief, short, handler)
    }

    /// The same route under `/api/v1` and without it.
    package static func both(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ access: Access,
        isBrief: Bool = false,
        short: ShortPost.Handler? = nil,
        _ handler: @escaping Handler
    ) -> [Route] {
        ["/api/v1" + path, path].map { Route(method, $0, access, isBrief: isBrief, short: short, handler) }
    }
}
