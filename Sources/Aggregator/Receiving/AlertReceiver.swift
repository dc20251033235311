package import Answering
import Blocks
import HTTPTypes
import Hummingbird
import JSON
package import Operating
package import Telemetry

/// Alerts of others, a Prometheus above all: `POST /api/v2/alerts`, as Alertmanager has it. 200 = on disk, like everything that is received here.
package struct AlertReceiver: Sendable {
    private let admission: any SubmissionAdmitting
    private let reader: BodyReader
    private let limits: ReceivingLimits
    private let time: any TimeSource
    private let resolveTimeout: @Sendable () async -> Duration
    private let taken: Counter
    private let refused: Counter

    /// - Parameters:
    ///   - admission: the next room.
    ///   - budget: what all requests together may hold in memory.
    ///   - resolveTimeout: `global.resolve_timeout` of now.
    package init(
        limits: ReceivingLimits,
        into admission: any SubmissionAdmitting,
        budget: BodyBudget,
        time: any TimeSource,
        metrics: MetricsRegistry,
        resolveTimeout: @escaping @Sendable () async -> Duration
    ) {
        (self.limits, self.admission, self.time, self.resolveTimeout) = (limits, admission, time, resolveTimeout)
        reader = BodyReader(limits: limits.body, budget: budget)
        let help = "Alerts that others sent: taken, or refused because they were no good alerts."
        taken = metrics.counter("tocsin_receiving_alerts_total", help: help, labels: [Label("outcome", "taken")])
        refused = metrics.counter("tocsin_receiving_alerts_total", help: help, labels: [Label("outcome", "refused")])
    }

    package var routes: [Route] { [Route(.post, "/api/v2/alerts", .operate) { try await take($0, $1) }] }

    private func take(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let (body, share) = try await reader.read(request, context)
        defer { withExtendedLifetime(share) {} }
        let text = try Inflation.inflate(
            body,
            encoding: request.headers[.contentEncoding],
            bytesMax: min(limits.inflatedBytesMax, ReceivingLimits.alertBytesMax),
            share: share
        )
        let tree: JSON
        do { tree = try JSON.parse(Array(text.padded[text.start..<text.count])) } catch { return Self.refusal(.badRequest, error.description) }
        guard let list = tree.array else { return Self.refusal(.badRequest, "the body is not a JSON array of alerts") }
        guard list.count <= ReceivingLimits.alertsPerRequestMax else {
            return Self.refusal(
                .contentTooLarge,
                "\(list.count) alerts are more than \(ReceivingLimits.alertsPerRequestMax): send them in several requests"
            )
        }
        let now = time.now()
        let read = AlertReader(list, now: now, resolveTimeout: await resolveTimeout())
        refused.increment(by: read.problems.count)
        if !read.alerts.isEmpty {
            // Without tokens everybody is the same.
            let sender = context.principal == .loopback ? nil : context.principal.name
            let block = AdmittedBlock(
                kind: .alerts,
                bytes: AlertBlock.encode(read.alerts.map { $0.sent(by: sender) }),
                count: read.alerts.count,
                from: now,
                to: now,
                timestamps: Array(repeating: now.nanoseconds, count: read.alerts.count)
            )
            let submission = Submission(
                principal: context.principal,
                receivedAt: now,
                content: .alerts(block),
                bodyBytes: body.count,
                inflatedBytes: text.count
            )
            do throws(Refusal) { _ = try await admission.admit(submission) } catch { throw Problem(refusal: error) }
            taken.increment(by: read.alerts.count)
        }
        guard read.problems.isEmpty else {
            let shown = read.problems.prefix(Self.problemsShown).joined(separator: "; ")
            let more = read.problems.count - Self.problemsShown
            return Self.refusal(.badRequest, shown + (more > 0 ? "; and \(more) more" : ""))
        }
        return Response(status: .ok)
    }

    private static let problemsShown = 20

    /// Alertmanager's clients read an error as a JSON string.
    private static func refusal(_ status: HTTPResponse.Status, _ detail: String) -> Response {
        .json(status) { $0.string(detail) }
    }
}
