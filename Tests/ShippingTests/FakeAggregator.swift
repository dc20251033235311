import Operating
import Synchronization
import Telemetry
import Transferring
import Wire

/// An aggregator in memory: what it answers is a list, and after that it takes everything.
final class FakeAggregator: HTTPTransferring {
    enum Answer: Sendable {
        case accept
        case status(Int, detail: String = "because", retryAfter: Int? = nil)
        case plain(Int)
        case error(TransferError)
        /// Never answers.
        case hang
        /// Refuses a POST that holds this sequence.
        case refuse(sequence: UInt64, status: Int)
        /// Takes at most so many bytes.
        case limit(bytes: Int)
    }

    private struct State {
        var script: [Answer] = []
        var forEver: Answer = .accept
        var requests: [HTTPRequest] = []
        var watermarks: [Lane: UInt64] = [:]
        var received: [(lane: Lane, sequence: UInt64)] = []
    }

    private let state = Mutex(State())
    let asked = Bell()

    init(_ script: [Answer] = [], then forEver: Answer = .accept) {
        state.withLock { ($0.script, $0.forEver) = (script, forEver) }
    }

    var requests: [HTTPRequest] { state.withLock { $0.requests } }
    /// Sequences in the order in which they were stored.
    var received: [UInt64] { state.withLock { $0.received.map(\.sequence) } }
    var lanes: [Lane] { state.withLock { $0.received.map(\.lane) } }
    func answerForEver(_ answer: Answer) { state.withLock { $0.forEver = answer } }

    /// Suspends until so many requests came.
    func waitForRequests(_ count: Int) async {
        while true {
            let seen = asked.rings
            if requests.count >= count { return }
            await asked.wait(after: seen)
        }
    }

    func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        let answer = state.withLock { state in
            state.requests.append(request)
            return state.script.isEmpty ? state.forEver : state.script.removeFirst()
        }
        asked.ring()
        switch answer {
        case .accept: return accept(request)
        case .status(let status, let detail, let retryAfter): return Self.problem(status, detail, retryAfter)
        case .plain(let status): return HTTPResponse(status: status, headers: [HTTPHeader("content-type", "text/html")], body: Array("<p>".utf8))
        case .error(let error): throw error
        case .hang:
            while !Task.isCancelled { await asked.wait(after: .max) }
            throw .cancelled
        case .refuse(let sequence, let status):
            guard Self.open(request).contains(where: { $0.sequence == sequence }) else { return accept(request) }
            return Self.problem(status, "sequence \(sequence) is bad", nil)
        case .limit(let bytes):
            return request.body.count > bytes ? Self.problem(413, "at most \(bytes)", nil) : accept(request)
        }
    }

    static func open(_ request: HTTPRequest) -> [Batch] { ((try? Wire.open(request.body, inflatedBytesMax: 1 << 30)) ?? []).map(\.batch) }

    private func accept(_ request: HTTPRequest) -> HTTPResponse {
        let batches = Self.open(request)
        let acknowledgement = state.withLock { state in
            for batch in batches {
                state.received.append((batch.lane, batch.sequence))
                state.watermarks[batch.lane] = max(state.watermarks[batch.lane] ?? 0, batch.sequence)
            }
            return Acknowledgement(lanes: state.watermarks)
        }
        return HTTPResponse(
            status: 200,
            headers: [HTTPHeader("content-type", "application/json")],
            body: AcknowledgementJSON.encode(acknowledgement)
        )
    }

    private static func problem(_ status: Int, _ detail: String, _ retryAfter: Int?) -> HTTPResponse {
        var headers = [HTTPHeader("content-type", "application/problem+json")]
        if let retryAfter { headers.append(HTTPHeader("retry-after", "\(retryAfter)")) }
        return HTTPResponse(status: status, headers: headers, body: Array("{\"status\":\(status),\"detail\":\"\(detail)\"}".utf8))
    }
}
