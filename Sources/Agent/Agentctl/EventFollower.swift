import JSON
import Operating
import Synchronization
import Transferring
import UnixSignals

/// Follows the live stream of an aggregator until somebody has had enough: prints what comes, connects again behind the last event that was printed.
final class EventFollower: Sendable {
    private struct State {
        var parser: EventStreamParser
        var state = FollowState()
        var missed = 0
        /// Nobody reads what is printed any more.
        var isUnread = false
    }

    private enum End: Sendable {
        case asked
        case unread
        case failed(String)
    }

    /// The aggregator says something every 15 s; after three times that it is gone.
    private static let silenceMax = Duration.seconds(45)

    private let aggregator: AggregatorOptions
    private let path: String
    private let json: Bool
    private let line: EventLine
    private let state = Mutex(State(parser: EventStreamParser(lastID: nil)))

    /// - Parameter path: with the query.
    init(_ aggregator: AggregatorOptions, path: String, json: Bool, isColoured: Bool) {
        (self.aggregator, self.path, self.json, line) = (aggregator, path, json, EventLine(isColoured: isColoured))
    }

    /// Returns when it is interrupted (Ctrl-C, SIGTERM), or nobody reads on; throws when trying again would not help.
    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let end = await withTaskGroup(of: End.self) { group in
            group.addTask {
                for await _ in signals { return .asked }
                return .asked
            }
            group.addTask { await self.follow() }
            defer { group.cancelAll() }
            return await group.next() ?? .asked
        }
        let missed = state.withLock { $0.missed }
        if missed > 0 { Terminal.complain("\(missed) events were missed in all; agentctl events --start … has what the log still holds") }
        if case .failed(let why) = end { throw Failure(why) }
    }

    private func follow() async -> End {
        var generator = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            let outcome = await connect()
            if state.withLock({ $0.isUnread }) { return .unread }
            switch state.withLock({ $0.state.after(outcome, using: &generator) }) {
            case .fail(let why): return .failed(why)
            case .connect(let wait, let why):
                if Task.isCancelled { break }
                Terminal.complain("\(why); going on behind the last event in a moment")
                try? await Task.sleep(for: wait)
            }
        }
        return .asked
    }

    /// One connection, until it ends.
    private func connect() async -> FollowState.Outcome {
        let lastID = state.withLock { state in
            // A line that was cut begins anew with the connection.
            state.parser = EventStreamParser(lastID: state.parser.lastID)
            return state.parser.lastID
        }
        var headers = [HTTPHeader("Accept", "text/event-stream")]
        if let lastID { headers.append(HTTPHeader("Last-Event-ID", lastID)) }
        do {
            let response = try await aggregator.stream(path, headers, silenceMax: Self.silenceMax) { self.take($0) }
            guard response.status == 200 else {
                return .refused(status: response.status, retryAfter: response.retryAfter, aggregator.explain(response))
            }
            if state.withLock({ $0.parser.isBroken }) {
                return .failed(.invalid("\(aggregator.aggregator) answered with something that is no stream"))
            }
            return .ended("\(aggregator.aggregator) has ended the stream")
        } catch let error as TransferError {
            return .failed(error)
        } catch {
            return .failed(.invalid("\(error)"))
        }
    }

    /// On the transfer's thread, which may wait for a slow terminal: then the aggregator counts what is missed.
    private func take(_ piece: [UInt8]) -> Bool {
        state.withLock { state in
            state.state.heard()
            var (lines, missed, troubles) = ([String](), 0, [String]())
            let isGood = state.parser.take(piece) { message in
                switch message.event {
                case "message": lines.append(json ? message.data : (try? JSON.parse(message.data)).map { line.text(of: $0) } ?? message.data)
                case "missed":
                    let hole = try? JSON.parse(message.data)
                    let count = Int(clamping: hole?["missed"]?.integer ?? 0)
                    missed += count
                    troubles.append(Self.sentence(hole, count))
                case "problem": troubles.append((try? JSON.parse(message.data))?["detail"]?.string ?? message.data)
                default: break
                }
                return true
            }
            state.missed += missed
            if !lines.isEmpty, !Terminal.write(lines.joined(separator: "\n") + "\n") {
                state.isUnread = true
                return false
            }
            for trouble in troubles { Terminal.complain(trouble) }
            return isGood
        }
    }

    private static func sentence(_ hole: JSON?, _ count: Int) -> String {
        let (from, to) = (Terminal.text(hole?["from"]), Terminal.text(hole?["to"]))
        let many = count > 0 ? "\(count) events" : "some events"
        return hole?["reason"]?.string == "gone"
            ? "missed: \(many) between \(from) and \(to) were deleted by retention, or damaged, before they could be read"
            : "missed: \(many) between \(from) and \(to): they came faster than they were read here"
    }
}
