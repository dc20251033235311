import Operating
import Shipping
import Synchronization
import Telemetry
import TestSupport
import Testing
import Transferring
import Wire

/// The question where files stood, over HTTP.
struct PositionsTests {
    private final class Answering: HTTPTransferring {
        let requests = Mutex<[HTTPRequest]>([])
        private let answer: Result<HTTPResponse, TransferError>

        init(_ answer: Result<HTTPResponse, TransferError>) { self.answer = answer }

        func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
            requests.withLock { $0.append(request) }
            return try answer.get()
        }
    }

    private static let agent = UUID(high: 0x1111_2222_3333_7444, low: 0x8555_6666_7777_8888)
    private static let problem = [HTTPHeader("Content-Type", "application/problem+json")]

    private func ask(_ answering: Answering, tokenFile: String? = nil, url: String = "http://127.0.0.1:8640/") async throws -> KnownFiles {
        let shipper = Shipper(from: FakeSource(), config: ShippingConfig(url: url, tokenFile: tokenFile), client: answering, time: ManualTime())
        return try await shipper.knownFiles(of: "wüste 1", askedBy: [Self.agent], within: .seconds(3))
    }

    @Test func `the question names host and agent, carries the token, and has its time`() async throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("sesame\n", to: folder("token"))
        let known = KnownFiles(
            hasEarlierAgent: true,
            positions: [ReadPosition(path: "/a", device: 1, inode: 2, offset: 3, headHash: 4, headLength: 5)]
        )
        let answering = Answering(.success(HTTPResponse(status: 200, body: KnownFilesJSON.encode(known, host: "wüste 1"))))
        #expect(try await ask(answering, tokenFile: folder("token")) == known)
        let request = try #require(answering.requests.withLock { $0.first })
        #expect(request.method == "GET")
        #expect(request.url == "http://127.0.0.1:8640/api/v1/agents/positions?host=w%C3%BCste%201&agent=\(Self.agent)")
        #expect(request.headers == [HTTPHeader("Authorization", "Bearer sesame")])
        #expect(request.timeout == .seconds(3))
    }

    @Test func `an aggregator of before, which does not know the question, knows of no files`() async throws {
        let answering = Answering(.success(HTTPResponse(status: 404, headers: Self.problem, body: Array("{}".utf8))))
        #expect(try await ask(answering) == KnownFiles(hasEarlierAgent: false))
    }

    @Test(arguments: [(404, "<html>"), (200, "<html>"), (401, "no"), (503, "no")])
    func `what is no answer is asked again`(status: Int, body: String) async throws {
        let answering = Answering(.success(HTTPResponse(status: status, body: Array(body.utf8))))
        await #expect(throws: PositionsUnknown.self) { try await ask(answering) }
    }

    @Test func `the reason is told in the aggregator's words, and a token crosses no network unencrypted`() async throws {
        let refusing = Answering(.success(HTTPResponse(status: 401, headers: Self.problem, body: Array(#"{"detail":"give a token"}"#.utf8))))
        await #expect(throws: PositionsUnknown(reason: "it answers 401: give a token")) { try await ask(refusing) }
        let folder = try TemporaryFolder()
        try TestFiles.write("sesame\n", to: folder("token"))
        let unasked = Answering(.success(HTTPResponse(status: 200)))
        await #expect(throws: PositionsUnknown.self) { try await ask(unasked, tokenFile: folder("token"), url: "http://tocsin.example.org") }
        #expect(unasked.requests.withLock { $0.isEmpty })
    }
}
