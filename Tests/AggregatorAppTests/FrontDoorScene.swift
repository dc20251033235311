import Answering
import Logging
import NIOCore
import Operating
import ServiceLifecycle
import Telemetry

@testable import AggregatorApp

/// The real server on a real socket, for as long as a test asks it.
enum FrontDoorScene {
    static func run(
        _ routes: [Route],
        _ certificates: Certificates? = nil,
        limits: BodyLimits = BodyLimits(),
        idleTimeout: TimeAmount = .seconds(75),
        connectionsMax: Int = 1000,
        as identify: @escaping @Sendable (String?) -> Door.Identification = { _ in .known(.loopback) },
        _ body: @Sendable (_ port: Int) async throws -> Void
    ) async throws {
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        let door = Door(routes: routes, identify: identify, limits: limits, time: SystemTime(), metrics: MetricsRegistry(), logger: quiet)
        let (ports, gate) = AsyncStream.makeStream(of: Int.self)
        let configuration = FrontDoor.Configuration(
            address: ListenAddress(host: "127.0.0.1", port: 0),
            certificates: certificates,
            connectionsMax: connectionsMax,
            idleTimeout: idleTimeout,
            bodyLimits: limits
        )
        let front = FrontDoor(configuration, door: door, logger: quiet, onListening: { gate.yield($0) }, onStopping: { gate.finish() })
        let group = ServiceGroup(configuration: .init(services: [front], logger: quiet))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await port in ports {
                do { try await body(port) } catch {
                    await group.triggerGracefulShutdown()
                    throw error
                }
                await group.triggerGracefulShutdown()
            }
            try await tasks.waitForAll()
        }
    }
}
