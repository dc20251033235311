import Answering
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Operating
import Serving
import Synchronization
import Telemetry
import TestSupport
import Testing
import Wire

/// Where an agent's files stand, asked by one that has lost its spool.
struct AgentRoutesTests {
    private final class Files: FileDirectory {
        let asked = Mutex<[String]>([])
        let answer: Result<KnownFiles, LogError>

        init(_ answer: Result<KnownFiles, LogError>) { self.answer = answer }

        func knownFiles(of host: String, askedBy agents: [UUID]) async throws(LogError) -> KnownFiles {
            asked.withLock { $0.append(([host] + agents.map(\.description)).joined(separator: " ")) }
            return try answer.get()
        }
    }

    private static let agent = UUID(high: 0x1111_2222_3333_7444, low: 0x8555_6666_7777_8888)
    private static let known = KnownFiles(
        hasEarlierAgent: true,
        notedAt: Timestamp(milliseconds: 1_767_225_600_000),
        positions: [
            ReadPosition(
                path: "/var/log/\"a\".log",
                device: 66,
                inode: .max,
                offset: 4711,
                headHash: .max >> 1,
                headLength: 1024,
                tailHash: 3,
                tailLength: 256
            )
        ]
    )

    private func ask(_ query: String, _ files: Files, as principal: Principal) async throws -> (status: Int, body: [UInt8]) {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let door = Door(
            routes: AgentRoutes(files).routes,
            identify: { _ in .known(principal) },
            time: ManualTime(),
            metrics: MetricsRegistry(),
            logger: logger
        )
        return try await Application(router: door.router(), logger: logger).test(.router) { client in
            let response = try await client.execute(uri: "/api/v1/agents/positions\(query)", method: .get)
            return (response.status.code, Array(response.body.readableBytesView))
        }
    }

    private let bound = Principal(name: "web", role: .agent, host: "web-1")

    @Test func `an agent learns where its files stand, each number as it was told`() async throws {
        let files = Files(.success(Self.known))
        let (status, body) = try await ask("?host=web-1&agent=\(Self.agent)", files, as: bound)
        #expect(status == 200)
        #expect(KnownFilesJSON.decode(body) == Self.known)
        #expect(files.asked.withLock { $0 } == ["web-1 \(Self.agent)"])
    }

    @Test func `an agent may have delivered under more than one id`() async throws {
        let files = Files(.success(Self.known))
        let other = UUID(high: 2, low: 2)
        #expect(try await ask("?agent=\(Self.agent)&agent=\(other)", files, as: bound).status == 200)
        #expect(files.asked.withLock { $0 } == ["web-1 \(Self.agent) \(other)"])
        #expect(try await ask("?agent=\(Self.agent)&agent=nobody", files, as: bound).status == 400)
    }

    @Test func `a token that is bound to a host learns nothing of others`() async throws {
        let files = Files(.success(Self.known))
        #expect(try await ask("?host=db-1&agent=\(Self.agent)", files, as: bound).status == 403)
        #expect(try await ask("?agent=\(Self.agent)", files, as: bound).status == 200)
        #expect(try await ask("?host=db-1&agent=\(Self.agent)", files, as: Principal(name: "all", role: .agent)).status == 200)
        #expect(try await ask("?host=web-1&agent=\(Self.agent)", files, as: Principal(name: "eye", role: .viewer)).status == 403)
    }

    @Test(arguments: ["?agent=\(AgentRoutesTests.agent)", "?host=a", "?host=a&agent=1", "?host=a&agent=\(AgentRoutesTests.agent)&path=b"])
    func `a question that names not who asks, and for whom, is refused`(query: String) async throws {
        let files = Files(.success(Self.known))
        #expect(try await ask(query, files, as: Principal(name: "all", role: .agent)).status == 400)
        #expect(files.asked.withLock { $0 }.isEmpty)
    }

    @Test func `a log that cannot say is asked again`() async throws {
        #expect(try await ask("?host=web-1&agent=\(Self.agent)", Files(.failure(.busy("no"))), as: bound).status == 503)
    }

    @Test(arguments: ["", "<html>", "{}", #"{"earlier_agent":true,"positions":[{"path":"/a"}]}"#])
    func `what is no such answer is none`(text: String) { #expect(KnownFilesJSON.decode(Array(text.utf8)) == nil) }
}
