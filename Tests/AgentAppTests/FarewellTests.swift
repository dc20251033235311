import Logging
import ServiceLifecycle
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import AgentApp

private final class Intakes: Sink {
    let taken = Mutex<[Intake]>([])
    let calls = AsyncStream.makeStream(of: Void.self)

    func accept(_ element: Intake) async throws(SinkError) {
        taken.withLock { $0.append(element) }
        calls.continuation.yield()
    }
}

@Suite(.timeLimit(.minutes(1))) struct FarewellTests {
    private let intakes = Intakes()

    private func farewell(lastBootID: String?, beginsAnew: Bool = false) -> Farewell {
        Farewell(
            spool: intakes,
            host: "web-1",
            tags: ["a"],
            lastBootID: lastBootID,
            bootID: "b-2",
            absence: { .reboot },
            beginsAnew: { beginsAnew },
            time: ManualTime(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Runs it until its first word is said, then stops it as the program does.
    private func play(_ farewell: Farewell) async throws -> [Event] {
        let group = ServiceGroup(services: [farewell], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let calls = intakes.calls.stream
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await _ in calls { break }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        return intakes.taken.withLock { $0.flatMap(\.notices) }
    }

    @Test func `an agent says when it begins, and that it stops by order and why`() async throws {
        let said = try await play(farewell(lastBootID: "b-2"))
        #expect(said.map(\.type) == [AgentNotice.started, AgentNotice.stopped])
        #expect(said.last?.data == #"{"kind":"reboot"}"#)
        #expect(said.allSatisfy { $0.source == Event.ownSource && $0.host == "web-1" })
        #expect(intakes.taken.withLock { $0.first?.notes } == ["boot": "b-2"])
    }

    @Test func `another boot than the last time is said once, the first start is none`() async throws {
        #expect(try await play(farewell(lastBootID: "b-1")).map(\.type) == [AgentNotice.started, AgentNotice.booted, AgentNotice.stopped])
    }

    @Test func `an agent that goes on from its disk again is not away`() async throws {
        #expect(try await play(farewell(lastBootID: nil, beginsAnew: true)).map(\.type) == [AgentNotice.started])
    }
}
