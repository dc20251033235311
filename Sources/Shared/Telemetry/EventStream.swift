/// Where a client of the live stream stands, so that it can go on there after a broken connection.
package enum StreamPlace: Sendable, Hashable {
    /// The number that stands for every row of a position.
    package static let everyRow = UInt32.max

    /// Everything of the log up to this row was passed on.
    case live(LogPosition, row: UInt32)
    /// Of what was stored up to `through`, everything up to this key was passed on, in order of time; nothing yet of what came later.
    case replay(EventCursor, through: LogPosition)
}

/// Where a subscription begins.
package enum StreamStart: Sendable, Hashable {
    /// With the next event that is stored.
    case now
    /// With the events at or after this moment that are stored already, oldest first; then as ``now``. What is stored later comes live, however
    /// old its timestamp is.
    case since(Timestamp)
    /// Behind what was passed on before.
    case behind(StreamPlace)
}

/// One event on its way to a client.
package struct StreamedEvent: Sendable, Hashable {
    package var event: Event
    /// Who goes on behind it is given neither this event again nor less than the next.
    package var place: StreamPlace

    package init(_ event: Event, at place: StreamPlace) { (self.event, self.place) = (event, place) }
}

/// Events that matched and were not passed on. They are in the log, unless retention removed them.
package struct MissedEvents: Sendable, Hashable {
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The client was slower than the events came.
        case slow
        /// Retention has passed over the stream, or stored bytes were damaged.
        case gone
    }

    package var reason: Reason
    /// 0 when it cannot be known.
    package var count: UInt64
    /// The earliest and the latest of them.
    package var from: Timestamp
    package var to: Timestamp

    package init(reason: Reason, count: UInt64, from: Timestamp, to: Timestamp) {
        (self.reason, self.count, self.from, self.to) = (reason, count, from, to)
    }
}

/// What a subscription gives next.
package enum StreamDelivery: Sendable, Hashable {
    /// Some hundred at most; never empty.
    case events([StreamedEvent])
    /// A hole: these lay between what came before and what comes next.
    case missed(MissedEvents)
    /// Nothing happened for a while; the client is told that the line is alive, and up to where there was nothing for it. Nil: no farther than
    /// what it was told before.
    case quiet(StreamPlace?)
}

/// One client's stream. It is read by one task at a time.
package protocol EventSubscription: AnyObject, Sendable {
    /// Where it begins: who goes on behind this place loses nothing, though it was given nothing yet.
    var beginning: StreamPlace { get }
    /// Suspends until there is something; nil when the stream is over: cancelled, or the aggregator stops.
    func next() async throws(QueryError) -> StreamDelivery?
    /// Ends it from any task; ``next()`` gives nil then.
    func cancel()
}

/// Gives out live streams of events.
package protocol EventStreaming: Sendable {
    /// The filters of `query` hold; its `start`, `end`, `limit`, `cursor` and order mean nothing here. Every event whose storing is
    /// acknowledged after this call has returned comes exactly once, unless the client is told that it missed it.
    func subscribe(to query: EventQuery, from start: StreamStart) async throws(StreamError) -> any EventSubscription
}

/// Why there is no stream.
package enum StreamError: Error, Sendable, Hashable, CustomStringConvertible {
    case invalid(String)
    /// As many clients as are allowed are there.
    case full(clientsMax: Int)
    case failed(String)
    /// The aggregator stops.
    case closed

    package var description: String {
        switch self {
        case .invalid(let detail), .failed(let detail): detail
        case .full(let most): "\(most) clients follow the live stream already (limits.streams): end one of them, or raise the limit"
        case .closed: "the aggregator is stopping: connect again in a moment"
        }
    }
}
