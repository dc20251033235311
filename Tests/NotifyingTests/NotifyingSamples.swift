import Configuring
import Synchronization
import Telemetry
import Transferring

@testable import Notifying

/// Configurations and alerts that the tests of this room share. The clock begins at ``start``.
enum Sample {
    static let start = Timestamp(milliseconds: 1_767_225_600_000)

    static func at(_ seconds: Int) -> Timestamp { start.advanced(by: .seconds(seconds)) }

    static func matchers(_ text: String) -> [AlertMatcher] { (try? AlertMatcher.parse(text)) ?? [] }

    /// One receiver `ops` with a webhook and, when asked, a mail.
    static func config(
        _ root: RouteTree.Node,
        mails: Bool = false,
        inhibit: [InhibitRule] = [],
        receivers: [Receiver]? = nil
    ) -> NotifyingConfig {
        let ops = Receiver(
            name: "ops",
            webhooks: [WebhookConfig(url: Secret("http://127.0.0.1:1/hook"))],
            emails: mails
                ? [EmailConfig(to: "ops@example.org", from: "tocsin@example.org", host: "127.0.0.1", port: 25, requireTLS: false)] : []
        )
        return NotifyingConfig(receivers: receivers ?? [ops], route: RouteTree(root: root), inhibitRules: inhibit)
    }

    static func route(
        by names: [String] = ["alertname"],
        wait: Int = 10,
        interval: Int = 60,
        repeats: Int = 3600,
        limit: RouteTree.RateLimit? = nil,
        matchers: String = "",
        continues: Bool = false,
        receiver: String? = nil,
        routes: [RouteTree.Node] = []
    ) -> RouteTree.Node {
        RouteTree.Node(
            receiver: receiver ?? "ops",
            groupBy: .labels(names),
            groupWait: .seconds(wait),
            groupInterval: .seconds(interval),
            repeatInterval: .seconds(repeats),
            rateLimit: limit,
            matchers: matchers.isEmpty ? [] : Sample.matchers(matchers),
            continues: continues,
            routes: routes
        )
    }

    static func alert(
        _ name: String,
        _ host: String = "web-1",
        _ state: AlertState = .firing,
        since: Int = 0,
        until: Int? = nil,
        severity: String = "warning"
    ) -> Alert {
        Alert(
            labels: ["alertname": name, "host": host, "severity": severity],
            annotations: ["summary": "\(name) on \(host)"],
            state: state,
            activeAt: at(since),
            startsAt: at(since),
            endsAt: state == .resolved ? at(until ?? since + 1) : nil,
            value: 1,
            updatedAt: at(until ?? since),
            expression: "up == 0"
        )
    }

    static func transition(_ sequence: UInt64, _ alert: Alert, historyOnly: Bool = false) -> AlertTransition {
        AlertTransition(
            sequence: sequence,
            alert: alert,
            previous: nil,
            reason: alert.state == .resolved ? "resolved" : "fired",
            incident: UUID(high: 1, low: 1),
            isHistoryOnly: historyOnly
        )
    }
}

/// A provider that answers as it is told and remembers what came.
final class FakeHTTP: HTTPTransferring {
    typealias Answer = @Sendable (Int, HTTPRequest) -> Result<HTTPResponse, TransferError>

    private let answer: Answer
    private let requests = Mutex<[HTTPRequest]>([])
    private let arrivals = AsyncStream.makeStream(of: HTTPRequest.self)

    /// - Parameter answer: gets the number of the request, from 1.
    init(_ answer: @escaping Answer = { _, _ in .success(HTTPResponse(status: 200)) }) { self.answer = answer }

    var all: [HTTPRequest] { requests.withLock { $0 } }
    var stream: AsyncStream<HTTPRequest> { arrivals.stream }

    func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        let number = requests.withLock { requests in
            requests.append(request)
            return requests.count
        }
        arrivals.continuation.yield(request)
        return try answer(number, request).get()
    }
}

/// Refuses every mail.
struct NoMail: MailTransferring {
    func send(_ mail: MailEnvelope, through server: SMTPServer) async throws(TransferError) -> String { throw .unreachable("no mail here") }
}

/// A provider that takes its time: it answers when the test says so.
struct SlowHTTP: HTTPTransferring {
    let answers: AsyncStream<Void>
    let arrivals = AsyncStream.makeStream(of: Void.self)

    func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        arrivals.continuation.yield()
        for await _ in answers { return HTTPResponse(status: 200) }
        throw .cancelled
    }
}
