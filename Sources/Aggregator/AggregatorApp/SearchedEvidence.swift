import Correlating
import Expressions
import Telemetry

/// Evidence from the searches that people use. What they refuse (a limit, an expression of a newer agent) is no evidence; what fails is tried again.
struct SearchedEvidence: EvidenceSource {
    let events: any EventSearching
    let queries: any MetricQuerying

    /// Points of a series: enough for a line of a terminal.
    private static let pointsMax = 60
    private static let stepMin = Duration.seconds(10)

    func warnings(of host: String, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event] {
        try await all(EventQuery(minSeverity: .warning, host: host, start: window.lowerBound, end: end(of: window), limit: limit))
    }

    func changes(of types: [String], in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event] {
        var found: [Event] = []
        for type in types { found += try await all(EventQuery(type: type, start: window.lowerBound, end: end(of: window), limit: limit)) }
        return Array(found.sorted { $0.timestamp > $1.timestamp }.prefix(limit))
    }

    func events(correlationID: String, limit: Int) async throws -> [Event] {
        try await tolerating { () async throws(QueryError) in try await events.events(correlationID: correlationID, limit: limit) } ?? []
    }

    func hasOccurred(_ words: String, on host: String, in window: ClosedRange<Timestamp>) async throws -> Bool {
        let query = EventQuery(host: host.isEmpty ? nil : host, start: window.lowerBound, end: window.upperBound, words: words, limit: 1)
        let page = try await tolerating { () async throws(QueryError) in try await events.events(query) }
        // What could not be looked through is not called new.
        return page.map { !$0.events.isEmpty } ?? true
    }

    func metrics(of alert: Alert, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [MetricPoints] {
        guard let expression = try? Expression(parsing: alert.expression), limit > 0 else { return [] }
        let step = max(window.upperBound.duration(since: window.lowerBound) / Self.pointsMax, Self.stepMin)
        var (found, asked): ([MetricPoints], Set<String>) = ([], [])
        for selector in expression.selectors() where found.count < limit {
            guard let text = Self.query(selector, of: alert), asked.insert(text).inserted else { continue }
            let answer = try await tolerating { () async throws(QueryError) in
                try await queries.query(text, from: window.lowerBound, to: window.upperBound, step: step)
            }
            guard case .matrix(let series)? = answer else { continue }
            found += series.filter { Self.isAbout(alert, $0.labels) && !$0.points.isEmpty }.prefix(limit - found.count).map { series in
                MetricPoints(labels: series.labels.setting(Labels.metricName, to: selector.metricName ?? ""), points: series.points)
            }
        }
        return found
    }

    /// The selector, narrowed to the alert's host; a counter as its rate, because only that says something.
    private static func query(_ selector: Expression.SelectorReach, of alert: Alert) -> String? {
        guard let name = selector.metricName else { return nil }
        var matchers = selector.matchers.filter { $0.name != Labels.metricName }
        if let host = alert.labels["host"], !matchers.contains(where: { $0.name == "host" }) { matchers.append(LabelMatcher("host", equals: host)) }
        let text = "\(name){\(matchers.map(\.description).joined(separator: ", "))}"
        return name.hasSuffix("_total") ? "rate(\(text)[2m])" : text
    }

    /// Where both have a label, it says the same; what the rule itself put on the alert does not count.
    private static func isAbout(_ alert: Alert, _ series: Labels) -> Bool {
        series.pairs.allSatisfy { pair in ["severity", "job"].contains(pair.name) || alert.labels[pair.name].map { $0 == pair.value } ?? true }
    }

    private func end(of window: ClosedRange<Timestamp>) -> Timestamp {
        window.upperBound == .distantFuture ? window.upperBound : window.upperBound.advanced(by: .nanoseconds(1))
    }

    private func all(_ query: EventQuery) async throws -> [Event] {
        var (found, cursor) = ([Event](), EventCursor?.none)
        repeat {
            var next = query
            next.cursor = cursor
            let asked = next
            guard let page = try await tolerating({ () async throws(QueryError) in try await events.events(asked) }) else { return found }
            found += page.events
            cursor = page.next
        } while cursor != nil && found.count < query.limit
        return found
    }

    private func tolerating<Answer: Sendable>(_ question: () async throws(QueryError) -> Answer) async throws(QueryError) -> Answer? {
        do { return try await question() } catch {
            if case .failed = error { throw error }
            return nil
        }
    }
}
