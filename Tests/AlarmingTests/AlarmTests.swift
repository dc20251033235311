import Glibc
import JSON
import Logging
import Operating
import Synchronization
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Alarming

/// A host whose aggregator comes and goes as a test says.
final class Host: Sendable {
    let time = ManualTime()
    let store = Store()
    let web = WebDouble()
    /// The aggregator's /health.
    let health = WebDouble()
    let mails = MailDouble()
    let alarm: Alarm
    private let shared: Shared

    init(_ receivers: [AlarmConfig.Receiver], after: Duration = .seconds(60), watchAfter: Duration? = nil, checkpoint: Checkpoint = Checkpoint()) {
        let state = Shared()
        shared = state
        alarm = Alarm(
            AlarmConfig(after: after, receivers: receivers, watchAfter: watchAfter, watchInterval: .seconds(10)),
            host: "web-1",
            next: store,
            checkpoint: checkpoint,
            aggregator: { state.aggregator.withLock { $0.state } },
            undelivered: { state.aggregator.withLock { $0.waits } },
            probe: { [health] in HealthProbe(url: "http://agg:8640", tls: TLSOptions(), http: health) },
            http: web,
            mail: mails,
            time: time,
            metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private final class Shared: Sendable {
        let aggregator = Mutex<(state: AggregatorState, waits: Bool)>((.takes, false))
    }

    /// - Parameter waits: whether alerts wait in the spool.
    func aggregator(_ state: AggregatorState, waits: Bool) { shared.aggregator.withLock { $0 = (state, waits) } }

    func pass(_ seconds: Int64) async {
        time.advance(by: .seconds(seconds))
        await alarm.look()
    }

    func alert(_ name: String, _ state: AlertState = .firing, startsAt: Timestamp? = nil) -> Alert {
        let now = time.now()
        return Alert(
            labels: ["alertname": name, "host": "web-1"],
            annotations: ["summary": "it is bad"],
            state: state,
            activeAt: startsAt ?? now,
            startsAt: startsAt ?? now,
            endsAt: state == .resolved ? now : nil,
            value: 1,
            updatedAt: now
        )
    }

    func checkpoint(firing: [Alert]) -> Checkpoint { Checkpoint(alerts: firing, notes: store.notes) }
}

final class Store: Sink {
    private let state = Mutex<(alerts: [Alert], notes: [String: String])>(([], [:]))
    var alerts: [Alert] { state.withLock { $0.alerts } }
    var notes: [String: String] { state.withLock { $0.notes } }

    func accept(_ element: Intake) async throws(SinkError) {
        state.withLock { state in
            state.alerts += element.alerts
            state.notes.merge(element.notes) { $1 }
        }
    }
}

final class WebDouble: HTTPTransferring {
    private let state = Mutex<(bodies: [JSON], status: Int)>(([], 200))
    var bodies: [JSON] { state.withLock { $0.bodies } }
    func answer(_ status: Int) { state.withLock { $0.status = status } }

    func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        let status = state.withLock { state in
            if let body = try? JSON.parse(request.body) { state.bodies.append(body) }
            return state.status
        }
        return HTTPResponse(status: status)
    }
}

final class MailDouble: MailTransferring {
    private let sent = Mutex<[MailEnvelope]>([])
    var mails: [String] { sent.withLock { $0.map { String(decoding: $0.content, as: UTF8.self) } } }

    func send(_ mail: MailEnvelope, through server: SMTPServer) async throws(TransferError) -> String {
        sent.withLock { $0.append(mail) }
        return "250 ok"
    }
}

@Suite(.timeLimit(.minutes(1))) struct AlarmTests {
    private static let hook = AlarmConfig.Receiver.webhook(AlarmConfig.Webhook(url: "http://127.0.0.1:9/hook"))
    private static let down = AggregatorState.fails("connection refused")

    @Test func `an alert is told here when the aggregator has taken nothing for the set time, and once`() async throws {
        let host = Host([Self.hook])
        host.aggregator(Self.down, waits: true)
        await host.pass(1)
        try await host.alarm.accept(Intake(alerts: [host.alert("DiskFull")]))
        await host.pass(58)
        #expect(host.web.bodies.isEmpty)
        await host.pass(2)
        #expect(host.web.bodies.count == 1)
        #expect(host.web.bodies[0]["status"]?.string == "firing")
        #expect(host.web.bodies[0]["alerts"]?[0]?["labels"]?["alertname"]?.string == "DiskFull")
        #expect(host.web.bodies[0]["commonAnnotations"]?["reason"]?.string?.contains("connection refused") == true)
        // The judge sends it again each minute: it is known.
        let again = host.alert("DiskFull", startsAt: host.store.alerts[0].startsAt)
        try await host.alarm.accept(Intake(alerts: [again]))
        for _ in 0..<10 { await host.pass(60) }
        #expect(host.web.bodies.count == 1)
        #expect(host.store.alerts.last?.isToldLocally == true)
        #expect(host.store.alerts.last?.startsAt == host.store.alerts[0].startsAt)
    }

    @Test func `who was told of the beginning is told of the end, also when the aggregator is back`() async throws {
        let host = Host([Self.hook])
        host.aggregator(Self.down, waits: true)
        await host.pass(1)
        let alert = host.alert("DiskFull")
        try await host.alarm.accept(Intake(alerts: [alert]))
        await host.pass(61)
        host.aggregator(.takes, waits: false)
        await host.pass(10)
        #expect(host.web.bodies.count == 1)
        try await host.alarm.accept(Intake(alerts: [host.alert("DiskFull", .resolved, startsAt: alert.startsAt)]))
        await host.pass(1)
        #expect(host.web.bodies.map { $0["status"]?.string } == ["firing", "resolved"])
        #expect(host.store.alerts.last?.state == .resolved)
        await host.pass(100)
        #expect(host.web.bodies.count == 2)
    }

    @Test func `what the aggregator had got before it went away is not told here`() async throws {
        let host = Host([Self.hook])
        try await host.alarm.accept(Intake(alerts: [host.alert("Old")]))
        await host.pass(1)
        host.aggregator(Self.down, waits: true)
        try await host.alarm.accept(Intake(alerts: [host.alert("New")]))
        await host.pass(1)
        await host.pass(61)
        #expect(host.web.bodies.count == 1)
        #expect(host.web.bodies[0]["alerts"]?.array?.count == 1)
        #expect(host.web.bodies[0]["alerts"]?[0]?["labels"]?["alertname"]?.string == "New")
    }

    @Test func `a short outage, and an alert that was over in it, are nobody's news`() async throws {
        let host = Host([Self.hook])
        host.aggregator(Self.down, waits: true)
        await host.pass(1)
        let alert = host.alert("Brief")
        try await host.alarm.accept(Intake(alerts: [alert, host.alert("Delivered")]))
        await host.pass(30)
        try await host.alarm.accept(Intake(alerts: [host.alert("Brief", .resolved, startsAt: alert.startsAt)]))
        host.aggregator(.takes, waits: false)
        await host.pass(1)
        host.aggregator(Self.down, waits: true)
        for _ in 0..<5 { await host.pass(60) }
        #expect(host.web.bodies.isEmpty)
    }

    @Test func `a restart tells nobody a second time`() async throws {
        let host = Host([Self.hook])
        try await host.alarm.accept(Intake(alerts: [host.alert("Delivered")]))
        await host.pass(1)
        host.aggregator(Self.down, waits: true)
        await host.pass(1)
        try await host.alarm.accept(Intake(alerts: [host.alert("Told")]))
        await host.pass(61)
        #expect(host.web.bodies.count == 1)
        let firing = [host.store.alerts[0], host.store.alerts[1]]

        let second = Host([Self.hook], checkpoint: host.checkpoint(firing: firing))
        second.aggregator(Self.down, waits: true)
        await second.pass(1)
        try await second.alarm.accept(Intake(alerts: firing))
        await second.pass(100)
        #expect(second.web.bodies.isEmpty)
        #expect(second.store.alerts.filter(\.isToldLocally).map(\.name) == ["Told"])
        // A new episode of the same alert is news.
        try await second.alarm.accept(Intake(alerts: [second.alert("Delivered")]))
        await second.pass(1)
        #expect(second.web.bodies.count == 1)
    }

    @Test func `a receiver that fails is tried again, the others are not told twice`() async throws {
        let server = SMTPServer(host: "mail", port: 25, security: .plain)
        let mail = AlarmConfig.Receiver.email(AlarmConfig.Email(server: server, from: "tocsin@example.org", to: "ops@example.org"))
        let host = Host([Self.hook, mail])
        host.web.answer(500)
        host.aggregator(Self.down, waits: true)
        await host.pass(1)
        try await host.alarm.accept(Intake(alerts: [host.alert("DiskFull")]))
        await host.pass(61)
        #expect(host.mails.mails.count == 1)
        #expect(host.mails.mails[0].contains("Subject: [FIRING:1] DiskFull"))
        #expect(host.alarm.problems().first?.contains("answered 500") == true)
        host.web.answer(200)
        await host.pass(5)
        #expect(host.web.bodies.count == 2)
        #expect(host.mails.mails.count == 1)
        #expect(host.alarm.problems().isEmpty)
    }

    @Test func `without an aggregator alerts are told at once`() async throws {
        let host = Host([Self.hook], after: .seconds(3600))
        host.aggregator(.none, waits: true)
        try await host.alarm.accept(Intake(alerts: [host.alert("DiskFull")]))
        await host.pass(1)
        #expect(host.web.bodies.count == 1)
    }
}

@Suite(.timeLimit(.minutes(1))) struct CommandRunnerTests {
    @Test func `a command gets the notification on its standard input, whole`() async throws {
        let folder = try TemporaryFolder()
        let input = Array(String(repeating: "0123456789", count: 20_000).utf8)
        let problem = await CommandRunner().run(["/bin/sh", "-c", "cat > \(folder("got"))"], input: input, timeout: .seconds(30))
        #expect(problem == nil)
        #expect(TestFiles.bytes(folder("got")) == input)
    }

    @Test func `an exit code, a missing program, and one that hangs are told`() async throws {
        let runner = CommandRunner()
        #expect(await runner.run(["/bin/sh", "-c", "exit 3"], input: [1], timeout: .seconds(30)) == "/bin/sh ended with 3")
        #expect(await runner.run(["/nowhere/page"], input: [1], timeout: .seconds(30))?.contains("cannot be started") == true)
        #expect(await runner.run(["/bin/sleep", "100"], input: [1], timeout: .milliseconds(200))?.contains("did not end") == true)
    }
}
