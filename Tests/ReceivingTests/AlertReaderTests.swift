import Answering
import Blocks
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Logging
import NIOCore
import Operating
import Telemetry
import TestSupport
import Testing

@testable import Receiving

@Suite struct AlertReaderTests {
    private let now = Timestamp(milliseconds: 1_767_225_600_000)

    private func read(_ text: String) throws -> AlertReader {
        AlertReader(try #require(try JSON.parse(text).array), now: now, resolveTimeout: .seconds(300))
    }

    @Test func `what Prometheus sends is read as it means it`() throws {
        let read = try read(
            """
            [{"labels":{"alertname":"Up","instance":"db-1:9100","empty":""},"annotations":{"summary":"it is down"},
              "startsAt":"2025-12-31T23:59:00.123Z","endsAt":"2026-01-01T00:04:00Z","generatorURL":"http://p:9090/graph?g0.expr=up"},
             {"labels":{"alertname":"Over"},"startsAt":"2025-12-31T23:50:00Z","endsAt":"2025-12-31T23:59:59Z"}]
            """
        )
        #expect(read.problems == [])
        #expect(read.alerts.map(\.state) == [.firing, .resolved])
        #expect(read.alerts[0].labels == ["alertname": "Up", "instance": "db-1:9100"])
        #expect(read.alerts[0].startsAt == Timestamp(rfc3339: "2025-12-31T23:59:00.123Z"))
        #expect(read.alerts[0].endsAt == now.advanced(by: .seconds(240)))
        #expect(read.alerts[0].expression == "http://p:9090/graph?g0.expr=up")
        #expect(read.alerts[0].isFromElsewhere)
        #expect(read.alerts[1].endsAt == now.advanced(by: .seconds(-1)))
    }

    @Test func `what is missing is filled in: it begins now, and ends after resolve_timeout`() throws {
        let read = try read(#"[{"labels":{"a":"b"}},{"labels":{"a":"c"},"startsAt":"0001-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00.000Z"}]"#)
        for alert in read.alerts {
            #expect(alert.startsAt == now)
            #expect(alert.endsAt == now.advanced(by: .seconds(300)))
            #expect(alert.state == .firing)
        }
        #expect(read.alerts.count == 2)
    }

    @Test func `labels of agents are not taken from others`() throws {
        let read = try read(#"[{"labels":{"job":"tocsin","a":"b"}},{"labels":{"job":"tocsin","exported_job":"x"}},{"labels":{"job":"node"}}]"#)
        #expect(read.alerts.map(\.labels) == [["a": "b", "exported_job": "tocsin"], ["exported_job": "x"], ["job": "node"]])
    }

    @Test(arguments: [
        (#"{}"#, "at least one label"), (#"7"#, "object"), (#"{"labels":{"a":""}}"#, "at least one label"), (#"{"labels":{"a-b":"c"}}"#, "a-b"),
        (#"{"labels":{"9":"c"}}"#, "9"), (#"{"labels":{"a":1}}"#, "labels.a"), (#"{"labels":[]}"#, "labels"),
        (#"{"labels":{"a":"b"},"annotations":{"":"c"}}"#, "annotations"), (#"{"labels":{"a":"b"},"startsAt":"now"}"#, "startsAt"),
        (#"{"labels":{"a":"b"},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2025-01-01T00:00:00Z"}"#, "before"),
        (#"{"labels":{"a":"b"},"generatorURL":{}}"#, "generatorURL"),
    ])
    func `a bad alert is refused with the reason, and the good one beside it is taken`(item: String, words: String) throws {
        let read = try read("[\(item),{\"labels\":{\"good\":\"one\"}}]")
        #expect(read.problems.count == 1)
        #expect(read.problems[0].hasPrefix("alert 0: ") && read.problems[0].contains(words), "\(read.problems)")
        #expect(read.alerts.map(\.labels) == [["good": "one"]])
    }

    @Test func `a bomb of labels is refused`() throws {
        let many = (0..<100).map { "\"l\($0)\":\"x\"" }.joined(separator: ",")
        let long = "\"l\":\"" + String(repeating: "x", count: 10_000) + "\""
        let read = try read("[{\"labels\":{\(many)}},{\"labels\":{\(long)}}]")
        #expect(read.problems.count == 2)
        #expect(read.problems.allSatisfy { $0.contains("limit") })
        #expect(read.alerts.isEmpty)
    }

    // MARK: The route

    private func post(_ body: String, role: Principal.Role = .operator, to admission: FakeAdmission = FakeAdmission()) async throws -> (Int, String) {
        let metrics = MetricsRegistry()
        let receiver = AlertReceiver(
            limits: ReceivingLimits(),
            into: admission,
            budget: BodyBudget(),
            time: ManualTime(now: now),
            metrics: metrics,
            resolveTimeout: { .seconds(60) }
        )
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let identity = Door.Identification.known(Principal(name: "p", role: role))
        let door = Door(routes: receiver.routes, identify: { _ in identity }, time: ManualTime(now: now), metrics: metrics, logger: logger)
        return try await Application(router: door.router(), logger: logger).test(.router) { client in
            let response = try await client.execute(uri: "/api/v2/alerts", method: .post, body: ByteBuffer(string: body))
            return (response.status.code, String(buffer: response.body))
        }
    }

    @Test func `good alerts go on as one block with the timeout of now, and the answer is empty`() async throws {
        let admission = FakeAdmission()
        let (status, body) = try await post(#"[{"labels":{"a":"b"}},{"labels":{"a":"c"}}]"#, to: admission)
        #expect((status, body) == (200, ""))
        guard case .alerts(let block)? = admission.submissions.first?.content else {
            Issue.record("no block of alerts came")
            return
        }
        let alerts = try AlertBlock(decoding: block.bytes).alerts
        #expect(alerts.map(\.endsAt) == [now.advanced(by: .seconds(60)), now.advanced(by: .seconds(60))])
        #expect((block.kind, block.count, block.timestamps.count) == (.alerts, 2, 2))
        #expect(try await post("[]", to: admission).0 == 200)
        #expect(admission.submissions.count == 1)
    }

    @Test func `each alert says under which token it came, whatever its sender says of that`() async throws {
        let admission = FakeAdmission()
        let forged = #"[{"labels":{"a":"b"},"annotations":{"tocsin_sender":"other","summary":"s"}},{"labels":{"a":"c"}}]"#
        #expect(try await post(forged, to: admission).0 == 200)
        guard case .alerts(let block)? = admission.submissions.first?.content else {
            Issue.record("no block of alerts came")
            return
        }
        let alerts = try AlertBlock(decoding: block.bytes).alerts
        #expect(alerts.map { $0.annotations[Alert.senderAnnotation] } == ["p", "p"])
        #expect(alerts.first?.annotations["summary"] == "s")
    }

    @Test func `errors are a JSON string, as Alertmanager's clients read them`() async throws {
        for (body, words) in [("{", "line"), ("{}", "array"), (#"[{"labels":{}}]"#, "alert 0")] {
            let (status, text) = try await post(body)
            #expect(status == 400)
            #expect(try JSON.parse(text).string?.contains(words) == true, "\(text)")
        }
        let admission = FakeAdmission()
        admission.refuse(with: .unavailable(retryAfter: .seconds(3), "the disk is full"))
        #expect(try await post(#"[{"labels":{"a":"b"}}]"#, to: admission).0 == 503)
    }

    @Test func `only operators may send`() async throws {
        #expect(try await post("[]", role: .viewer).0 == 403)
        #expect(try await post("[]", role: .agent).0 == 403)
    }
}
