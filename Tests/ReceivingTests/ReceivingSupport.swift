import Answering
import Blocks
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Logging
import NIOCore
import Operating
import Receiving
import Synchronization
import Telemetry
import TestSupport

/// The next room: keeps what it is given, and answers as it was told to.
final class FakeAdmission: SubmissionAdmitting {
    struct State {
        var submissions: [Submission] = []
        var refusal: Refusal?
        var receipt: Receipt?
    }

    private let state = Mutex(State())

    var submissions: [Submission] { state.withLock { $0.submissions } }
    var events: [Event] {
        submissions.flatMap { submission -> [Event] in
            guard case .events(let client) = submission.content else { return [] }
            return client.blocks.flatMap { (try? EventBlock(decoding: $0.encoded))?.events() ?? [] }
        }
    }

    func refuse(with refusal: Refusal) { state.withLock { $0.refusal = refusal } }
    func answer(with receipt: Receipt) { state.withLock { $0.receipt = receipt } }

    func admit(_ submission: Submission) async throws(Refusal) -> Receipt {
        let (refusal, receipt): (Refusal?, Receipt?) = state.withLock { state in
            if state.refusal == nil { state.submissions.append(submission) }
            return (state.refusal, state.receipt)
        }
        if let refusal { throw refusal }
        if let receipt { return receipt }
        switch submission.content {
        case .events(let client):
            let ids = client.blocks.flatMap { block in (0..<block.count).map { block.ids[UInt32($0)] ?? UUID(high: 7, low: UInt64($0)) } }
            return .events(ids: ids, isRepeat: false)
        case .alerts(let block): return .events(ids: (0..<block.count).map { UUID(high: 7, low: UInt64($0)) }, isRepeat: false)
        case .native(let batches):
            var lanes: [Lane: UInt64] = [:]
            for received in batches { lanes[received.batch.lane] = received.batch.sequence }
            return .lanes(Acknowledgement(lanes: lanes))
        }
    }
}

/// A receiver behind its door.
struct Bench {
    let admission = FakeAdmission()
    let budget: BodyBudget
    let metrics = MetricsRegistry()
    let limits: ReceivingLimits
    let identification: Door.Identification

    init(
        limits: ReceivingLimits = ReceivingLimits(),
        budget: BodyBudget = BodyBudget(),
        as identification: Door.Identification = .known(.loopback)
    ) {
        (self.limits, self.budget, self.identification) = (limits, budget, identification)
    }

    var application: Application<RouterResponder<DoorContext>> {
        let receiver = Receiver(limits: limits, into: admission, budget: budget, time: ManualTime(), metrics: metrics)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let identification = identification
        let door = Door(
            routes: receiver.routes,
            identify: { _ in identification },
            limits: limits.body,
            time: ManualTime(),
            metrics: metrics,
            logger: logger
        )
        return Application(router: door.router(), configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: logger)
    }

    func post(_ path: String, _ body: [UInt8], _ headers: HTTPFields = [:], method: HTTPRequest.Method = .post) async throws -> Answer {
        try await application.test(.router) { client in
            Answer(try await client.execute(uri: path, method: method, headers: headers, body: ByteBuffer(bytes: body)))
        }
    }

    func post(_ path: String, _ body: String, _ headers: HTTPFields = [:]) async throws -> Answer { try await post(path, Array(body.utf8), headers) }
}

struct Answer {
    let status: Int
    let headers: HTTPFields
    let bytes: [UInt8]

    init(_ response: TestResponse) {
        (status, headers, bytes) = (response.status.code, response.headers, Array(response.body.readableBytesView))
    }

    var json: JSON { (try? JSON.parse(bytes)) ?? .null }
    var isProblem: Bool { headers[.contentType] == "application/problem+json" && json["status"]?.integer == Int64(status) }
    var detail: String { json["detail"]?.string ?? "" }
    var pointers: [String] { (json["errors"]?.array ?? []).compactMap { $0["pointer"]?.string } }
}

let good = #"{"source":"shop","type":"order.placed","severity":"info"}"#
