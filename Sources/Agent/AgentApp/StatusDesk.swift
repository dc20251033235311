import Alarming
import Collecting
import Controlling
import Judging
import Operating
import Shipping
import Spooling
import Tailing
import Telemetry

/// Asks each room how it is, and says what is wrong in sentences.
struct StatusDesk: Controllable {
    let identity: HostIdentity
    let startedAt: Timestamp
    let time: any TimeSource
    let spool: Spool
    let spoolDesk: SpoolDesk
    let rooms: ReplaceableRooms
    let reloader: Reloader<ReloadReport>
    /// Why there is no spool on disk; nil: there is one.
    let groundProblem: String?

    /// Losses of this time make the agent degraded; older ones are shown only.
    static let gapsMatterFor = Duration.seconds(3600)
    /// A spool this full needs somebody before it overflows.
    static let spoolShareMax = 0.8

    func flush() async { await rooms.shipping.current?.flush() }

    func reload() async -> ReloadReport { await reloader.reload() }

    func spool(_ command: ControlCommand) async throws(ControlError) -> [UInt8] { try await spoolDesk.answer(command) }

    func status() async -> AgentStatus {
        let shipping =
            rooms.shipping.current?.status()
            ?? ShippingStatus(url: nil, isReachable: false, lastAcknowledgedAt: nil, lastError: nil, failuresInARow: 0)
        var problems = groundProblem.map { [$0] } ?? []
        var spoolStatus = SpoolStatus(bytes: 0, maxBytes: 0, batches: [:], oldest: nil, secondsToFull: nil, gapCounts: [:], recentGaps: [])
        var identity = identity
        do throws(SinkError) {
            spoolStatus = try await spool.status()
            // A cloned spool has taken another id since the start.
            identity = try await spool.identity()
        } catch {
            problems.append("the spool does not work: \(error)")
        }
        let now = time.now()
        problems += Self.problems(of: shipping)
        problems += Self.problems(of: spoolStatus, at: now)
        let tails = rooms.tailing.current?.status() ?? []
        if let waits = rooms.tailing.current?.waitsFor() { problems.append(waits) }
        problems += tails.compactMap { tail in tail.problem.map { "\(tail.path) is not followed: \($0)" } }
        let inputs = (rooms.journal.current.map { [$0.status()] } ?? []) + (rooms.syslog.current?.status() ?? [])
        problems += inputs.compactMap { input in input.problem.map { "\(input.name): \($0)" } }
        problems += await rooms.judge.problems()
        problems += rooms.alarm.problems()
        let collected = rooms.collecting.current?.status() ?? []
        problems += collected.compactMap { collector in collector.lastError.map { "collector \(collector.name): \($0)" } }
        return AgentStatus(
            identity: identity,
            version: Version.current,
            startedAt: startedAt,
            now: now,
            spool: spoolStatus,
            shipping: shipping,
            tails: tails,
            inputs: inputs,
            rules: await rooms.judge.status(),
            collectors: collected,
            problems: problems
        )
    }

    static func problems(of shipping: ShippingStatus) -> [String] {
        // Before the first attempt nothing is known, and nothing is wrong.
        guard let url = shipping.url, let error = shipping.lastError else { return [] }
        return ["\(url) does not take what is collected, everything is kept: \(error)"]
    }

    static func problems(of spool: SpoolStatus, at now: Timestamp) -> [String] {
        var problems: [String] = []
        if let reason = spool.logsWait { problems.append("files are not read on until there is room: \(reason)") }
        if spool.maxBytes > 0, Double(spool.bytes) > spoolShareMax * Double(spool.maxBytes) {
            problems.append(
                "the spool is more than \(Int(spoolShareMax * 100)) % full: check that the aggregator takes data, or raise spool.max_size; "
                    + "the oldest batches are given up when it is full"
            )
        }
        let fresh = spool.recentGaps.filter { $0.reason.isLoss && now.duration(since: $0.to) < gapsMatterFor }
        if let latest = fresh.max(by: { $0.to < $1.to }) {
            problems.append("\(fresh.count == 1 ? "a gap" : "\(fresh.count) gaps") in the last hour, the latest: \(latest.source): \(latest.detail)")
        }
        return problems
    }
}

extension Gap.Reason {
    /// Whether something was lost that nobody asked to lose.
    fileprivate var isLoss: Bool {
        switch self {
        case .spoolFull, .truncated, .fileLost, .corrupt, .refused, .notStored, .spoolCloned, .spoolLost, .thinned, .datagramsLost: true
        case .lineCut, .purged, .retention, .stale: false
        }
    }
}
