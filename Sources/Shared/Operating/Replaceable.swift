package import Logging
package import ServiceLifecycle
import Synchronization

/// A room that may be another one after a reload: it is stopped as at the program's end, and made anew from other settings. What it had made
/// durable is where the next one goes on.
package final class Replaceable<Settings: Sendable & Equatable, Room: Service>: Service {
    package struct Stopped: Error, Sendable, CustomStringConvertible {
        package let description = "the program stops"
    }

    private struct Wish {
        let settings: Settings
        let done: CheckedContinuation<Result<Void, any Error>, Never>
    }

    private struct State {
        var settings: Settings
        var room: Room?
        var wish: Wish?
        var isOver = false
    }

    private let state: Mutex<State>
    private let make: @Sendable (Settings) async throws -> Room?
    private let bell = Bell()
    private let turns = Turns()
    private let logger: Logger

    /// How long the old room may take to stop; then it is cancelled.
    private static var stopDuration: Duration { .seconds(4) }

    /// - Parameter make: nil: with these settings there is no such room.
    package init(_ settings: Settings, logger: Logger, make: @escaping @Sendable (Settings) async throws -> Room?) async throws {
        state = Mutex(State(settings: settings, room: try await make(settings)))
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        (self.make, self.logger) = (make, quiet)
    }

    /// The room of now; nil where the settings want none.
    package var current: Room? { state.withLock { $0.room } }

    /// What is in force now.
    package var settings: Settings { state.withLock { $0.settings } }

    /// Another room, if the settings are others. Returns true when the new one is there. Throws what the making of it threw: then the old settings are
    /// in force again.
    package func replace(with settings: Settings) async throws -> Bool {
        await turns.take()
        defer { turns.pass() }
        if state.withLock({ $0.settings == settings }) { return false }
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.wish = Wish(settings: settings, done: continuation) }
                return state.isOver
            }
            if isOver { continuation.resume(returning: .failure(Stopped())) } else { bell.ring() }
        }
        try result.get()
        return true
    }

    package func run() async throws {
        defer {
            let wish = state.withLock { state in
                state.isOver = true
                defer { state.wish = nil }
                return state.wish
            }
            wish?.done.resume(returning: .failure(Stopped()))
        }
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let seen = bell.rings
            if let wish = takeWish() {
                await fulfil(wish)
                continue
            }
            var services = [
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: Waiting(bell: bell, seen: seen),
                    successTerminationBehavior: .gracefullyShutdownGroup
                )
            ]
            if let room = current { services.insert(ServiceGroupConfiguration.ServiceConfiguration(service: room), at: 0) }
            var configuration = ServiceGroupConfiguration(services: services, logger: logger)
            configuration.maximumGracefulShutdownDuration = Self.stopDuration
            try await ServiceGroup(configuration: configuration).run()
        }
    }

    private func takeWish() -> Wish? {
        state.withLock { state in
            defer { state.wish = nil }
            return state.wish
        }
    }

    private func fulfil(_ wish: Wish) async {
        let before = state.withLock { $0.settings }
        do {
            let room = try await make(wish.settings)
            state.withLock { ($0.settings, $0.room) = (wish.settings, room) }
            wish.done.resume(returning: .success(()))
        } catch {
            // The old one has stopped by now and cannot run a second time.
            let room = try? await make(before)
            state.withLock { $0.room = room ?? nil }
            wish.done.resume(returning: .failure(error))
        }
    }

    /// Ends, and the room with it, when another one is wanted.
    private struct Waiting: Service {
        let bell: Bell
        let seen: UInt64

        func run() async throws { await cancelWhenGracefulShutdown { await bell.wait(after: seen) } }
    }
}
