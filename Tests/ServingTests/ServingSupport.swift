import Answering
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Logging
import NIOCore
import Operating
import Serving
import Synchronization
import Telemetry
import TestSupport

/// The rooms behind Serving, in memory.
final class FakeRooms: EventSearching, EventStreaming, MetricQuerying, AlertDirectory, RuleDirectory, NotificationDirectory,
    AlertmanagerDirectory, AlertHistory
{
    struct State {
        var events: [Event] = []
        var asked: [EventQuery] = []
        var starts: [StreamStart] = []
        var deliveries: [StreamDelivery] = []
        var streamError: StreamError?
        var next: EventCursor?
        var error: QueryError?
        var answer = MetricAnswer.vector([])
        var queries: [String] = []
        var silences: [Silence] = []
        var alerts: [Alert] = []
        var shown: [ShownAlert] = []
        var evaluated: [EvaluatedGroup] = []
        var hosts: [HostRecord] = []
        var incidents: [Incident] = []
        var askedIncidents: [IncidentQuery] = []
        var notifications: [NotificationRecord] = []
        var routed: [RoutedAlert] = []
        var groups: [RoutedGroup] = []
        var selections: [AlertSelection] = []
        var report = ConfigurationReload()
        var episodes: [AlertEpisode] = []
        var episodeQueries: [EpisodeQuery] = []
        var notificationQueries: [NotificationQuery] = []
        var decisions: [Decision] = []
        var correlated: [Decision] = []
        var noise: [RuleNoise] = []
        var acknowledgements: [UInt64: AlertAcknowledgement] = [:]
        var links: [String: LinkedAlerts] = [:]
        var onCall: [OnCallRecord] = []
        var channels: [ChannelRecord] = []
        var tests: [String: [ChannelTest]] = [:]
    }

    let state = Mutex(State())

    func set(_ change: @Sendable (inout sending State) -> Void) { state.withLock { change(&$0) } }

    private func fail() throws(QueryError) {
        if let error = state.withLock({ $0.error }) { throw error }
    }

    func events(_ query: EventQuery) async throws(QueryError) -> EventPage {
        try fail()
        return state.withLock { state in
            state.asked.append(query)
            return EventPage(events: state.events, next: state.next)
        }
    }

    /// Gives what was set, then ends.
    final class Subscription: EventSubscription {
        let beginning = StreamPlace.live(41, row: StreamPlace.everyRow)
        private let deliveries: Mutex<[StreamDelivery]>

        init(_ deliveries: [StreamDelivery]) { self.deliveries = Mutex(deliveries) }

        func next() async throws(QueryError) -> StreamDelivery? { deliveries.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
        func cancel() {}
    }

    func subscribe(to query: EventQuery, from start: StreamStart) async throws(StreamError) -> any EventSubscription {
        if let error = state.withLock({ $0.streamError }) { throw error }
        return state.withLock { state in
            state.asked.append(query)
            state.starts.append(start)
            return Subscription(state.deliveries)
        }
    }

    func event(id: UUID) async throws(QueryError) -> Event? { state.withLock { $0.events.first { $0.id == id } } }

    func events(correlationID: String, limit: Int) async throws(QueryError) -> [Event] {
        state.withLock { $0.events.filter { $0.correlationID == correlationID } }
    }

    func statistics(_ query: EventQuery, interval: Duration?) async throws(QueryError) -> EventStatistics {
        try fail()
        return state.withLock { state in
            state.asked.append(query)
            return EventStatistics(
                total: 3,
                bySource: ["a": 1, "b": 2],
                byType: ["t": 3],
                bySeverity: [.info: 3],
                byHost: ["": 3],
                start: query.start,
                end: query.end,
                interval: interval,
                buckets: interval == nil ? [] : [EventBucket(start: query.start, total: 3, bySeverity: [.info: 3])]
            )
        }
    }

    func facets(_ query: EventQuery, by facet: EventFacet, limit: Int) async throws(QueryError) -> EventFacetCounts {
        try fail()
        return state.withLock { state in
            state.asked.append(query)
            return EventFacetCounts(facet: facet, values: [.init(value: "a", count: 2)], distinct: limit, total: 3)
        }
    }

    /// A step an event; the cursor's row says which.
    func exported(_ query: EventQuery) async throws(QueryError) -> EventPage {
        try fail()
        return state.withLock { state in
            state.asked.append(query)
            let index = query.cursor.map { Int($0.row) + 1 } ?? 0
            guard index < state.events.count else { return EventPage(events: [], next: nil) }
            let next = EventCursor(timestamp: state.events[index].timestamp, position: 1, row: UInt32(index))
            return EventPage(events: [state.events[index]], next: index + 1 < state.events.count ? next : nil)
        }
    }

    func query(_ expression: String, at time: Timestamp) async throws(QueryError) -> MetricAnswer {
        try fail()
        return state.withLock { state in
            state.queries.append("\(expression) @ \(time)")
            return state.answer
        }
    }

    func query(_ expression: String, from start: Timestamp, to end: Timestamp, step: Duration) async throws(QueryError) -> MetricAnswer {
        try fail()
        return state.withLock { state in
            state.queries.append("\(expression) @ \(start) \(end) \(step)")
            return state.answer
        }
    }

    func alerts() async -> [Alert] { state.withLock { $0.alerts } }
    func shownAlerts() async -> [ShownAlert] { state.withLock { state in state.alerts.map { ShownAlert($0) } + state.shown } }
    func ruleGroups() async -> [EvaluatedGroup] { state.withLock { $0.evaluated } }
    func incidents(_ query: IncidentQuery) async throws(QueryError) -> IncidentPage {
        try fail()
        return state.withLock { state in
            state.askedIncidents.append(query)
            let page = Array(state.incidents.prefix(query.limit))
            let next = state.incidents.count > query.limit ? page.last.map { IncidentCursor(openedAt: $0.openedAt, id: $0.id) } : nil
            return IncidentPage(incidents: page, next: next)
        }
    }

    func incident(id: UUID) async throws(QueryError) -> Incident? { state.withLock { $0.incidents.first { $0.id == id } } }
    func hosts() async -> [HostRecord] { state.withLock { $0.hosts } }

    func forget(host: String, by author: String) async throws(QueryError) -> Bool {
        state.withLock { state in
            guard let index = state.hosts.firstIndex(where: { $0.host == host }) else { return false }
            state.hosts.remove(at: index)
            return true
        }
    }

    func notification(_ id: UUID) async -> NotificationDetail? {
        state.withLock { state in
            state.notifications.first { $0.id == id }.map { NotificationDetail(record: $0, alerts: state.alerts, digested: []) }
        }
    }

    /// What failed is pending then.
    func resend(_ id: UUID) async throws(QueryError) -> Bool {
        try state.withLock { state throws(QueryError) in
            guard let index = state.notifications.firstIndex(where: { $0.id == id }) else { return false }
            guard state.notifications[index].state == .failed else { throw .invalid("it was delivered") }
            state.notifications[index].state = .pending
            return true
        }
    }

    func channels() async -> [ChannelRecord] { state.withLock { $0.channels } }

    func test(receiver: String) async throws(QueryError) -> [ChannelTest]? {
        try fail()
        return state.withLock { $0.tests[receiver] }
    }

    func silences() async -> [Silence] { state.withLock { $0.silences } }

    func alerts(_ selection: AlertSelection) async throws(QueryError) -> [RoutedAlert] {
        try fail()
        return state.withLock { state in
            state.selections.append(selection)
            return state.routed
        }
    }

    func groups(_ selection: AlertSelection) async throws(QueryError) -> [RoutedGroup] {
        try fail()
        return state.withLock { state in
            state.selections.append(selection)
            return state.groups
        }
    }

    func silences(matching filters: [String]) async throws(QueryError) -> [ListedSilence] {
        try fail()
        let parts = [MatcherParts(name: "a", value: "b.*", isRegex: true, isEqual: false)]
        return state.withLock { $0.silences.map { ListedSilence(silence: $0, matchers: parts) } }
    }

    func set(_ silence: Silence, replacing id: UUID?) async throws(QueryError) -> UUID? {
        try fail()
        return state.withLock { state in
            guard let id else {
                state.silences.append(silence)
                return silence.id
            }
            guard let index = state.silences.firstIndex(where: { $0.id == id }) else { return nil }
            state.silences[index].endsAt = silence.endsAt
            return id
        }
    }

    func receivers() async -> [String] { ["ops", "db"] }
    func configurationText() async -> String { "route:\n  receiver: ops\n" }

    func add(_ silence: Silence) async throws(QueryError) {
        guard silence.endsAt > silence.startsAt else { throw .invalid("the end is not after the start") }
        state.withLock { $0.silences.append(silence) }
    }

    func expireSilence(id: UUID, at now: Timestamp) async throws(QueryError) -> Bool {
        state.withLock { state in
            guard let index = state.silences.firstIndex(where: { $0.id == id }) else { return false }
            state.silences[index].endsAt = now
            return true
        }
    }
}

struct Window {
    let rooms = FakeRooms()
    let time = ManualTime()
    let metrics = MetricsRegistry()
    var identification = Door.Identification.known(.loopback)
    var components = [HealthReport.Component(name: "storage", status: .healthy)]

    func ask(
        _ path: String,
        method: HTTPRequest.Method = .get,
        _ body: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        let (now, components, identification) = (time.now(), components, identification)
        let serving = ServingRoutes(
            events: rooms,
            stream: rooms,
            queries: rooms,
            alerts: rooms,
            rules: rooms,
            notifications: rooms,
            alertmanager: rooms,
            reload: { [rooms] in rooms.state.withLock { $0.report } },
            history: rooms,
            correlated: FakeCorrelating(rooms: rooms),
            status: {
                AggregatorStatus(
                    version: "1.2.3",
                    startedAt: now,
                    now: now,
                    uptime: .seconds(7),
                    health: HealthReport(components: components),
                    storage: ["bytes": 12]
                )
            },
            metrics: metrics,
            budget: BodyBudget(),
            time: time,
            makeID: { _ in UUID(high: 0xABC, low: 1) }
        )
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let door = Door(routes: serving.routes, identify: { _ in identification }, time: time, metrics: metrics, logger: logger)
        return try await Application(router: door.router(), logger: logger).test(.router) { client in
            Answer(try await client.execute(uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }))
        }
    }
}

struct Answer {
    let status: Int
    let headers: HTTPFields
    let text: String

    init(_ response: TestResponse) {
        (status, headers, text) = (response.status.code, response.headers, String(buffer: response.body))
    }

    var json: JSON { (try? JSON.parse(text)) ?? .null }
    var isProblem: Bool { headers[.contentType] == "application/problem+json" && json["status"]?.integer == Int64(status) }
}
