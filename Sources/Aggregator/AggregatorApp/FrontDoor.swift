import Answering
import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// The aggregator's one HTTP server.
struct FrontDoor: Service {
    struct Configuration: Sendable {
        var address: ListenAddress
        /// Nil: plain HTTP, on loopback only.
        var certificates: Certificates?
        /// Sockets open at once; more wait in the kernel's queue. Memory is bounded by the budget of bodies, this bounds descriptors.
        var connectionsMax = 16_384
        /// A connection on which nothing happens is closed. A little over a minute: agents send at least once a minute, so theirs stays open.
        var idleTimeout = TimeAmount.seconds(75)
        /// Which bodies a client that asks before sending is invited to send.
        var bodyLimits = BodyLimits()
        /// The kernel's queue of connections not yet accepted.
        var backlog = 1024
    }

    private let configuration: Configuration
    private let door: Door
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void
    private let onStopping: @Sendable () -> Void

    /// - Parameters:
    ///   - onListening: called once, when the first request can come.
    ///   - onStopping: called when the shutdown begins; requests under way are still answered.
    init(
        _ configuration: Configuration,
        door: Door,
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void,
        onStopping: @escaping @Sendable () -> Void
    ) {
        (self.configuration, self.door, self.logger) = (configuration, door, logger)
        (self.onListening, self.onStopping) = (onListening, onStopping)
    }

    func run() async throws {
        let (idleTimeout, bodyLimits) = (configuration.idleTimeout, configuration.bodyLimits)
        let (certificates, shortPosts) = (configuration.certificates, door.shortPosts())
        let server = HTTPServerBuilder { responder in
            let plain = HTTP1Channel(
                responder: { request, writer, channel in
                    if request.asksBeforeSending, bodyLimits.invites(request) {
                        try await writer.writeInformationalHead(HTTPResponse(status: .continue))
                    }
                    try await responder(request, writer, channel)
                },
                configuration: .init(idleTimeout: idleTimeout)
            )
            if let certificates { return LoopChannel(SecureChannel(plain, certificates: certificates), shortPosts: shortPosts) }
            return LoopChannel(plain, shortPosts: shortPosts)
        }
        // Hummingbird tells each start and stop of its own; what matters of it is told by Aggregator.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let (address, onListening) = (configuration.address, onListening)
        let application = Application(
            router: door.router(),
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                serverName: Door.serverName,
                backlog: configuration.backlog,
                availableConnectionsDelegate: .maximum(configuration.connectionsMax, logger: quiet)
            ),
            onServerRunning: { await onListening($0.localAddress?.port ?? address.port) },
            logger: quiet
        )
        let onStopping = onStopping
        do {
            try await withGracefulShutdownHandler {
                try await application.run()
            } onGracefulShutdown: {
                onStopping()
            }
        } catch let error as IOError {
            throw CannotListen(address: address, reason: unsafe String(cString: strerror(error.errnoCode)))
        }
    }
}

/// The address could not be bound.
struct CannotListen: Error, CustomStringConvertible {
    var address: ListenAddress
    var reason: String

    var description: String {
        "cannot listen on \(address): \(reason); see who has it (ss -ltnp), or give listen.address another one"
    }
}
